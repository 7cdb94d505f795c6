/* Ed25519 verification (RFC 8032, 5.1.7, without the cofactor), of certificates only: everything is public, and speed does not matter.
 * Points, field and scalars are s2n-bignum's, in the forms that need no BMI2 or ADX. Points have words x, y, or X, Y, Z, T with x = X/Z, y
 * = Y/Z, xy = T/Z. */
#include <bearssl.h>
#include <s2n-bignum.h>
#include <string.h>

#include "crypto/sig.h"
#include "crypto/words.h"

enum { KEY_LEN = 32, SIGNATURE_LEN = 64, WORDS = 4, AFFINE = 2 * WORDS, POINT = 4 * WORDS, ORDER_BITS = 253 };

static const uint64_t p[WORDS] = {0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff};
/* of the base point: 2^252 + 27742317777372353535851937790883648493 */
static const uint64_t order[WORDS] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};
static const uint64_t base[AFFINE] = {0xc9562d608f25d51a, 0x692cc7609525a7b2, 0xc0a4e231fdd6dc5c, 0x216936d3cd6e53fe,
				      0x6666666666666658, 0x6666666666666666, 0x6666666666666666, 0x6666666666666666};

static void extend(const uint64_t xy[AFFINE], uint64_t out[POINT])
{
	static const uint64_t one[WORDS] = {1};
	memcpy(out, xy, AFFINE * sizeof *xy);
	memcpy(out + AFFINE, one, sizeof one);
	bignum_mul_p25519_alt(out + 3 * (size_t)WORDS, xy, xy + WORDS);
}

static void encode(const uint64_t point[POINT], uint8_t out[KEY_LEN])
{
	uint64_t xy[AFFINE], inverse[WORDS], t[3 * WORDS];
	bignum_modinv(WORDS, inverse, point + AFFINE, p, t);
	bignum_mul_p25519_alt(xy, point, inverse);
	bignum_mul_p25519_alt(xy + WORDS, point + WORDS, inverse);
	edwards25519_encode(out, xy);
}

/* [s]B - [k]A, both scalars at once */
static void combine(const uint64_t s[WORDS], const uint64_t k[WORDS], const uint64_t minus_a[AFFINE], uint64_t sum[POINT])
{
	static const uint64_t neutral[AFFINE] = {[WORDS] = 1};
	uint64_t table[4][POINT], t[POINT];
	extend(base, table[1]);
	extend(minus_a, table[2]);
	edwards25519_epadd_alt(table[3], table[1], table[2]);
	extend(neutral, sum);
	for (size_t bit = ORDER_BITS; bit-- > 0;) {
		size_t digit = (s[bit / 64] >> bit % 64 & 1) | (k[bit / 64] >> bit % 64 & 1) << 1;
		edwards25519_epdouble_alt(t, sum);
		if (digit)
			edwards25519_epadd_alt(sum, t, table[digit]);
		else
			memcpy(sum, t, sizeof t);
	}
}

bool ed25519_verify(struct span pub, struct span message, struct span sig)
{
	br_sha512_context h;
	uint8_t hash[64], got[KEY_LEN];
	uint64_t a[AFFINE], s[WORDS], wide[sizeof hash / 8], k[WORDS], sum[POINT];
	if (pub.n != KEY_LEN || sig.n != SIGNATURE_LEN || edwards25519_decode_alt(a, pub.p) != 0)
		return false;
	bignum_neg_p25519(a, a);
	memcpy(s, sig.p + KEY_LEN, sizeof s); /* little endian, as this processor */
	if (!words_less(s, order, WORDS))
		return false;
	br_sha512_init(&h);
	br_sha512_update(&h, sig.p, KEY_LEN);
	br_sha512_update(&h, pub.p, pub.n);
	br_sha512_update(&h, message.p, message.n);
	br_sha512_out(&h, hash);
	memcpy(wide, hash, sizeof wide);
	bignum_mod_n25519(k, sizeof wide / sizeof *wide, wide);
	combine(s, k, a, sum);
	encode(sum, got);
	return memcmp(got, sig.p, KEY_LEN) == 0;
}
