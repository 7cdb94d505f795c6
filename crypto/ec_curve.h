/* P-256 and P-384 over s2n-bignum's formally proven x86-64 routines; inside crypto/ only.
 *
 * A number is little-endian 64-bit words. A point is Jacobian, (X, Y, Z) for (X/Z^2, Y/Z^3), Z = 0 at infinity, each coordinate fully
 * reduced and in Montgomery form, the three packed one after the other: 3 * words in all. Affine points are the first two.
 * Functions without "vartime" in their name take secret scalars: no branch and no address depends on them. */
#ifndef UKMS_CRYPTO_EC_CURVE_H
#define UKMS_CRYPTO_EC_CURVE_H

#include <bearssl.h>

#include "base/span.h"
#include "crypto/words.h"

enum { EC_WORDS_MAX = 6, EC_BYTES_MAX = 8 * EC_WORDS_MAX, EC_POINT_MAX = 1 + 2 * EC_BYTES_MAX, EC_JAC = 3 * EC_WORDS_MAX };

/* Odd multiples 1G, 3G, ..., 127G: for the vartime sum below. */
enum { EC_G_WINDOW = 8, EC_G_ODD = 1 << (EC_G_WINDOW - 2) };

struct ec_curve {
	int id; /* BR_EC_secp256r1, BR_EC_secp384r1 */
	size_t words, bytes;
	uint64_t n[EC_WORDS_MAX], p[EC_WORDS_MAX], b[EC_WORDS_MAX]; /* order, field, equation; plain form */
	uint64_t gx[EC_WORDS_MAX], gy[EC_WORDS_MAX];                /* generator, plain form */
	const uint64_t *(*g_odd)(void);

	/* field, Montgomery form */
	void (*add)(uint64_t *z, const uint64_t *x, const uint64_t *y);
	void (*sub)(uint64_t *z, const uint64_t *x, const uint64_t *y);
	void (*mul)(uint64_t *z, const uint64_t *x, const uint64_t *y);
	void (*sqr)(uint64_t *z, const uint64_t *x);
	void (*to_mont)(uint64_t *z, const uint64_t *x);
	void (*from_mont)(uint64_t *z, const uint64_t *x);
	/* scalars, plain form */
	void (*wide_mul)(uint64_t *z, const uint64_t *x, const uint64_t *y); /* z has 2 * words */
	void (*mod_n)(uint64_t *z, uint64_t k, const uint64_t *x);           /* x has k words */
	/* points; point_add is wrong (Z = 0) when the two are the same finite point */
	void (*point_double)(uint64_t *z, const uint64_t *x);
	void (*point_add)(uint64_t *z, const uint64_t *x, const uint64_t *y);
	/* scalar * G as plain affine coordinates, 2 * words; zeros at infinity */
	void (*base_mul)(uint64_t *xy, const uint64_t *scalar);
};

extern const struct ec_curve ec_p256, ec_p384;
/* The curve of a BearSSL number, or NULL. */
const struct ec_curve *ec_curve_of(int id);

/* true if this processor has the instructions (BMI2, ADX) that the routines use: Intel since 2014, AMD since 2017. */
bool ec_fast_here(void);
/* Set by a test before any other call: BearSSL's portable code is used, as on a processor without them. */
extern bool ec_portable_only;
extern const br_ec_impl ec_impl_fast;

/* 04 || x || y into a Jacobian point; false if it has another form, a coordinate is not below p, or it is not on the curve. Points are
 * public: vartime. */
bool ec_point_decode_vartime(const struct ec_curve *c, uint64_t *jac, const uint8_t *q, size_t len);
/* Plain affine words as 04 || x || y, 1 + 2 * bytes. */
void ec_point_encode(const struct ec_curve *c, uint8_t *out, const uint64_t *xy);
/* Jacobian to affine words, plain or in Montgomery form; zeros at infinity. */
void ec_point_affine_mont(const struct ec_curve *c, uint64_t *xy, const uint64_t *jac);
void ec_point_affine(const struct ec_curve *c, uint64_t *xy, const uint64_t *jac);
/* The generator, Jacobian. */
void ec_point_generator(const struct ec_curve *c, uint64_t *jac);
/* out = a + b, for any a and b. */
void ec_point_add_any(const struct ec_curve *c, uint64_t *out, const uint64_t *a, const uint64_t *b);

/* out = k * q for a finite q and any k (which counts modulo n). */
void ec_point_mul(const struct ec_curve *c, uint64_t *out, const uint64_t *k, const uint64_t *q);

/* Modulo n: the leftmost bits of a digest (FIPS 186-5, 6.4.1, step 3), x * y, 1 / x for x other than 0. */
void ec_digest_scalar(const struct ec_curve *c, uint64_t *e, struct span digest);
void ec_mul_mod_n(const struct ec_curve *c, uint64_t *z, const uint64_t *x, const uint64_t *y);
void ec_inv_mod_n(const struct ec_curve *c, uint64_t *z, const uint64_t *x);

/* out = u1 * G + u2 * q; public data only. u1 and u2 are below n, q is finite. */
void ec_sum_vartime(const struct ec_curve *c, uint64_t *out, const uint64_t *u1, const uint64_t *u2, const uint64_t *q);

#endif
