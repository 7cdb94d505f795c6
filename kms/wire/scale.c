#include "kms/wire/scale.h"

#include "base/text.h"

uint32_t scale_compact(struct rd *r)
{
	uint8_t first = rd_u8(r);
	uint32_t v, least;
	switch (first & 3) {
	case 0:
		return first >> 2;
	case 1:
		v = (first | (uint32_t)rd_u8(r) << 8) >> 2;
		least = 1u << 6;
		break;
	case 2:
		v = first | (uint32_t)rd_u8(r) << 8;
		v = (v | (uint32_t)rd_u16le(r) << 16) >> 2;
		least = 1u << 14;
		break;
	default:
		if (first >> 2 != 0) {
			rd_fail(r);
			return 0;
		}
		v = rd_u32le(r);
		least = 1u << 30;
		break;
	}
	if (v < least || !rd_ok(r)) {
		rd_fail(r);
		return 0;
	}
	return v;
}

size_t scale_count(struct rd *r, size_t item_min)
{
	uint32_t n = scale_compact(r);
	if (n > r->left / item_min) {
		rd_fail(r);
		return 0;
	}
	return n;
}

struct span scale_bytes(struct rd *r)
{
	return rd_bytes(r, scale_compact(r));
}

struct span scale_str(struct rd *r)
{
	struct span s = scale_bytes(r);
	if (!utf8_valid(s)) {
		rd_fail(r);
		return SPAN(NULL, 0);
	}
	return s;
}

void scale_put_compact(struct wr *w, size_t n)
{
	if (n < 1u << 6) {
		wr_u8(w, (uint8_t)(n << 2));
	} else if (n < 1u << 14) {
		wr_u16le(w, (uint16_t)(n << 2 | 1));
	} else if (n < 1u << 30) {
		wr_u32le(w, (uint32_t)(n << 2 | 2));
	} else if (n <= UINT32_MAX) {
		wr_u8(w, 3);
		wr_u32le(w, (uint32_t)n);
	} else {
		w->full = true;
	}
}

void scale_put_bytes(struct wr *w, struct span s)
{
	scale_put_compact(w, s.n);
	wr_put(w, s);
}
