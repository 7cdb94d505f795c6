/* Two ways to u1 G + u2 Q: the variable-time sum that verification uses, and constant-time multiplications with one complete addition.
 * Input: curve, 4 scalars of 48 bytes (key, u1, u2, digest); signatures of our own must verify, and must not with a bit changed. */
#include <stdlib.h>

#include "base/rd.h"
#include "crypto/ec.h"
#include "crypto/ec_curve.h"
#include "crypto/p256.h"
#include "crypto/sig.h"
#include "crypto/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next scalar, modulo n; big endian bytes too. */
static void scalar(const struct ec_curve *c, struct rd *r, uint64_t *k, uint8_t *be)
{
	uint8_t in[EC_BYTES_MAX];
	rd_copy(r, in, sizeof in);
	words_from_be(k, c->words, in, c->bytes);
	c->mod_n(k, c->words, k);
	words_to_be(be, k, c->words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd in = rd_from(SPAN(data, size));
	const struct ec_curve *c = rd_u8(&in) & 1 ? &ec_p384 : &ec_p256;
	uint64_t d[EC_WORDS_MAX], u1[EC_WORDS_MAX], u2[EC_WORDS_MAX], e[EC_WORDS_MAX];
	uint8_t db[EC_BYTES_MAX], u1b[EC_BYTES_MAX], u2b[EC_BYTES_MAX], eb[64] = {0};
	scalar(c, &in, d, db);
	scalar(c, &in, u1, u1b);
	scalar(c, &in, u2, u2b);
	scalar(c, &in, e, eb);
	if (!ec_fast_here() || words_zero(d, c->words) || words_zero(u1, c->words) || words_zero(u2, c->words))
		return 0;

	uint8_t q[EC_POINT_MAX], got[EC_POINT_MAX], sum_bytes[EC_POINT_MAX];
	uint64_t jac[EC_JAC], sum[EC_JAC], xy[2 * EC_WORDS_MAX];
	size_t len = ec_impl_fast.mulgen(q, db, c->bytes, c->id);
	if (!ec_point_decode_vartime(c, jac, q, len))
		abort();
	ec_sum_vartime(c, sum, u1, u2, jac);
	ec_point_affine(c, xy, sum);
	ec_point_encode(c, sum_bytes, xy);
	memcpy(got, q, len);
	uint32_t finite = ec_impl_fast.muladd(got, NULL, len, u2b, c->bytes, u1b, c->bytes, c->id);
	if (finite == words_zero(sum + 2 * c->words, c->words) || (finite && memcmp(got, sum_bytes, len) != 0))
		abort();

	uint8_t half[P256_COMPRESSED_LEN] = {2 + (q[len - 1] & 1)}, whole[P256_POINT_LEN];
	memcpy(half + 1, q + 1, sizeof half - 1);
	if (c == &ec_p256 && (!p256_decompress(half, whole) || memcmp(whole, q, len) != 0))
		abort();

	uint8_t sig[2 * EC_BYTES_MAX];
	br_ec_private_key sk = {c->id, db, c->bytes};
	enum sig_curve sc = c == &ec_p384 ? SIG_P384 : SIG_P256;
	struct span digest = SPAN(eb, 32);
	size_t n = ecdsa_sign_raw(&ec_impl_fast, &br_sha256_vtable, eb, &sk, sig);
	if (n != 2 * c->bytes || !ecdsa_verify_raw(sc, SPAN(q, len), digest, SPAN(sig, n)))
		abort();
	sig[u1b[c->bytes - 1] % n] ^= (uint8_t)(1 << u2b[c->bytes - 1] % 8);
	if (ecdsa_verify_raw(sc, SPAN(q, len), digest, SPAN(sig, n)))
		abort();
	return 0;
}
