#include "crypto/ec_curve.h"

#include <cpuid.h>
#include <pthread.h>
#include <s2n-bignum.h>
#include <stdatomic.h>
#include <string.h>

#include "base/wipe.h"

/* Table of p256_scalarmulbase: for each block of 5 scalar bits i, the points j * 2^(5 i) * G, j = 1..16, affine. */
enum { COMB_BITS = 5, COMB_POINTS = 1 << (COMB_BITS - 1), COMB_BLOCKS = 256 / COMB_BITS + 1 };

static uint64_t p256_comb[COMB_BLOCKS * COMB_POINTS * 8];
static uint64_t p256_g_odd[EC_G_ODD * 12];
static uint64_t p384_g_odd[EC_G_ODD * 18];
static pthread_once_t p256_once = PTHREAD_ONCE_INIT, p384_once = PTHREAD_ONCE_INIT;

static void make_odd(const struct ec_curve *c, uint64_t *table)
{
	uint64_t g2[EC_JAC];
	ec_point_generator(c, table);
	c->point_double(g2, table);
	for (size_t i = 1; i < EC_G_ODD; i++)
		c->point_add(table + 3 * c->words * i, table + 3 * c->words * (i - 1), g2);
}

static void make_p256(void)
{
	make_odd(&ec_p256, p256_g_odd);
	uint64_t block[EC_JAC], point[EC_JAC];
	ec_point_generator(&ec_p256, block);
	for (size_t i = 0; i < COMB_BLOCKS; i++) {
		memcpy(point, block, sizeof point);
		for (size_t j = 0; j < COMB_POINTS; j++) {
			ec_point_affine_mont(&ec_p256, p256_comb + 8 * (COMB_POINTS * i + j), point);
			ec_point_add_any(&ec_p256, point, point, block);
		}
		for (int k = 0; k < COMB_BITS; k++)
			p256_montjdouble(block, block);
	}
}

static void make_p384(void)
{
	make_odd(&ec_p384, p384_g_odd);
}

static const uint64_t *p256_odd(void)
{
	pthread_once(&p256_once, make_p256);
	return p256_g_odd;
}

static const uint64_t *p384_odd(void)
{
	pthread_once(&p384_once, make_p384);
	return p384_g_odd;
}

static void p256_base_mul(uint64_t *xy, const uint64_t *scalar)
{
	pthread_once(&p256_once, make_p256);
	p256_scalarmulbase(xy, scalar, COMB_BITS, p256_comb);
}

static void p384_base_mul(uint64_t *xy, const uint64_t *scalar)
{
	uint64_t g[EC_JAC], jac[EC_JAC];
	ec_point_generator(&ec_p384, g);
	ec_point_mul(&ec_p384, jac, scalar, g);
	ec_point_affine(&ec_p384, xy, jac);
	wipe(jac, sizeof jac);
}

/* SP 800-186, 3.2.1.3 and 3.2.1.4 */
const struct ec_curve ec_p256 = {
	.id = BR_EC_secp256r1,
	.words = 4,
	.bytes = 32,
	.n = {0xf3b9cac2fc632551, 0xbce6faada7179e84, 0xffffffffffffffff, 0xffffffff00000000},
	.p = {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001},
	.b = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7},
	.gx = {0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247},
	.gy = {0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b},
	.g_odd = p256_odd,
	.add = bignum_add_p256,
	.sub = bignum_sub_p256,
	.mul = bignum_montmul_p256,
	.sqr = bignum_montsqr_p256,
	.to_mont = bignum_tomont_p256,
	.from_mont = bignum_deamont_p256,
	.wide_mul = bignum_mul_4_8,
	.mod_n = bignum_mod_n256,
	.point_double = p256_montjdouble,
	.point_add = p256_montjadd,
	.base_mul = p256_base_mul,
};

const struct ec_curve ec_p384 = {
	.id = BR_EC_secp384r1,
	.words = 6,
	.bytes = 48,
	.n = {0xecec196accc52973, 0x581a0db248b0a77a, 0xc7634d81f4372ddf, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff},
	.p = {0x00000000ffffffff, 0xffffffff00000000, 0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff},
	.b = {0x2a85c8edd3ec2aef, 0xc656398d8a2ed19d, 0x0314088f5013875a, 0x181d9c6efe814112, 0x988e056be3f82d19, 0xb3312fa7e23ee7e4},
	.gx = {0x3a545e3872760ab7, 0x5502f25dbf55296c, 0x59f741e082542a38, 0x6e1d3b628ba79b98, 0x8eb1c71ef320ad74, 0xaa87ca22be8b0537},
	.gy = {0x7a431d7c90ea0e5f, 0x0a60b1ce1d7e819d, 0xe9da3113b5f0b8c0, 0xf8f41dbd289a147c, 0x5d9e98bf9292dc29, 0x3617de4a96262c6f},
	.g_odd = p384_odd,
	.add = bignum_add_p384,
	.sub = bignum_sub_p384,
	.mul = bignum_montmul_p384,
	.sqr = bignum_montsqr_p384,
	.to_mont = bignum_tomont_p384,
	.from_mont = bignum_deamont_p384,
	.wide_mul = bignum_mul_6_12,
	.mod_n = bignum_mod_n384,
	.point_double = p384_montjdouble,
	.point_add = p384_montjadd,
	.base_mul = p384_base_mul,
};

const struct ec_curve *ec_curve_of(int id)
{
	return id == BR_EC_secp256r1 ? &ec_p256 : id == BR_EC_secp384r1 ? &ec_p384 : NULL;
}

bool ec_portable_only;

bool ec_fast_here(void)
{
	/* Asked once: in a virtual machine each CPUID is an exit to the hypervisor. */
	static atomic_int known; /* 0 not asked, 1 no, 2 yes */
	int k = atomic_load_explicit(&known, memory_order_relaxed);
	if (k == 0) {
		unsigned a, b, c, d;
		k = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_BMI2 && b & bit_ADX ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k == 2 && !ec_portable_only;
}
