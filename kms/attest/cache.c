#include "kms/attest/cache.h"

#include <pthread.h>
#include <stdlib.h>

/* A verdict is made again after this many seconds even if nothing it rests on expires: revocation lists and TCB levels move on. */
enum { KEEP_MAX = 3600, TEXT_MAX = 2048, DEVICE_MAX = 128, STATUS_MAX = 64 };

struct entry {
	int64_t expires; /* 0: free */
	int64_t verdict_expires;
	uint8_t digest[32];
	uint8_t status[STATUS_MAX], device[DEVICE_MAX], text[TEXT_MAX];
	uint16_t status_len, device_len, advisory_len[ADVISORIES_MAX];
	size_t advisory_count;
};

struct evidence_cache {
	pthread_mutex_t lock;
	size_t room;
	struct entry entry[];
};

int evidence_cache_open(size_t room, struct evidence_cache **out)
{
	struct evidence_cache *c = calloc(1, sizeof *c + room * sizeof c->entry[0]);
	if (!c)
		return ERR_LIMIT;
	c->room = room;
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return 0;
}

void evidence_cache_close(struct evidence_cache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry *find(struct evidence_cache *c, const uint8_t digest[32])
{
	for (size_t i = 0; i < c->room; i++)
		if (c->entry[i].expires && memcmp(c->entry[i].digest, digest, 32) == 0)
			return &c->entry[i];
	return NULL;
}

static bool copy_out(struct arena *a, const struct entry *e, struct verdict *out)
{
	struct span text = arena_dup(a, SPAN(e->text, sizeof e->text));
	out->tcb_status = arena_dup(a, SPAN(e->status, e->status_len));
	out->device = arena_dup(a, SPAN(e->device, e->device_len));
	if (!text.p || !out->tcb_status.p || !out->device.p)
		return false;
	size_t at = 0;
	for (size_t i = 0; i < e->advisory_count; i++) {
		out->advisories[i] = SPAN(text.p + at, e->advisory_len[i]);
		at += e->advisory_len[i];
	}
	out->advisory_count = e->advisory_count;
	out->expires = e->verdict_expires;
	return true;
}

atomic_long evidence_cache_hits, evidence_cache_misses;

bool evidence_cache_get(struct evidence_cache *c, struct arena *a, const uint8_t digest[32], int64_t now, struct verdict *out)
{
	bool hit = false;
	pthread_mutex_lock(&c->lock);
	const struct entry *e = find(c, digest);
	if (e && now < e->expires)
		hit = copy_out(a, e, out);
	pthread_mutex_unlock(&c->lock);
	atomic_fetch_add_explicit(hit ? &evidence_cache_hits : &evidence_cache_misses, 1, memory_order_relaxed);
	return hit;
}

static bool fits(const struct verdict *v)
{
	size_t n = 0;
	for (size_t i = 0; i < v->advisory_count; i++)
		n += v->advisories[i].n;
	return n <= TEXT_MAX && v->tcb_status.n <= STATUS_MAX && v->device.n <= DEVICE_MAX;
}

static uint16_t copy_in(uint8_t *to, struct span s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	return (uint16_t)s.n;
}

void evidence_cache_put(struct evidence_cache *c, const uint8_t digest[32], int64_t now, const struct verdict *v)
{
	if (!fits(v) || v->expires <= now || c->room == 0)
		return;
	pthread_mutex_lock(&c->lock);
	struct entry *e = find(c, digest);
	for (size_t i = 0; !e && i < c->room; i++)
		if (c->entry[i].expires <= now)
			e = &c->entry[i];
	if (!e) {
		e = &c->entry[0];
		for (size_t i = 1; i < c->room; i++)
			if (c->entry[i].expires < e->expires)
				e = &c->entry[i];
	}
	e->verdict_expires = v->expires;
	e->expires = v->expires - now > KEEP_MAX ? now + KEEP_MAX : v->expires;
	memcpy(e->digest, digest, 32);
	e->status_len = copy_in(e->status, v->tcb_status);
	e->device_len = copy_in(e->device, v->device);
	size_t at = 0;
	for (size_t i = 0; i < v->advisory_count; i++) {
		e->advisory_len[i] = copy_in(e->text + at, v->advisories[i]);
		at += v->advisories[i].n;
	}
	e->advisory_count = v->advisory_count;
	pthread_mutex_unlock(&c->lock);
}
