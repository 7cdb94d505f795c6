#include "crypto/p256.h"

#include <s2n-bignum.h>
#include <string.h>

#include "crypto/words.h"

enum { WORDS = 4 };

static const uint64_t p[WORDS] = {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001};
static const uint64_t minus_3[WORDS] = {0xfffffffffffffffc, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001};
static const uint64_t b[WORDS] = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7};
/* (p + 1) / 4: p is 3 modulo 4, so this power of a square is a root of it */
static const uint64_t root[WORDS] = {0x0000000000000000, 0x0000000040000000, 0x4000000000000000, 0x3fffffffc0000000};
enum { ROOT_BITS = 254 };

/* z = x y / 2^256 mod p; z may be x or y, the routine below may not */
static void mul(uint64_t *z, const uint64_t *x, const uint64_t *y)
{
	uint64_t t[WORDS];
	bignum_montmul(WORDS, t, x, y, p);
	memcpy(z, t, sizeof t);
}

bool p256_decompress(const uint8_t in[P256_COMPRESSED_LEN], uint8_t out[P256_POINT_LEN])
{
	static const uint64_t one[WORDS] = {1};
	uint64_t x[WORDS], y[WORDS], r2[WORDS], square[WORDS], t[WORDS];
	if (in[0] != 2 && in[0] != 3)
		return false;
	words_from_be(x, WORDS, in + 1, P256_SCALAR_LEN);
	if (!words_less(x, p, WORDS))
		return false;
	bignum_amontifier(WORDS, r2, p, t);

	/* y^2 = x (x^2 - 3) + b, in Montgomery form */
	mul(x, x, r2);
	mul(square, x, x);
	mul(t, minus_3, r2);
	bignum_modadd(WORDS, square, square, t, p);
	mul(square, square, x);
	mul(t, b, r2);
	bignum_modadd(WORDS, square, square, t, p);

	memcpy(y, square, sizeof y);
	for (int bit = ROOT_BITS - 2; bit >= 0; bit--) {
		mul(y, y, y);
		if (root[bit / 64] >> bit % 64 & 1)
			mul(y, y, square);
	}
	mul(t, y, y);
	if (memcmp(t, square, sizeof t) != 0)
		return false;
	mul(y, y, one);
	if (words_zero(y, WORDS) && in[0] == 3)
		return false;

	out[0] = 4;
	memcpy(out + 1, in + 1, P256_SCALAR_LEN);
	if ((y[0] & 1) != (in[0] & 1)) {
		/* p - y, as y (p - 1) */
		uint64_t minus_1[WORDS];
		memcpy(minus_1, p, sizeof p);
		minus_1[0]--;
		mul(minus_1, minus_1, r2);
		mul(y, y, minus_1);
	}
	words_to_be(out + 1 + P256_SCALAR_LEN, y, WORDS);
	return true;
}
