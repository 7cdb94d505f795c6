#include "crypto/ec_curve.h"

#include <s2n-bignum.h>
#include <string.h>

#include "base/wipe.h"

/* 1 in Montgomery form */
static void set_one(const struct ec_curve *c, uint64_t *z)
{
	static const uint64_t one[EC_WORDS_MAX] = {1};
	c->to_mont(z, one);
}

bool ec_point_decode_vartime(const struct ec_curve *c, uint64_t *jac, const uint8_t *q, size_t len)
{
	size_t w = c->words;
	uint64_t *x = jac, *y = jac + w, *z = jac + 2 * w;
	if (len != 1 + 2 * c->bytes || q[0] != 4)
		return false;
	words_from_be(x, w, q + 1, c->bytes);
	words_from_be(y, w, q + 1 + c->bytes, c->bytes);
	if (!words_less(x, c->p, w) || !words_less(y, c->p, w))
		return false;
	c->to_mont(x, x);
	c->to_mont(y, y);
	set_one(c, z);
	/* y^2 = x^3 - 3 x + b */
	uint64_t left[EC_WORDS_MAX], right[EC_WORDS_MAX], t[EC_WORDS_MAX];
	c->sqr(left, y);
	c->sqr(right, x);
	c->mul(right, right, x);
	c->add(t, x, x);
	c->add(t, t, x);
	c->sub(right, right, t);
	c->to_mont(t, c->b);
	c->add(right, right, t);
	return memcmp(left, right, 8 * w) == 0;
}

void ec_point_encode(const struct ec_curve *c, uint8_t *out, const uint64_t *xy)
{
	out[0] = 4;
	words_to_be(out + 1, xy, c->words);
	words_to_be(out + 1 + c->bytes, xy + c->words, c->words);
}

void ec_point_affine_mont(const struct ec_curve *c, uint64_t *xy, const uint64_t *jac)
{
	size_t w = c->words;
	uint64_t z[EC_WORDS_MAX], i1[EC_WORDS_MAX], i2[EC_WORDS_MAX], scratch[3 * EC_WORDS_MAX];
	c->from_mont(z, jac + 2 * w);
	/* bignum_modinv wants a unit: 1 takes the place of 0. */
	uint64_t infinite = words_zero(z, w);
	z[0] |= infinite;
	bignum_modinv(w, i1, z, c->p, scratch);
	c->to_mont(i1, i1);
	c->sqr(i2, i1);
	c->mul(i1, i1, i2);
	c->mul(xy, jac, i2);
	c->mul(xy + w, jac + w, i1);
	for (size_t i = 0; i < 2 * w; i++)
		xy[i] &= infinite - 1;
	wipe(scratch, sizeof scratch);
}

void ec_point_affine(const struct ec_curve *c, uint64_t *xy, const uint64_t *jac)
{
	ec_point_affine_mont(c, xy, jac);
	c->from_mont(xy, xy);
	c->from_mont(xy + c->words, xy + c->words);
}

void ec_point_generator(const struct ec_curve *c, uint64_t *jac)
{
	c->to_mont(jac, c->gx);
	c->to_mont(jac + c->words, c->gy);
	set_one(c, jac + 2 * c->words);
}

void ec_point_add_any(const struct ec_curve *c, uint64_t *out, const uint64_t *a, const uint64_t *b)
{
	size_t w = c->words;
	uint64_t sum[EC_JAC], twice[EC_JAC], s1[EC_WORDS_MAX], s2[EC_WORDS_MAX];
	const uint64_t *az = a + 2 * w, *bz = b + 2 * w;
	c->point_add(sum, a, b);
	c->point_double(twice, a);
	/* Where both are finite and the sum has Z = 0, a = b or a = -b: Y tells, as ya zb^3 = yb za^3 in the first case only. */
	c->sqr(s1, bz);
	c->mul(s1, s1, bz);
	c->mul(s1, s1, a + w);
	c->sqr(s2, az);
	c->mul(s2, s2, az);
	c->mul(s2, s2, b + w);
	c->sub(s1, s1, s2);
	uint64_t same = words_zero(sum + 2 * w, w) & (1 ^ words_zero(az, w)) & (1 ^ words_zero(bz, w)) & words_zero(s1, w);
	for (size_t i = 0; i < 3 * w; i++)
		out[i] = sum[i] ^ (-same & (sum[i] ^ twice[i]));
	wipe(sum, sizeof sum);
	wipe(twice, sizeof twice);
}
