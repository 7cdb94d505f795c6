#include "base/rd.h"

void rd_fail(struct rd *r)
{
	r->bad = true;
	if (r->left) /* an empty reader may have no address to count from */
		r->p += r->left;
	r->left = 0;
}

struct span rd_bytes(struct rd *r, size_t n)
{
	if (r->bad || n > r->left) {
		rd_fail(r);
		return (struct span){NULL, 0};
	}
	struct span s = {r->p, n};
	if (n)
		r->p += n;
	r->left -= n;
	return s;
}

struct span rd_rest(struct rd *r)
{
	return rd_bytes(r, r->left);
}

struct rd rd_sub(struct rd *r, size_t n)
{
	struct span s = rd_bytes(r, n);
	return (struct rd){s.p, s.n, r->bad};
}

void rd_copy(struct rd *r, void *out, size_t n)
{
	struct span s = rd_bytes(r, n);
	if (s.n == n && n > 0)
		memcpy(out, s.p, n);
	else if (n > 0)
		memset(out, 0, n);
}

static uint64_t le(struct rd *r, size_t n)
{
	struct span s = rd_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = s.n; i > 0; i--)
		v = v << 8 | s.p[i - 1];
	return v;
}

static uint64_t be(struct rd *r, size_t n)
{
	struct span s = rd_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

uint16_t rd_u16le(struct rd *r)
{
	return (uint16_t)le(r, 2);
}

uint32_t rd_u32le(struct rd *r)
{
	return (uint32_t)le(r, 4);
}

uint64_t rd_u64le(struct rd *r)
{
	return le(r, 8);
}

uint16_t rd_u16be(struct rd *r)
{
	return (uint16_t)be(r, 2);
}

uint32_t rd_u24be(struct rd *r)
{
	return (uint32_t)be(r, 3);
}

uint32_t rd_u32be(struct rd *r)
{
	return (uint32_t)be(r, 4);
}

uint64_t rd_u64be(struct rd *r)
{
	return be(r, 8);
}
