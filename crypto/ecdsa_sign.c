#include "crypto/sign.h"

#include <s2n-bignum.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/ct.h"
#include "crypto/ec_curve.h"

/* RFC 6979, 3.2: the secret number k of a key and a digest. */
static void nonce(const struct ec_curve *c, uint64_t *k, const br_hash_class *hf, const uint64_t *d, const uint64_t *e)
{
	uint8_t seed[2 * EC_BYTES_MAX];
	br_hmac_drbg_context drbg;
	words_to_be(seed, d, c->words);
	words_to_be(seed + c->bytes, e, c->words);
	br_hmac_drbg_init(&drbg, hf, seed, 2 * c->bytes);
	uint64_t good;
	do {
		br_hmac_drbg_generate(&drbg, seed, c->bytes);
		words_from_be(k, c->words, seed, c->bytes);
		good = words_less(k, c->n, c->words) & (1 ^ words_zero(k, c->words));
		ct_public(&good, sizeof good);
	} while (!good);
	wipe(seed, sizeof seed);
	wipe(&drbg, sizeof drbg);
}

size_t ecdsa_sign_raw(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk, void *sig)
{
	const struct ec_curve *c = ec_curve_of(sk->curve);
	if (!c || sk->xlen > c->bytes)
		return 0;
	if (impl != &ec_impl_fast)
		return br_ecdsa_i31_sign_raw(impl, hf, hash, sk, sig);
	size_t w = c->words, out = 0;
	uint64_t d[EC_WORDS_MAX], e[EC_WORDS_MAX], k[EC_WORDS_MAX], r[EC_WORDS_MAX], s[EC_WORDS_MAX], inv[EC_WORDS_MAX],
		xy[2 * EC_WORDS_MAX];
	words_from_be(d, w, sk->x, sk->xlen);
	uint64_t bad = words_zero(d, w) | (1 ^ words_less(d, c->n, w));
	ct_public(&bad, sizeof bad);
	if (bad)
		goto done;
	ec_digest_scalar(c, e, SPAN(hash, hf->desc >> BR_HASHDESC_OUT_OFF & BR_HASHDESC_OUT_MASK));
	nonce(c, k, hf, d, e);
	c->base_mul(xy, k);
	c->mod_n(r, w, xy);
	ec_mul_mod_n(c, s, r, d);
	bignum_modadd(w, s, s, e, c->n);
	ec_inv_mod_n(c, inv, k);
	ec_mul_mod_n(c, s, s, inv);
	words_to_be(sig, r, w);
	words_to_be((uint8_t *)sig + c->bytes, s, w);
	bad = words_zero(r, w) | words_zero(s, w);
	ct_public(&bad, sizeof bad);
	if (!bad)
		out = 2 * c->bytes;
done:
	wipe(d, sizeof d);
	wipe(k, sizeof k);
	wipe(inv, sizeof inv);
	wipe(xy, sizeof xy);
	return out;
}

size_t ecdsa_sign_der(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk, void *sig)
{
	uint8_t raw[ECDSA_DER_MAX + 8];
	size_t n = ecdsa_sign_raw(impl, hf, hash, sk, raw);
	n = n ? br_ecdsa_raw_to_asn1(raw, n) : 0;
	memcpy(sig, raw, n);
	return n;
}
