#include "crypto/der.h"

#include "base/civil.h"

enum { LENGTH_OCTETS_MAX = 3 };

static size_t length(struct rd *r)
{
	unsigned first = rd_u8(r);
	if (first < 0x80)
		return first;
	unsigned octets = first & 0x7f;
	if (octets == 0 || octets > LENGTH_OCTETS_MAX) {
		rd_fail(r);
		return 0;
	}
	size_t n = 0;
	for (unsigned i = 0; i < octets; i++)
		n = n << 8 | rd_u8(r);
	if (n < 0x80 || n >> (8 * (octets - 1)) == 0)
		rd_fail(r);
	return n;
}

bool der_is(const struct rd *r, unsigned tag)
{
	return r->left && rd_peek(r) == tag;
}

struct span der_any(struct rd *r, unsigned *tag, struct span *whole)
{
	struct rd start = *r;
	unsigned t = rd_u8(r);
	if ((t & 0x1f) == 0x1f)
		rd_fail(r);
	struct span body = rd_bytes(r, length(r));
	struct span all = rd_bytes(&start, rd_ok(r) ? start.left - r->left : 0);
	if (tag)
		*tag = rd_ok(r) ? t : 0;
	if (whole)
		*whole = all;
	return body;
}

struct span der_take(struct rd *r, unsigned tag)
{
	if (!der_is(r, tag))
		rd_fail(r);
	return der_any(r, NULL, NULL);
}

struct span der_whole(struct rd *r, unsigned tag)
{
	struct span whole;
	if (!der_is(r, tag))
		rd_fail(r);
	(void)der_any(r, NULL, &whole);
	return whole;
}

struct rd der_open(struct rd *r, unsigned tag)
{
	struct span body = der_take(r, tag);
	return (struct rd){body.p, body.n, r->bad};
}

bool der_bool(struct rd *r)
{
	struct span v = der_take(r, DER_BOOLEAN);
	if (v.n != 1 || (v.p[0] != 0x00 && v.p[0] != 0xff)) {
		rd_fail(r);
		return false;
	}
	return v.p[0] == 0xff;
}

struct span der_integer(struct rd *r)
{
	struct span v = der_take(r, DER_INTEGER);
	if (v.n == 0 || (v.n > 1 && ((v.p[0] == 0x00 && !(v.p[1] & 0x80)) || (v.p[0] == 0xff && (v.p[1] & 0x80)))))
		rd_fail(r);
	return rd_ok(r) ? v : (struct span){NULL, 0};
}

struct span der_unsigned(struct rd *r)
{
	struct span v = der_integer(r);
	if (v.n && v.p[0] & 0x80) {
		rd_fail(r);
		return (struct span){NULL, 0};
	}
	if (v.n > 1 && v.p[0] == 0) {
		struct rd in = rd_from(v);
		rd_skip(&in, 1);
		return rd_rest(&in);
	}
	return v;
}

uint64_t der_u64(struct rd *r)
{
	struct rd v = rd_from(der_unsigned(r));
	if (v.left > sizeof(uint64_t)) {
		rd_fail(r);
		return 0;
	}
	uint64_t n = 0;
	while (v.left)
		n = n << 8 | rd_u8(&v);
	return n;
}

struct span der_bits(struct rd *r)
{
	struct rd in = der_open(r, DER_BIT_STRING);
	if (rd_u8(&in) != 0 || !rd_ok(&in)) {
		rd_fail(r);
		return (struct span){NULL, 0};
	}
	return rd_rest(&in);
}

/* Two decimal digits; more than 99 if they are none. */
static unsigned two_digits(struct rd *r)
{
	unsigned tens = rd_u8(r) - (unsigned)'0', ones = rd_u8(r) - (unsigned)'0';
	return tens > 9 || ones > 9 ? 100 : 10 * tens + ones;
}

int64_t der_time(struct rd *r)
{
	unsigned tag;
	struct rd in = rd_from(der_any(r, &tag, NULL));
	unsigned year;
	if (tag == DER_UTC_TIME) {
		unsigned yy = two_digits(&in);
		year = yy < 50 ? 2000 + yy : 1900 + yy;
		if (yy > 99)
			rd_fail(&in);
	} else {
		unsigned century = two_digits(&in), yy = two_digits(&in);
		year = 100 * century + yy;
		if (tag != DER_GENERALIZED_TIME || century > 99 || yy > 99)
			rd_fail(&in);
	}
	unsigned month = two_digits(&in), day = two_digits(&in), hour = two_digits(&in), minute = two_digits(&in), second = two_digits(&in);
	if (rd_u8(&in) != 'Z' || !rd_done(&in))
		rd_fail(r);
	int64_t t = civil_seconds(year, month, day, hour, minute, second);
	if (t == CIVIL_INVALID)
		rd_fail(r);
	return rd_ok(r) ? t : 0;
}
