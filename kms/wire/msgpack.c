#include "kms/wire/msgpack.h"

#include "base/text.h"

/* Bounds on the time that 10 MiB may take. The largest value that is ever read is a quote: 2^20 integers. */
enum { DEPTH_MAX = 64, VALUES_MAX = 1 << 21, MEMBERS_MAX = 1024, NAMES_MAX = 8 };

/* How a type byte says its length: a fixed range, or 1, 2 or 4 bytes behind it. */
static size_t length(struct rd *r, unsigned width)
{
	return width == 1 ? rd_u8(r) : width == 2 ? rd_u16be(r) : rd_u32be(r);
}

static size_t bound(struct rd *r, size_t n, size_t item_min)
{
	if (n > r->left / item_min) {
		rd_fail(r);
		return 0;
	}
	return n;
}

static size_t wrong_type(struct rd *r)
{
	rd_fail(r);
	return 0;
}

size_t msgpack_array(struct rd *r)
{
	uint8_t t = rd_u8(r);
	if ((t & 0xf0) == 0x90)
		return bound(r, t & 0x0f, 1);
	if (t == 0xdc || t == 0xdd)
		return bound(r, length(r, t == 0xdc ? 2 : 4), 1);
	return wrong_type(r);
}

size_t msgpack_map(struct rd *r)
{
	uint8_t t = rd_u8(r);
	if ((t & 0xf0) == 0x80)
		return bound(r, t & 0x0f, 2);
	if (t == 0xde || t == 0xdf)
		return bound(r, length(r, t == 0xde ? 2 : 4), 2);
	return wrong_type(r);
}

uint64_t msgpack_uint(struct rd *r, uint64_t max)
{
	uint8_t t = rd_u8(r);
	uint64_t v;
	switch (t) {
	case 0xcc:
		v = rd_u8(r);
		break;
	case 0xcd:
		v = rd_u16be(r);
		break;
	case 0xce:
		v = rd_u32be(r);
		break;
	case 0xcf:
		v = rd_u64be(r);
		break;
	/* signed forms; a negative number is beyond every max */
	case 0xd0:
		v = rd_u8(r);
		if (v & 0x80)
			return wrong_type(r);
		break;
	case 0xd1:
		v = rd_u16be(r);
		if (v & 0x8000)
			return wrong_type(r);
		break;
	case 0xd2:
		v = rd_u32be(r);
		if (v & 0x80000000u)
			return wrong_type(r);
		break;
	case 0xd3:
		v = rd_u64be(r);
		if (v >> 63)
			return wrong_type(r);
		break;
	default:
		if (t > 0x7f)
			return wrong_type(r);
		v = t;
	}
	if (v > max)
		return wrong_type(r);
	return rd_ok(r) ? v : 0;
}

struct span msgpack_str(struct rd *r)
{
	uint8_t t = rd_u8(r);
	size_t n;
	if ((t & 0xe0) == 0xa0)
		n = t & 0x1f;
	else if (t >= 0xd9 && t <= 0xdb)
		n = length(r, 1u << (t - 0xd9));
	else
		n = wrong_type(r);
	struct span s = rd_bytes(r, n);
	if (!utf8_valid(s)) {
		rd_fail(r);
		return SPAN(NULL, 0);
	}
	return s;
}

struct span msgpack_bin(struct rd *r)
{
	uint8_t t = rd_u8(r);
	if (t < 0xc4 || t > 0xc6) {
		rd_fail(r);
		return SPAN(NULL, 0);
	}
	return rd_bytes(r, length(r, 1u << (t - 0xc4)));
}

bool msgpack_nil(struct rd *r)
{
	if (r->left == 0 || rd_peek(r) != 0xc0)
		return false;
	rd_skip(r, 1);
	return true;
}

/* Behind the type byte: takes the rest of a value that is no array or map, or the length of one that is. Number of items, each a value. */
static size_t skip_lead(struct rd *r, uint8_t t, bool *nested)
{
	*nested = t <= 0x9f || t >= 0xdc;
	if (t <= 0x8f)
		return bound(r, t & 0x0f, 2) * 2;
	if (t <= 0x9f)
		return bound(r, t & 0x0f, 1);
	if (t <= 0xbf) {
		rd_skip(r, t & 0x1f);
		return 0;
	}
	switch (t) {
	case 0xc0: /* nil, false, true */
	case 0xc2:
	case 0xc3:
		return 0;
	case 0xc4: /* bin */
	case 0xc5:
	case 0xc6:
		rd_skip(r, length(r, 1u << (t - 0xc4)));
		return 0;
	case 0xc7: /* ext: a length, a type, data */
	case 0xc8:
	case 0xc9: {
		size_t n = length(r, 1u << (t - 0xc7));
		rd_skip(r, 1);
		rd_skip(r, n);
		return 0;
	}
	case 0xca: /* floats */
		rd_skip(r, 4);
		return 0;
	case 0xcb:
		rd_skip(r, 8);
		return 0;
	case 0xcc: /* unsigned, signed */
	case 0xcd:
	case 0xce:
	case 0xcf:
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		rd_skip(r, (size_t)1 << (t & 3));
		return 0;
	case 0xd4: /* ext of 1, 2, 4, 8, 16 bytes */
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		rd_skip(r, 1 + ((size_t)1 << (t - 0xd4)));
		return 0;
	case 0xd9: /* str */
	case 0xda:
	case 0xdb:
		rd_skip(r, length(r, 1u << (t - 0xd9)));
		return 0;
	case 0xdc:
	case 0xdd:
		return bound(r, length(r, t == 0xdc ? 2 : 4), 1);
	case 0xde:
	case 0xdf:
		return bound(r, length(r, t == 0xde ? 2 : 4), 2) * 2;
	default: /* c1 is never used */
		return wrong_type(r);
	}
}

static void skip(struct rd *r)
{
	size_t left[DEPTH_MAX + 1] = {1}; /* values still to come on each level */
	unsigned depth = 0;
	size_t values = 0;
	while (rd_ok(r)) {
		while (left[depth] == 0) {
			if (depth-- == 0)
				return;
		}
		left[depth]--;
		uint8_t t = rd_u8(r);
		bool nested;
		if (++values > VALUES_MAX)
			rd_fail(r);
		if (t <= 0x7f || t >= 0xe0)
			continue;
		size_t items = skip_lead(r, t, &nested);
		if (!nested)
			continue;
		if (depth == DEPTH_MAX)
			rd_fail(r);
		else
			left[++depth] = items;
	}
}

struct rd msgpack_skip(struct rd *r)
{
	struct rd start = *r;
	skip(r);
	if (!rd_ok(r)) {
		start.bad = true;
		start.left = 0;
		return start;
	}
	return rd_sub(&start, start.left - r->left);
}

void msgpack_members(struct rd *r, const char *const *names, struct rd *found, size_t n)
{
	size_t len[NAMES_MAX];
	if (n > NAMES_MAX)
		rd_fail(r);
	for (size_t i = 0; i < n; i++)
		found[i] = (struct rd){NULL, 0, true};
	for (size_t i = 0; i < n && i < NAMES_MAX; i++)
		len[i] = strlen(names[i]);
	size_t pairs = msgpack_map(r);
	if (pairs > MEMBERS_MAX)
		rd_fail(r);
	for (; pairs > 0 && rd_ok(r); pairs--) {
		struct span key = msgpack_str(r);
		struct rd value = msgpack_skip(r);
		if (!rd_ok(r))
			return;
		for (size_t i = 0; i < n; i++) {
			if (!span_eq(key, SPAN(names[i], len[i])))
				continue;
			if (found[i].p)
				rd_fail(r);
			found[i] = value;
		}
	}
}

void msgpack_put_array(struct wr *w, size_t n)
{
	if (n < 16) {
		wr_u8(w, (uint8_t)(0x90 | n));
	} else if (n <= UINT16_MAX) {
		wr_u8(w, 0xdc);
		wr_u16be(w, (uint16_t)n);
	} else {
		wr_u8(w, 0xdd);
		wr_u32be(w, (uint32_t)n);
	}
}

void msgpack_put_map(struct wr *w, size_t n)
{
	if (n < 16) {
		wr_u8(w, (uint8_t)(0x80 | n));
	} else if (n <= UINT16_MAX) {
		wr_u8(w, 0xde);
		wr_u16be(w, (uint16_t)n);
	} else {
		wr_u8(w, 0xdf);
		wr_u32be(w, (uint32_t)n);
	}
}

void msgpack_put_uint(struct wr *w, uint64_t v)
{
	if (v <= 0x7f) {
		wr_u8(w, (uint8_t)v);
	} else if (v <= UINT8_MAX) {
		wr_u8(w, 0xcc);
		wr_u8(w, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		wr_u8(w, 0xcd);
		wr_u16be(w, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		wr_u8(w, 0xce);
		wr_u32be(w, (uint32_t)v);
	} else {
		wr_u8(w, 0xcf);
		wr_u64be(w, v);
	}
}

void msgpack_put_str(struct wr *w, struct span s)
{
	if (s.n < 32) {
		wr_u8(w, (uint8_t)(0xa0 | s.n));
	} else if (s.n <= UINT8_MAX) {
		wr_u8(w, 0xd9);
		wr_u8(w, (uint8_t)s.n);
	} else if (s.n <= UINT16_MAX) {
		wr_u8(w, 0xda);
		wr_u16be(w, (uint16_t)s.n);
	} else {
		wr_u8(w, 0xdb);
		wr_u32be(w, (uint32_t)s.n);
	}
	wr_put(w, s);
}

void msgpack_put_bin(struct wr *w, struct span s)
{
	if (s.n <= UINT8_MAX) {
		wr_u8(w, 0xc4);
		wr_u8(w, (uint8_t)s.n);
	} else if (s.n <= UINT16_MAX) {
		wr_u8(w, 0xc5);
		wr_u16be(w, (uint16_t)s.n);
	} else {
		wr_u8(w, 0xc6);
		wr_u32be(w, (uint32_t)s.n);
	}
	wr_put(w, s);
}

void msgpack_put_bytes_as_array(struct wr *w, struct span s)
{
	msgpack_put_array(w, s.n);
	for (size_t i = 0; i < s.n; i++)
		msgpack_put_uint(w, s.p[i]);
}
