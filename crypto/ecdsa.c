#include "crypto/sig.h"

#include <bearssl.h>

#include "base/rd.h"
#include "crypto/ec_curve.h"

enum { DIGEST_MAX = 64 };

/* x, below p, is the affine x coordinate of a finite point */
static bool has_x(const struct ec_curve *c, const uint64_t *jac, const uint64_t *x)
{
	uint64_t t[EC_WORDS_MAX], z2[EC_WORDS_MAX];
	c->sqr(z2, jac + 2 * c->words);
	c->to_mont(t, x);
	c->mul(t, t, z2);
	return memcmp(t, jac, c->bytes) == 0;
}

static bool verify_fast(const struct ec_curve *c, struct span pub, struct span digest, struct span rs)
{
	uint64_t r[EC_WORDS_MAX], s[EC_WORDS_MAX], e[EC_WORDS_MAX], q[EC_JAC], sum[EC_JAC];
	size_t w = c->words;
	words_from_be(r, w, rs.p, c->bytes);
	words_from_be(s, w, rs.p + c->bytes, c->bytes);
	if (words_zero(r, w) || !words_less(r, c->n, w) || words_zero(s, w) || !words_less(s, c->n, w))
		return false;
	if (!ec_point_decode_vartime(c, q, pub.p, pub.n))
		return false;
	ec_digest_scalar(c, e, digest);

	uint64_t inv[EC_WORDS_MAX], u1[EC_WORDS_MAX], u2[EC_WORDS_MAX];
	ec_inv_mod_n(c, inv, s);
	ec_mul_mod_n(c, u1, e, inv);
	ec_mul_mod_n(c, u2, r, inv);
	ec_sum_vartime(c, sum, u1, u2, q);
	if (words_zero(sum + 2 * w, w))
		return false;

	/* x mod n = r, and n < p < 2 n: x is r, or r + n if that is below p. */
	if (has_x(c, sum, r))
		return true;
	uint64_t gap[EC_WORDS_MAX];
	unsigned __int128 t = 0;
	for (size_t i = 0; i < w; i++) { /* gap = p - n */
		t = (unsigned __int128)c->p[i] - c->n[i] - (uint64_t)(t >> 64 & 1);
		gap[i] = (uint64_t)t;
	}
	if (!words_less(r, gap, w))
		return false;
	t = 0;
	for (size_t i = 0; i < w; i++) {
		t = (unsigned __int128)r[i] + c->n[i] + (uint64_t)(t >> 64);
		r[i] = (uint64_t)t;
	}
	return has_x(c, sum, r);
}

bool ecdsa_verify_raw(enum sig_curve curve, struct span pub, struct span digest, struct span rs)
{
	const struct ec_curve *c = curve == SIG_P256 ? &ec_p256 : &ec_p384;
	if (pub.n != 1 + 2 * c->bytes || pub.p[0] != 4 || rs.n != 2 * c->bytes || digest.n > DIGEST_MAX)
		return false;
	if (ec_fast_here())
		return verify_fast(c, pub, digest, rs);
	br_ec_public_key pk = {.curve = c->id, .q = (unsigned char *)pub.p, .qlen = pub.n};
	return br_ecdsa_i31_vrfy_raw(br_ec_get_default(), digest.p, digest.n, &pk, rs.p, rs.n) == 1;
}

/* One minimal positive INTEGER, right-aligned into half bytes. */
static bool der_uint(struct rd *r, uint8_t *out, size_t half)
{
	if (rd_u8(r) != 0x02)
		return false;
	struct span v = rd_bytes(r, rd_u8(r));
	if (v.n == 0 || v.n > half + 1 || v.p[0] & 0x80 || (v.n > 1 && v.p[0] == 0 && !(v.p[1] & 0x80)))
		return false;
	if (v.p[0] == 0)
		v = SPAN(v.p + 1, v.n - 1);
	if (v.n > half)
		return false;
	memset(out, 0, half);
	memcpy(out + half - v.n, v.p, v.n);
	return true;
}

bool ecdsa_verify_der(enum sig_curve c, struct span pub, struct span digest, struct span der)
{
	size_t half = c == SIG_P256 ? 32 : 48;
	uint8_t rs[96];
	struct rd r = rd_from(der);
	if (rd_u8(&r) != 0x30 || rd_u8(&r) != r.left || r.left >= 0x80)
		return false;
	if (!der_uint(&r, rs, half) || !der_uint(&r, rs + half, half) || !rd_done(&r))
		return false;
	return ecdsa_verify_raw(c, pub, digest, SPAN(rs, 2 * half));
}
