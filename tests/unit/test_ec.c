/* The group law and scalar multiplication around s2n-bignum: against BearSSL's independent code, and at the edges of their domains. */
#include "tests/unit/test.h"

#include "crypto/ec.h"
#include "crypto/ec_curve.h"
#include "crypto/p256.h"
#include "crypto/sig.h"
#include "crypto/sign.h"

static const struct ec_curve *const curves[] = {&ec_p256, &ec_p384};

/* A fixed stream of bytes, so that a failure can be repeated. */
static uint64_t prng(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* i-th edge scalar, big endian: small, near n, powers of two and their neighbours, runs of equal bits, then random ones. 0 < k < n. */
enum { NEAR = 33, EDGES = 2 * NEAR + 3 * 64 + 8 + 16 };

static void edge_scalar(const struct ec_curve *c, size_t i, uint8_t be[EC_BYTES_MAX])
{
	uint64_t k[EC_WORDS_MAX] = {0};
	if (i < NEAR) {
		k[0] = i + 1;
	} else if (i < 2 * NEAR) {
		memcpy(k, c->n, c->bytes);
		k[0] -= i - NEAR + 1;
	} else if (i < 2 * NEAR + 3 * 64) {
		size_t bit = (i - 2 * NEAR) / 3 * (8 * c->bytes / 64) + 1;
		k[bit / 64] = 1ULL << bit % 64;
		int delta = (int)((i - 2 * NEAR) % 3) - 1;
		if (delta < 0) {
			size_t w = 0;
			while (k[w]-- == 0)
				w++;
		} else {
			k[0] += (uint64_t)delta;
		}
	} else if (i < 2 * NEAR + 3 * 64 + 8) {
		static const uint64_t pattern[8] = {0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0xffff0000ffff0000, 0x0000ffff0000ffff,
						    0xf0f0f0f0f0f0f0f0, 0x8000000000000001, 0x7fffffffffffffff, 0xfffffffffffffffe};
		for (size_t w = 0; w < c->words; w++)
			k[w] = pattern[i - 2 * NEAR - 3 * 64];
		k[c->words - 1] &= 0x7fffffffffffffff;
	} else {
		for (size_t w = 0; w < c->words; w++)
			k[w] = prng();
		k[c->words - 1] &= 0x7fffffffffffffff;
	}
	words_to_be(be, k, c->words);
}

static void base_multiples_match_bearssl(void **state)
{
	(void)state;
	const br_ec_impl *slow = br_ec_get_default(), *fast = &ec_impl_fast;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		for (size_t i = 0; i < EDGES; i += 1 + n) {
			uint8_t k[EC_BYTES_MAX], a[EC_POINT_MAX], b[EC_POINT_MAX];
			edge_scalar(c, i, k);
			size_t len = slow->mulgen(a, k, c->bytes, c->id);
			assert_int_equal(fast->mulgen(b, k, c->bytes, c->id), len);
			assert_span_equal(SPAN(b, len), SPAN(a, len));
		}
	}
}

static void point_multiples_match_bearssl(void **state)
{
	(void)state;
	const br_ec_impl *slow = br_ec_get_default(), *fast = &ec_impl_fast;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		uint8_t seed[EC_BYTES_MAX], q[EC_POINT_MAX];
		edge_scalar(c, EDGES - 1, seed);
		size_t len = slow->mulgen(q, seed, c->bytes, c->id);
		for (size_t i = 0; i < EDGES; i += 2 + 3 * n) {
			uint8_t k[EC_BYTES_MAX], a[EC_POINT_MAX], b[EC_POINT_MAX];
			edge_scalar(c, i, k);
			memcpy(a, q, len);
			memcpy(b, q, len);
			assert_int_equal(slow->mul(a, len, k, c->bytes, c->id), 1);
			assert_int_equal(fast->mul(b, len, k, c->bytes, c->id), 1);
			assert_span_equal(SPAN(b, len), SPAN(a, len));
		}
	}
}

static void sums_match_bearssl(void **state)
{
	(void)state;
	const br_ec_impl *slow = br_ec_get_default(), *fast = &ec_impl_fast;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		for (size_t i = 0; i < 24; i++) {
			uint8_t x[EC_BYTES_MAX], y[EC_BYTES_MAX], p[EC_POINT_MAX], q[EC_POINT_MAX], a[EC_POINT_MAX], b[EC_POINT_MAX];
			edge_scalar(c, prng() % EDGES, x);
			size_t len = slow->mulgen(p, x, c->bytes, c->id);
			edge_scalar(c, prng() % EDGES, x);
			slow->mulgen(q, x, c->bytes, c->id);
			edge_scalar(c, prng() % EDGES, x);
			edge_scalar(c, prng() % EDGES, y);
			memcpy(a, p, len);
			memcpy(b, p, len);
			const uint8_t *second = i % 3 ? q : NULL;
			assert_int_equal(slow->muladd(a, second, len, x, c->bytes, y, c->bytes, c->id), 1);
			assert_int_equal(fast->muladd(b, second, len, x, c->bytes, y, c->bytes, c->id), 1);
			assert_span_equal(SPAN(b, len), SPAN(a, len));
		}
	}
}

static void sums_of_equal_and_opposite_points(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		size_t len;
		uint8_t g[EC_POINT_MAX], twice[EC_POINT_MAX], one[1] = {1}, two[1] = {2}, zero[1] = {0}, minus[EC_BYTES_MAX];
		memcpy(g, ec_impl_fast.generator(c->id, &len), 1 + 2 * c->bytes);
		ec_impl_fast.mulgen(twice, two, 1, c->id);
		uint8_t a[EC_POINT_MAX];
		memcpy(a, g, len);
		assert_int_equal(ec_impl_fast.muladd(a, g, len, one, 1, one, 1, c->id), 1);
		assert_span_equal(SPAN(a, len), SPAN(twice, len));
		memcpy(a, g, len);
		assert_int_equal(ec_impl_fast.muladd(a, NULL, len, one, 1, one, 1, c->id), 1);
		assert_span_equal(SPAN(a, len), SPAN(twice, len));
		edge_scalar(c, NEAR, minus);
		memcpy(a, g, len);
		assert_int_equal(ec_impl_fast.muladd(a, NULL, len, one, 1, minus, c->bytes, c->id), 0);
		memcpy(a, g, len);
		assert_int_equal(ec_impl_fast.muladd(a, NULL, len, zero, 1, one, 1, c->id), 0);
	}
}

/* Every sum u1 G + u2 (j G) with small members equals (u1 + j u2) G: runs into every exceptional case of the addition formulas. */
static void vartime_sum_is_complete(void **state)
{
	(void)state;
	enum { U1 = 40, U2 = 16, J = 9, TOP = U1 + U2 * J };
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		size_t w = c->words;
		static uint64_t multiple[TOP + 1][EC_JAC], affine[TOP + 1][2 * EC_WORDS_MAX];
		memset(multiple, 0, sizeof multiple);
		uint64_t g[EC_JAC];
		ec_point_generator(c, g);
		for (size_t i = 1; i <= TOP; i++)
			ec_point_add_any(c, multiple[i], multiple[i - 1], g);
		for (size_t i = 0; i <= TOP; i++)
			ec_point_affine(c, affine[i], multiple[i]);
		for (int j = -J; j <= J; j++) {
			uint64_t q[EC_JAC], zero[EC_WORDS_MAX] = {0};
			if (j == 0)
				continue;
			memcpy(q, multiple[j < 0 ? -j : j], sizeof q);
			if (j < 0)
				c->sub(q + w, zero, q + w);
			for (int u1 = 0; u1 <= U1; u1++) {
				for (int u2 = 1; u2 <= U2; u2++) {
					uint64_t a[EC_WORDS_MAX] = {(uint64_t)u1}, b[EC_WORDS_MAX] = {(uint64_t)u2}, sum[EC_JAC],
						 xy[2 * EC_WORDS_MAX], want[2 * EC_WORDS_MAX];
					ec_sum_vartime(c, sum, a, b, q);
					ec_point_affine(c, xy, sum);
					int k = u1 + j * u2;
					memcpy(want, affine[k < 0 ? -k : k], 16 * w);
					uint64_t t[EC_WORDS_MAX];
					if (k < 0) {
						c->to_mont(t, want + w);
						c->sub(t, zero, t);
						c->from_mont(want + w, t);
					}
					assert_span_equal(SPAN(xy, 16 * w), SPAN(want, 16 * w));
				}
			}
		}
	}
}

/* The same with scalars at the edges: u1 G + u2 Q for Q = q G against the constant-time sum. */
static void vartime_sum_matches_at_the_edges(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		for (size_t i = 0; i < EDGES; i++) {
			uint8_t x[EC_BYTES_MAX], y[EC_BYTES_MAX], q[EC_POINT_MAX], got[EC_POINT_MAX];
			uint64_t u1[EC_WORDS_MAX], u2[EC_WORDS_MAX], jac[EC_JAC], sum[EC_JAC], xy[2 * EC_WORDS_MAX];
			size_t len = ec_impl_fast.mulgen(q, (const uint8_t[]){(uint8_t)(i % 251 + 1)}, 1, c->id);
			edge_scalar(c, i, x);
			edge_scalar(c, (7 * i + 3) % EDGES, y);
			words_from_be(u1, c->words, x, c->bytes);
			words_from_be(u2, c->words, y, c->bytes);
			assert_true(ec_point_decode_vartime(c, jac, q, len));
			ec_sum_vartime(c, sum, u1, u2, jac);
			ec_point_affine(c, xy, sum);
			ec_point_encode(c, got, xy);
			assert_int_equal(ec_impl_fast.muladd(q, NULL, len, y, c->bytes, x, c->bytes, c->id), 1);
			assert_span_equal(SPAN(got, len), SPAN(q, len));
		}
	}
}

static void refuses_points_not_on_the_curve(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		uint8_t q[EC_POINT_MAX], p[EC_POINT_MAX], five[1] = {5};
		uint64_t jac[EC_JAC];
		size_t len = ec_impl_fast.mulgen(q, five, 1, c->id);
		assert_true(ec_point_decode_vartime(c, jac, q, len));
		for (size_t i = 0; i < len; i++) {
			memcpy(p, q, len);
			p[i] ^= 1;
			if (ec_point_decode_vartime(c, jac, p, len))
				fail_msg("accepted a point with byte %zu changed", i);
			assert_int_equal(ec_impl_fast.mul(p, len, five, 1, c->id), 0);
		}
		assert_false(ec_point_decode_vartime(c, jac, q, len - 1));
		assert_false(ec_point_decode_vartime(c, jac, (const uint8_t[]){0}, 1));
		/* zeros, and a coordinate of p (0 in disguise) or p + x for an x that is on the curve */
		memset(p, 0, sizeof p);
		p[0] = 4;
		assert_false(ec_point_decode_vartime(c, jac, p, len));
		words_to_be(p + 1, c->p, c->words);
		assert_false(ec_point_decode_vartime(c, jac, p, len));
		memcpy(p, q, len);
		memset(p + 1, 0xff, c->bytes);
		assert_false(ec_point_decode_vartime(c, jac, p, len));
	}
}

static void x25519_matches_bearssl(void **state)
{
	(void)state;
	const br_ec_impl *slow = br_ec_get_default();
	for (size_t i = 0; i < 20; i++) {
		uint64_t k[4] = {prng(), prng(), prng(), prng()}, u[4] = {prng(), prng(), prng(), prng()};
		uint8_t a[32], b[32];
		size_t klen = i < 10 ? 32 : i;
		assert_int_equal(slow->mulgen(a, (uint8_t *)k, klen, BR_EC_curve25519), 32);
		assert_int_equal(ec_impl_fast.mulgen(b, (uint8_t *)k, klen, BR_EC_curve25519), 32);
		assert_span_equal(SPAN_ARR(b), SPAN_ARR(a));
		memcpy(a, u, 32);
		memcpy(b, u, 32);
		assert_int_equal(slow->mul(a, 32, (uint8_t *)k, klen, BR_EC_curve25519), 1);
		assert_int_equal(ec_impl_fast.mul(b, 32, (uint8_t *)k, klen, BR_EC_curve25519), 1);
		assert_span_equal(SPAN_ARR(b), SPAN_ARR(a));
	}
}

/* RFC 6979, A.2.5 and A.2.6, message "sample" with SHA-256 and SHA-384 */
static void signs_as_rfc6979(void **state)
{
	(void)state;
	static const uint8_t x256[32] = {0xC9, 0xAF, 0xA9, 0xD8, 0x45, 0xBA, 0x75, 0x16, 0x6B, 0x5C, 0x21, 0x57, 0x67, 0xB1, 0xD6, 0x93,
					 0x4E, 0x50, 0xC3, 0xDB, 0x36, 0xE8, 0x9B, 0x12, 0x7B, 0x8A, 0x62, 0x2B, 0x12, 0x0F, 0x67, 0x21};
	static const uint8_t want[64] = {0xEF, 0xD4, 0x8B, 0x2A, 0xAC, 0xB6, 0xA8, 0xFD, 0x11, 0x40, 0xDD, 0x9C, 0xD4, 0x5E, 0x81, 0xD6,
					 0x9D, 0x2C, 0x87, 0x7B, 0x56, 0xAA, 0xF9, 0x91, 0xC3, 0x4D, 0x0E, 0xA8, 0x4E, 0xAF, 0x37, 0x16,
					 0xF7, 0xCB, 0x1C, 0x94, 0x2D, 0x65, 0x7C, 0x41, 0xD4, 0x36, 0xC7, 0xA1, 0xB6, 0xE2, 0x9F, 0x65,
					 0xF3, 0xE9, 0x00, 0xDB, 0xB9, 0xAF, 0xF4, 0x06, 0x4D, 0xC4, 0xAB, 0x2F, 0x84, 0x3A, 0xCD, 0xA8};
	br_ec_private_key sk = {BR_EC_secp256r1, (unsigned char *)x256, 32};
	uint8_t h[64], sig[96];
	sig_hash(SIG_SHA256, SPAN_LIT("sample"), h);
	assert_int_equal(ecdsa_sign_raw(&ec_impl_fast, &br_sha256_vtable, h, &sk, sig), 64);
	assert_span_equal(SPAN(sig, 64), SPAN_ARR(want));
}

/* Deterministic: the same bytes as BearSSL's own signer, for hashes shorter and longer than the order; and they verify. */
static void signatures_match_bearssl_and_verify(void **state)
{
	(void)state;
	static const br_hash_class *const hash[] = {&br_sha256_vtable, &br_sha384_vtable, &br_sha512_vtable};
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		enum sig_curve sc = n ? SIG_P384 : SIG_P256;
		for (size_t i = 0; i < 18; i++) {
			uint8_t k[EC_BYTES_MAX], h[64], a[96], b[96], q[EC_POINT_MAX], der[ECDSA_DER_MAX];
			edge_scalar(c, i * 17 % EDGES, k);
			sig_hash(SIG_SHA512, SPAN(k, c->bytes), h);
			if (i % 6 == 5)
				memset(h, i == 5 ? 0 : 0xff, sizeof h);
			const br_hash_class *hf = hash[i % 3];
			struct span digest = SPAN(h, sig_hash_len((enum sig_hash)(i % 3)));
			br_ec_private_key sk = {c->id, k, c->bytes};
			size_t len = br_ecdsa_i31_sign_raw(br_ec_get_default(), hf, h, &sk, a);
			assert_int_equal(ecdsa_sign_raw(&ec_impl_fast, hf, h, &sk, b), len);
			assert_span_equal(SPAN(b, len), SPAN(a, len));
			struct span pub = SPAN(q, ec_impl_fast.mulgen(q, k, c->bytes, c->id));
			assert_true(ecdsa_verify_raw(sc, pub, digest, SPAN(b, len)));
			size_t dlen = ecdsa_sign_der(&ec_impl_fast, hf, h, &sk, der);
			assert_true(ecdsa_verify_der(sc, pub, digest, SPAN(der, dlen)));
			b[i % len] ^= 1;
			assert_false(ecdsa_verify_raw(sc, pub, digest, SPAN(b, len)));
		}
	}
}

static void refuses_private_keys_out_of_range(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		uint8_t k[EC_BYTES_MAX + 1] = {0}, h[64] = {1}, sig[96];
		br_ec_private_key sk = {c->id, k, c->bytes};
		assert_int_equal(ecdsa_sign_raw(&ec_impl_fast, &br_sha256_vtable, h, &sk, sig), 0);
		words_to_be(k, c->n, c->words);
		assert_int_equal(ecdsa_sign_raw(&ec_impl_fast, &br_sha256_vtable, h, &sk, sig), 0);
		sk.xlen = c->bytes + 1;
		assert_int_equal(ecdsa_sign_raw(&ec_impl_fast, &br_sha256_vtable, h, &sk, sig), 0);
		sk = (br_ec_private_key){BR_EC_secp521r1, k, 32};
		assert_int_equal(ecdsa_sign_raw(br_ec_get_default(), &br_sha256_vtable, h, &sk, sig), 0);
	}
}

static void refuses_signature_halves_out_of_range(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		const struct ec_curve *c = curves[n];
		enum sig_curve sc = n ? SIG_P384 : SIG_P256;
		uint8_t q[EC_POINT_MAX], one[1] = {1}, rs[96], h[64] = {0};
		struct span pub = SPAN(q, ec_impl_fast.mulgen(q, one, 1, c->id)), digest = SPAN(h, 32);
		uint64_t edge[4][EC_WORDS_MAX] = {{0}};
		memcpy(edge[1], c->n, c->bytes);
		memcpy(edge[2], c->n, c->bytes);
		edge[2][0]++;
		memset(edge[3], 0xff, c->bytes);
		/* Digest 0 and key 1: r = s = x(G) mod n is valid, so each half is refused for itself. */
		words_to_be(rs, c->gx, c->words);
		words_to_be(rs + c->bytes, c->gx, c->words);
		assert_true(ecdsa_verify_raw(sc, pub, digest, SPAN(rs, 2 * c->bytes)));
		for (size_t half = 0; half < 2; half++) {
			for (size_t i = 0; i < 4; i++) {
				words_to_be(rs, c->gx, c->words);
				words_to_be(rs + c->bytes, c->gx, c->words);
				words_to_be(rs + half * c->bytes, edge[i], c->words);
				assert_false(ecdsa_verify_raw(sc, pub, digest, SPAN(rs, 2 * c->bytes)));
			}
		}
		words_to_be(rs, c->gx, c->words);
		assert_false(ecdsa_verify_raw(sc, pub, digest, SPAN(rs, 2 * c->bytes - 1)));
		assert_false(ecdsa_verify_raw(sc, SPAN(q, pub.n - 1), digest, SPAN(rs, 2 * c->bytes)));
		q[pub.n - 1] ^= 1;
		assert_false(ecdsa_verify_raw(sc, pub, digest, SPAN(rs, 2 * c->bytes)));
	}
}

static void compressed_points_have_one_other_half(void **state)
{
	(void)state;
	uint8_t point[P256_POINT_LEN], got[P256_POINT_LEN], scalar[EC_BYTES_MAX];
	for (size_t i = 0; i < EDGES; i++) {
		edge_scalar(&ec_p256, i, scalar);
		assert_int_equal(ec_impl()->mulgen(point, scalar, P256_SCALAR_LEN, BR_EC_secp256r1), P256_POINT_LEN);
		uint8_t in[P256_COMPRESSED_LEN] = {2 + (point[P256_POINT_LEN - 1] & 1)};
		memcpy(in + 1, point + 1, P256_SCALAR_LEN);
		assert_true(p256_decompress(in, got));
		assert_span_equal(SPAN_ARR(got), SPAN_ARR(point));
		in[0] ^= 1;
		assert_true(p256_decompress(in, got));
		assert_memory_not_equal(got, point, sizeof got);
		assert_memory_equal(got, point, 1 + P256_SCALAR_LEN);
		in[0] ^= 4;
		assert_false(p256_decompress(in, got));
	}
	/* of 1000 numbers about half are no x, and those say so; whatever comes out is on the curve */
	size_t points = 0;
	for (size_t i = 0; i < 1000; i++) {
		uint8_t in[P256_COMPRESSED_LEN] = {3};
		for (size_t k = 1; k < sizeof in; k++)
			in[k] = (uint8_t)prng();
		uint64_t jac[EC_JAC];
		if (!p256_decompress(in, got))
			continue;
		points++;
		assert_true(ec_point_decode_vartime(&ec_p256, jac, got, sizeof got));
		assert_int_equal(got[P256_POINT_LEN - 1] & 1, 1);
	}
	assert_in_range(points, 400, 600);
	uint8_t in[P256_COMPRESSED_LEN] = {2};
	words_to_be(in + 1, ec_p256.p, 4);
	assert_false(p256_decompress(in, got));
}

int main(void)
{
	if (!ec_fast_here()) {
		fprintf(stderr, "this processor has no BMI2 and ADX: only test_wycheproof's portable half can run here\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_multiples_match_bearssl),
		cmocka_unit_test(point_multiples_match_bearssl),
		cmocka_unit_test(sums_match_bearssl),
		cmocka_unit_test(sums_of_equal_and_opposite_points),
		cmocka_unit_test(vartime_sum_is_complete),
		cmocka_unit_test(vartime_sum_matches_at_the_edges),
		cmocka_unit_test(refuses_points_not_on_the_curve),
		cmocka_unit_test(compressed_points_have_one_other_half),
		cmocka_unit_test(x25519_matches_bearssl),
		cmocka_unit_test(signs_as_rfc6979),
		cmocka_unit_test(signatures_match_bearssl_and_verify),
		cmocka_unit_test(refuses_private_keys_out_of_range),
		cmocka_unit_test(refuses_signature_halves_out_of_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
