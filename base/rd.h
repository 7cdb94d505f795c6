/* The bounded reader: the only way bytes from outside are taken apart.
 *
 * A cursor over a span. A read past the end sets `bad`, moves to the end and yields zero (or an empty span); every later read does
 * the same. So a parser reads a whole structure straight through and asks rd_ok() once, before it believes any of it. */
#ifndef UKMS_BASE_RD_H
#define UKMS_BASE_RD_H

#include "base/span.h"

struct rd {
	const uint8_t *p; /* next byte */
	size_t left;
	bool bad;
};

static inline struct rd rd_from(struct span s)
{
	return (struct rd){s.p, s.n, false};
}

/* true if nothing was read past the end or failed by rd_fail */
static inline bool rd_ok(const struct rd *r)
{
	return !r->bad;
}

/* true if everything was read and nothing was left over */
static inline bool rd_done(const struct rd *r)
{
	return !r->bad && r->left == 0;
}

/* Marks the input as malformed. */
void rd_fail(struct rd *r);

/* The next n bytes, borrowed; empty if there are fewer. */
struct span rd_bytes(struct rd *r, size_t n);
/* Everything that is left. */
struct span rd_rest(struct rd *r);
/* A reader over the next n bytes; it is bad from the start if there are fewer. */
struct rd rd_sub(struct rd *r, size_t n);
/* Copies exactly n bytes to out; zeros if there are fewer. */
void rd_copy(struct rd *r, void *out, size_t n);

/* Inline, as everything that is taken apart byte by byte passes here. */
static inline void rd_skip(struct rd *r, size_t n)
{
	if (r->bad || n > r->left) {
		rd_fail(r);
		return;
	}
	if (n)
		r->p += n;
	r->left -= n;
}

/* The next byte without taking it; 0 at the end, which is not a failure. */
static inline uint8_t rd_peek(const struct rd *r)
{
	return r->left ? *r->p : 0;
}

static inline uint8_t rd_u8(struct rd *r)
{
	uint8_t v = rd_peek(r);
	rd_skip(r, 1);
	return v;
}

uint16_t rd_u16le(struct rd *r);
uint32_t rd_u32le(struct rd *r);
uint64_t rd_u64le(struct rd *r);
uint16_t rd_u16be(struct rd *r);
uint32_t rd_u24be(struct rd *r);
uint32_t rd_u32be(struct rd *r);
uint64_t rd_u64be(struct rd *r);

#endif
