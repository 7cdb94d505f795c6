#include "crypto/ec.h"

#include <s2n-bignum.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/ec_curve.h"

static const unsigned char *generator(int curve, size_t *len)
{
	return br_ec_get_default()->generator(curve, len);
}

static const unsigned char *order(int curve, size_t *len)
{
	return br_ec_get_default()->order(curve, len);
}

static size_t xoff(int curve, size_t *len)
{
	return br_ec_get_default()->xoff(curve, len);
}

/* RFC 7748; like BearSSL's, the scalar is little endian. An all-zero result (a point of small order) is an error. */
static uint32_t x25519(uint8_t u[32], const unsigned char *x, size_t xlen)
{
	uint8_t k[32] = {0}, r[32];
	memcpy(k, x, xlen);
	curve25519_x25519_byte(r, k, u);
	memcpy(u, r, 32);
	uint32_t any = 0;
	for (size_t i = 0; i < 32; i++)
		any |= r[i];
	wipe(k, sizeof k);
	wipe(r, sizeof r);
	return (any | -any) >> 31;
}

static uint32_t mul(unsigned char *G, size_t Glen, const unsigned char *x, size_t xlen, int curve)
{
	if (curve == BR_EC_curve25519)
		return Glen == 32 && xlen <= 32 ? x25519(G, x, xlen) : 0;
	const struct ec_curve *c = ec_curve_of(curve);
	uint64_t k[EC_WORDS_MAX], p[EC_JAC], r[EC_JAC], xy[2 * EC_WORDS_MAX];
	if (!c || xlen > c->bytes || !ec_point_decode_vartime(c, p, G, Glen))
		return 0;
	words_from_be(k, c->words, x, xlen);
	ec_point_mul(c, r, k, p);
	ec_point_affine(c, xy, r);
	uint32_t ok = (uint32_t)(1 ^ words_zero(r + 2 * c->words, c->words));
	ec_point_encode(c, G, xy);
	wipe(k, sizeof k);
	wipe(r, sizeof r);
	wipe(xy, sizeof xy);
	return ok;
}

static size_t mulgen(unsigned char *R, const unsigned char *x, size_t xlen, int curve)
{
	uint64_t k[EC_WORDS_MAX], xy[2 * EC_WORDS_MAX];
	if (curve == BR_EC_curve25519) {
		/* The ladder from the base point: 14 us slower than a fixed-base routine, and 60 kB smaller. */
		static const uint8_t base[32] = {9};
		if (xlen > 32)
			return 0;
		memcpy(R, base, sizeof base);
		return x25519(R, x, xlen) ? 32 : 0;
	}
	const struct ec_curve *c = ec_curve_of(curve);
	if (!c || xlen > c->bytes)
		return 0;
	words_from_be(k, c->words, x, xlen);
	c->base_mul(xy, k);
	ec_point_encode(c, R, xy);
	wipe(k, sizeof k);
	wipe(xy, sizeof xy);
	return 1 + 2 * c->bytes;
}

static uint32_t muladd(unsigned char *A, const unsigned char *B, size_t len, const unsigned char *x, size_t xlen, const unsigned char *y,
		       size_t ylen, int curve)
{
	const struct ec_curve *c = ec_curve_of(curve);
	uint64_t k[EC_WORDS_MAX], p[EC_JAC], q[EC_JAC], r[EC_JAC], s[EC_JAC], xy[2 * EC_WORDS_MAX];
	if (!c || xlen > c->bytes || ylen > c->bytes || !ec_point_decode_vartime(c, p, A, len))
		return 0;
	if (!B)
		ec_point_generator(c, q);
	else if (!ec_point_decode_vartime(c, q, B, len))
		return 0;
	words_from_be(k, c->words, x, xlen);
	uint64_t bad = words_zero(k, c->words);
	ec_point_mul(c, r, k, p);
	words_from_be(k, c->words, y, ylen);
	bad |= words_zero(k, c->words);
	ec_point_mul(c, s, k, q);
	ec_point_add_any(c, r, r, s);
	bad |= words_zero(r + 2 * c->words, c->words);
	ec_point_affine(c, xy, r);
	ec_point_encode(c, A, xy);
	wipe(k, sizeof k);
	wipe(r, sizeof r);
	wipe(s, sizeof s);
	wipe(xy, sizeof xy);
	return (uint32_t)(1 ^ bad);
}

const br_ec_impl ec_impl_fast = {
	.supported_curves = 1U << BR_EC_secp256r1 | 1U << BR_EC_secp384r1 | 1U << BR_EC_curve25519,
	.generator = generator,
	.order = order,
	.xoff = xoff,
	.mul = mul,
	.mulgen = mulgen,
	.muladd = muladd,
};

const br_ec_impl *ec_impl(void)
{
	return ec_fast_here() ? &ec_impl_fast : br_ec_get_default();
}
