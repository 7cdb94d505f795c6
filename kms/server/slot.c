#include <sys/mman.h>

#include "base/wipe.h"
#include "kms/server/conn.h"

enum { KEEP_DIRTY = 8 };

bool slot_attach(struct conn *c)
{
	struct loop *l = c->loop;
	if (c->slot)
		return true;
	if (l->free_count == 0) {
		/* Whoever waits is tried again by feed_starved(), and not at each of its bytes. */
		if (!link_alone(&c->starved))
			return false;
		struct conn *victim = room_for_slot(l);
		if (!victim) {
			link_last(&l->starved, &c->starved);
			return false;
		}
		room_evict(victim, &server_series.evicted_records);
	}
	c->slot = &l->slots[l->free_slots[--l->free_count]];
	c->slot->holder = c;
	if (l->clean_slots > l->free_count)
		l->clean_slots = l->free_count;
	c->slot->in_high = c->slot->out_high = c->slot->store_high = 0;
	c->in_at = c->in_len = 0;
	if (c->handshaken) {
		c->tls.eng.ibuf = c->slot->in;
		c->tls.eng.obuf = c->slot->out;
	}
	metric_add(&server_series.records, 1);
	return true;
}

void slot_release(struct conn *c)
{
	struct loop *l = c->loop;
	struct slot *s = c->slot;
	if (!s)
		return;
	request_end(c);
	wipe(s->in, s->in_high);
	wipe(s->out, s->out_high);
	wipe(s->store, s->store_high);
	c->tls.eng.ibuf = c->tls.eng.obuf = NULL;
	c->slot = NULL;
	s->holder = NULL;
	l->free_slots[l->free_count++] = (uint32_t)(s - l->slots);
	metric_add(&server_series.records, -1);
}

void slots_trim(struct loop *l)
{
	while (l->clean_slots + KEEP_DIRTY < l->free_count) {
		/* Whole pages inside the slot; its neighbours share the first and the last one. */
		uintptr_t from = (uintptr_t)&l->slots[l->free_slots[l->clean_slots++]], to = from + sizeof(struct slot);
		from = (from + 4095) & ~(uintptr_t)4095;
		to &= ~(uintptr_t)4095;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
}
