/* Who has to go when connections, buffers or memory run out, so that strangers who hold on to things cannot keep others out. */
#include "kms/server/conn.h"

/* Whoever is not idle has at least this long before it may be closed for others. */
enum { GRACE_US = 1000000 };

typedef bool wanted_fn(const struct conn *c);

static bool any(const struct conn *c)
{
	(void)c;
	return true;
}

static bool holds_body(const struct conn *c)
{
	return c->big_charged > 0 || (c->slot && c->slot->parser.charged > 0);
}

static bool holds_cert(const struct conn *c)
{
	return c->cert != NULL;
}

/* The wanted one that is in one of the phases for longest and for at least grace; NULL if there is none. keep is spared. */
static struct conn *stalest(const struct loop *l, const enum phase *phases, size_t n, wanted_fn *wanted, uint64_t grace,
			    const struct conn *keep)
{
	struct conn *found = NULL;
	for (size_t i = 0; i < n; i++) {
		const struct link *list = &l->phases[phases[i]];
		for (struct link *at = list->next; at != list; at = at->next) {
			struct conn *c = (struct conn *)((uint8_t *)at - offsetof(struct conn, by_phase));
			if (l->now - c->since < grace || (found && found->since <= c->since))
				break;
			if (c == keep || !wanted(c))
				continue;
			found = c;
			break;
		}
	}
	return found;
}

#define STALEST(l, wanted, grace, keep, ...)                                                                                               \
	stalest(l, (const enum phase[]){__VA_ARGS__}, sizeof((const enum phase[]){__VA_ARGS__}) / sizeof(enum phase), wanted, grace, keep)

struct conn *room_for_connection(struct loop *l)
{
	struct conn *c = STALEST(l, any, GRACE_US, NULL, PHASE_HANDSHAKE, PHASE_DRAIN);
	if (!c)
		c = STALEST(l, any, 0, NULL, PHASE_IDLE);
	return c ? c : STALEST(l, any, GRACE_US, NULL, PHASE_HEAD, PHASE_BODY, PHASE_WRITE);
}

/* All slots are held. By slot, since many more connections may wait for one. */
struct conn *room_for_slot(struct loop *l)
{
	struct conn *found = NULL;
	for (unsigned i = 0; i < l->slots_max; i++) {
		struct conn *c = l->slots[i].holder;
		bool waits = c->phase == PHASE_HANDSHAKE || c->phase == PHASE_HEAD || c->phase == PHASE_BODY || c->phase == PHASE_WRITE;
		if (waits && l->now - c->since >= GRACE_US && (!found || c->since < found->since))
			found = c;
	}
	return found;
}

struct conn *room_for_cert(struct loop *l, const struct conn *keep)
{
	struct conn *c = STALEST(l, holds_cert, GRACE_US, keep, PHASE_HANDSHAKE, PHASE_HEAD, PHASE_BODY, PHASE_WRITE);
	return c ? c : STALEST(l, holds_cert, 0, keep, PHASE_IDLE);
}

/* One eighth is kept free for those who come next. */
static bool tight(struct budget *b)
{
	return atomic_load_explicit(&b->used, memory_order_relaxed) > b->max - b->max / 8;
}

bool room_relieve(struct loop *l)
{
	struct server *s = l->server;
	struct conn *c;
	while (tight(&s->bodies) && (c = STALEST(l, holds_body, GRACE_US, NULL, PHASE_BODY, PHASE_WRITE)) != NULL)
		room_evict(c, &server_series.evicted_memory);
	while (tight(&s->certs) && (c = room_for_cert(l, NULL)) != NULL)
		room_evict(c, &server_series.evicted_memory);
	return tight(&s->bodies) || tight(&s->certs);
}

void room_evict(struct conn *c, atomic_long *counter)
{
	metric_add(counter, 1);
	conn_close(c);
}
