/* Ed25519 verification (RFC 8032, 5.1.7, without the cofactor), of certificates only: everything is public, and speed does not matter. */
#include <bearssl.h>
#include <string.h>

#include "crypto/sig.h"

enum { KEY_LEN = 32, SIGNATURE_LEN = 64, LIMBS = 5, LIMB_BITS = 51 };
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)

/* A number modulo 2^255 - 19 in limbs of 51 bits and a little more: below 2^54 each, which every operation takes and fe_mul gives back as
 * less than 2^52. */
struct fe {
	uint64_t v[LIMBS];
};

/* Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. */
struct point {
	struct fe x, y, z, t;
};

static const struct fe zero, one = {{1}}, curve_d = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}},
			     twice_d = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}},
			     root_of_minus_one = {{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

static const struct point base = {{{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5}},
				  {{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666}},
				  {{1}},
				  {{0x68ab3a5b7dda3, 0x0eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732, 0x67875f0fd78b7}}};

/* The order of the base point, 2^252 + 27742317777372353535851937790883648493. */
static const uint64_t order[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};

static struct fe carried(struct fe a)
{
	for (size_t i = 0; i < LIMBS; i++) {
		uint64_t over = a.v[i] >> LIMB_BITS;
		a.v[i] &= LIMB_MASK;
		if (i + 1 < LIMBS)
			a.v[i + 1] += over;
		else
			a.v[0] += 19 * over;
	}
	return a;
}

static struct fe fe_add(struct fe a, struct fe b)
{
	for (size_t i = 0; i < LIMBS; i++)
		a.v[i] += b.v[i];
	return carried(a);
}

/* Four times the modulus is added, so that no limb falls below zero. */
static struct fe fe_sub(struct fe a, struct fe b)
{
	for (size_t i = 0; i < LIMBS; i++)
		a.v[i] += 4 * (i ? LIMB_MASK : LIMB_MASK - 18) - b.v[i];
	return carried(a);
}

static struct fe fe_mul(struct fe a, struct fe b)
{
	unsigned __int128 sum[LIMBS] = {0}, carry = 0;
	struct fe out;
	for (size_t i = 0; i < LIMBS; i++)
		for (size_t k = 0; k < LIMBS; k++)
			sum[(i + k) % LIMBS] += (unsigned __int128)a.v[i] * b.v[k] * (i + k < LIMBS ? 1 : 19);
	for (size_t i = 0; i < LIMBS; i++) {
		sum[i] += carry;
		out.v[i] = (uint64_t)sum[i] & LIMB_MASK;
		carry = sum[i] >> LIMB_BITS;
	}
	carry = carry * 19 + out.v[0];
	out.v[0] = (uint64_t)carry & LIMB_MASK;
	out.v[1] += (uint64_t)(carry >> LIMB_BITS);
	return out;
}

/* The one form below the modulus, as 32 bytes, little endian. */
static void fe_bytes(struct fe a, uint8_t out[KEY_LEN])
{
	a = carried(carried(a));
	/* one when a is the modulus or above: then the 19 carries through */
	uint64_t q = 19;
	for (size_t i = 0; i < LIMBS; i++)
		q = (a.v[i] + q) >> LIMB_BITS;
	a.v[0] += 19 * q;
	for (size_t i = 0; i + 1 < LIMBS; i++) {
		a.v[i + 1] += a.v[i] >> LIMB_BITS;
		a.v[i] &= LIMB_MASK;
	}
	a.v[LIMBS - 1] &= LIMB_MASK;
	for (size_t bit = 0; bit < 8 * KEY_LEN; bit += 8) {
		uint64_t low = a.v[bit / LIMB_BITS] >> bit % LIMB_BITS;
		if (bit % LIMB_BITS > LIMB_BITS - 8 && bit / LIMB_BITS + 1 < LIMBS)
			low |= a.v[bit / LIMB_BITS + 1] << (LIMB_BITS - bit % LIMB_BITS);
		out[bit / 8] = (uint8_t)low;
	}
}

static bool fe_equal(struct fe a, struct fe b)
{
	uint8_t x[KEY_LEN], y[KEY_LEN];
	fe_bytes(a, x);
	fe_bytes(b, y);
	return memcmp(x, y, KEY_LEN) == 0;
}

static struct fe fe_from(const uint8_t in[KEY_LEN])
{
	struct fe out = zero;
	for (size_t bit = 0; bit < 255; bit++)
		out.v[bit / LIMB_BITS] |= (uint64_t)(in[bit / 8] >> bit % 8 & 1) << bit % LIMB_BITS;
	return out;
}

/* a to the power of 2^bits - last, which ends in the five binary digits low: all exponents here are runs of ones and a tail. */
static struct fe fe_power(struct fe a, unsigned bits, unsigned low)
{
	struct fe out = one;
	for (unsigned i = bits; i-- > 0;) {
		out = fe_mul(out, out);
		if (i >= 5 || low >> i & 1)
			out = fe_mul(out, a);
	}
	return out;
}

/* By the complete addition law of a twisted Edwards curve with a = -1: it doubles, too. */
static struct point point_add(const struct point *p, const struct point *q)
{
	struct fe a = fe_mul(fe_sub(p->y, p->x), fe_sub(q->y, q->x)), b = fe_mul(fe_add(p->y, p->x), fe_add(q->y, q->x));
	struct fe c = fe_mul(fe_mul(p->t, twice_d), q->t), d = fe_mul(fe_add(p->z, p->z), q->z);
	struct fe e = fe_sub(b, a), f = fe_sub(d, c), g = fe_add(d, c), h = fe_add(b, a);
	return (struct point){fe_mul(e, f), fe_mul(g, h), fe_mul(f, g), fe_mul(e, h)};
}

/* The point of an encoding, negated; false if there is none. */
static bool point_negated(const uint8_t in[KEY_LEN], struct point *out)
{
	struct fe y = fe_from(in), yy = fe_mul(y, y);
	struct fe u = fe_sub(yy, one), v = fe_add(fe_mul(curve_d, yy), one);
	struct fe v3 = fe_mul(fe_mul(v, v), v), v7 = fe_mul(fe_mul(v3, v3), v);
	/* (p - 5) / 8 is 2^252 - 3 */
	struct fe x = fe_mul(fe_mul(u, v3), fe_power(fe_mul(u, v7), 252, 0x1d));
	struct fe vxx = fe_mul(v, fe_mul(x, x));
	if (!fe_equal(vxx, u)) {
		if (!fe_equal(vxx, fe_sub(zero, u)))
			return false;
		x = fe_mul(x, root_of_minus_one);
	}
	uint8_t bytes[KEY_LEN];
	fe_bytes(x, bytes);
	if ((bytes[0] & 1) == in[KEY_LEN - 1] >> 7)
		x = fe_sub(zero, x);
	*out = (struct point){x, y, one, fe_mul(x, y)};
	return true;
}

static void point_bytes(const struct point *p, uint8_t out[KEY_LEN])
{
	uint8_t x[KEY_LEN];
	struct fe inverse = fe_power(p->z, 255, 0x0b); /* p - 2 is 2^255 - 21 */
	fe_bytes(fe_mul(p->x, inverse), x);
	fe_bytes(fe_mul(p->y, inverse), out);
	out[KEY_LEN - 1] |= (uint8_t)((x[0] & 1) << 7);
}

static bool below_order(const uint64_t n[4])
{
	for (size_t i = 4; i-- > 0;)
		if (n[i] != order[i])
			return n[i] < order[i];
	return false;
}

/* in modulo the order, both little endian; bit by bit from the top. */
static void reduce(const uint8_t in[64], uint64_t out[4])
{
	memset(out, 0, 4 * sizeof *out);
	for (size_t bit = 512; bit-- > 0;) {
		for (size_t i = 4; i-- > 0;)
			out[i] = out[i] << 1 | (i ? out[i - 1] >> 63 : in[bit / 8] >> bit % 8 & 1u);
		if (below_order(out))
			continue;
		unsigned borrow = 0;
		for (size_t i = 0; i < 4; i++) {
			unsigned __int128 diff = (unsigned __int128)out[i] - order[i] - borrow;
			out[i] = (uint64_t)diff;
			borrow = diff >> 64 != 0;
		}
	}
}

bool ed25519_verify(struct span pub, struct span message, struct span sig)
{
	br_sha512_context h;
	uint8_t hash[64], got[KEY_LEN];
	uint64_t s[4] = {0}, k[4];
	struct point table[4], sum = {zero, one, one, zero};
	if (pub.n != KEY_LEN || sig.n != SIGNATURE_LEN || !point_negated(pub.p, &table[2]))
		return false;
	for (size_t i = 0; i < 32; i++)
		s[i / 8] |= (uint64_t)sig.p[32 + i] << 8 * (i % 8);
	if (!below_order(s))
		return false;
	br_sha512_init(&h);
	br_sha512_update(&h, sig.p, 32);
	br_sha512_update(&h, pub.p, pub.n);
	br_sha512_update(&h, message.p, message.n);
	br_sha512_out(&h, hash);
	reduce(hash, k);

	/* [s]B - [k]A, both scalars at once */
	table[1] = base;
	table[3] = point_add(&base, &table[2]);
	for (size_t bit = 253; bit-- > 0;) {
		size_t digit = (s[bit / 64] >> bit % 64 & 1) | (k[bit / 64] >> bit % 64 & 1) << 1;
		sum = point_add(&sum, &sum);
		if (digit)
			sum = point_add(&sum, &table[digit]);
	}
	point_bytes(&sum, got);
	return memcmp(got, sig.p, KEY_LEN) == 0;
}
