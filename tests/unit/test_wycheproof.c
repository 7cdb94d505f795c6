/* Wycheproof's vectors against what this processor uses and against the portable fallback (see tests/vectors/wycheproof/README). */
#include "tests/unit/test.h"

#include "base/json.h"
#include "base/text.h"
#include "crypto/ec.h"
#include "crypto/ec_curve.h"
#include "crypto/sig.h"

static struct arena arena;

static struct span hex_of(const struct json *j, const char *key)
{
	struct span text, bytes;
	if (!json_get_str(j, key, &text))
		fail_msg("no member %s", key);
	bytes = hex_decode_in(&arena, text);
	if (!bytes.p)
		fail_msg("member %s is not hex", key);
	return bytes;
}

static struct span str_of(const struct json *j, const char *key)
{
	struct span s;
	if (!json_get_str(j, key, &s))
		fail_msg("no member %s", key);
	return s;
}

typedef bool check_fn(const struct json *group, const struct json *test);

/* Runs every test of a file; those marked acceptable may go either way. */
static void run(const char *name, check_fn *check)
{
	char path[128];
	snprintf(path, sizeof path, "tests/vectors/wycheproof/%s.json", name);
	struct span text = test_file(path);
	struct diag d = {0};
	const struct json *root;
	uint64_t count = 0, seen = 0;
	assert_int_equal(arena_open(&arena, 64 << 20), 0);
	if (json_parse(&arena, text, &root, &d))
		fail_msg("%s: %s", path, d.text);
	assert_true(json_get_u64(root, "numberOfTests", &count));
	for (const struct json *g = json_get(root, "groups")->kids; g; g = g->next) {
		for (const struct json *t = json_get(g, "tests")->kids; t; t = t->next) {
			uint64_t id = 0;
			json_get_u64(t, "tcId", &id);
			bool got = check(g, t);
			struct span want = str_of(t, "result");
			if (!span_is(want, "acceptable") && got != span_is(want, "valid"))
				fail_msg("%s tcId %u: got %s, want %.*s", name, (unsigned)id, got ? "valid" : "invalid", SPAN_FMT(want));
			seen++;
		}
	}
	assert_int_equal(seen, count);
	assert_true(seen > 100);
	free((void *)text.p);
	arena_close(&arena);
}

static enum sig_hash hash_of(const struct json *group)
{
	struct span s = str_of(group, "sha");
	assert_true(span_is(s, "SHA-256") || span_is(s, "SHA-384") || span_is(s, "SHA-512"));
	return span_is(s, "SHA-256") ? SIG_SHA256 : span_is(s, "SHA-384") ? SIG_SHA384 : SIG_SHA512;
}

static struct span digest_of(const struct json *group, const struct json *test, uint8_t out[64])
{
	sig_hash(hash_of(group), hex_of(test, "msg"), out);
	return SPAN(out, sig_hash_len(hash_of(group)));
}

static bool check_der(const struct json *g, const struct json *t)
{
	uint8_t h[64];
	struct span q = hex_of(g, "q");
	return ecdsa_verify_der(q.n == 65 ? SIG_P256 : SIG_P384, q, digest_of(g, t, h), hex_of(t, "sig"));
}

static bool check_raw(const struct json *g, const struct json *t)
{
	uint8_t h[64];
	struct span q = hex_of(g, "q");
	return ecdsa_verify_raw(q.n == 65 ? SIG_P256 : SIG_P384, q, digest_of(g, t, h), hex_of(t, "sig"));
}

static bool check_pkcs1(const struct json *g, const struct json *t)
{
	uint8_t h[64];
	return rsa_verify_pkcs1(hex_of(g, "n"), hex_of(g, "e"), hash_of(g), digest_of(g, t, h), hex_of(t, "sig"));
}

static bool check_pss(const struct json *g, const struct json *t)
{
	uint8_t h[64];
	uint64_t salt = 0;
	assert_true(json_get_u64(g, "sLen", &salt));
	return rsa_verify_pss(hex_of(g, "n"), hex_of(g, "e"), hash_of(g), salt, digest_of(g, t, h), hex_of(t, "sig"));
}

static bool ecdh(int curve, size_t bytes, const struct json *t)
{
	struct span q = hex_of(t, "public"), k = hex_of(t, "private"), want = hex_of(t, "shared");
	uint8_t point[EC_POINT_MAX];
	if (q.n > sizeof point)
		return false;
	memcpy(point, q.p, q.n);
	while (k.n > bytes) {
		assert_int_equal(k.p[0], 0);
		k = SPAN(k.p + 1, k.n - 1);
	}
	if (!ec_impl()->mul(point, q.n, k.p, k.n, curve))
		return false;
	assert_span_equal(SPAN(point + 1, bytes), want);
	return true;
}

static bool check_p256_dh(const struct json *g, const struct json *t)
{
	(void)g;
	return ecdh(BR_EC_secp256r1, 32, t);
}

static bool check_p384_dh(const struct json *g, const struct json *t)
{
	(void)g;
	return ecdh(BR_EC_secp384r1, 48, t);
}

static bool check_x25519(const struct json *g, const struct json *t)
{
	(void)g;
	struct span q = hex_of(t, "public"), k = hex_of(t, "private"), want = hex_of(t, "shared");
	uint8_t u[32];
	static const uint8_t zero[32];
	assert_int_equal(q.n, 32);
	memcpy(u, q.p, 32);
	uint32_t ok = ec_impl()->mul(u, 32, k.p, k.n, BR_EC_curve25519);
	assert_span_equal(SPAN_ARR(u), want);
	/* BearSSL's own code says nothing of a point of small order; ours does. */
	if (ec_impl() == &ec_impl_fast)
		assert_int_equal(ok, memcmp(u, zero, 32) != 0);
	return true;
}

#define CASE(name, file, check)                                                                                                            \
	static void name(void **state)                                                                                                     \
	{                                                                                                                                  \
		(void)state;                                                                                                               \
		run(file, check);                                                                                                          \
	}
CASE(ecdsa_p256_sha256, "ecdsa_secp256r1_sha256", check_der)
CASE(ecdsa_p256_sha256_raw, "ecdsa_secp256r1_sha256_p1363", check_raw)
CASE(ecdsa_p256_sha512, "ecdsa_secp256r1_sha512", check_der)
CASE(ecdsa_p256_sha512_raw, "ecdsa_secp256r1_sha512_p1363", check_raw)
CASE(ecdsa_p384_sha256, "ecdsa_secp384r1_sha256", check_der)
CASE(ecdsa_p384_sha384, "ecdsa_secp384r1_sha384", check_der)
CASE(ecdsa_p384_sha384_raw, "ecdsa_secp384r1_sha384_p1363", check_raw)
CASE(ecdsa_p384_sha512, "ecdsa_secp384r1_sha512", check_der)
CASE(ecdh_p256, "ecdh_secp256r1_ecpoint", check_p256_dh)
CASE(ecdh_p384, "ecdh_secp384r1_ecpoint", check_p384_dh)
CASE(ecdh_x25519, "x25519", check_x25519)
CASE(rsa_2048_sha256, "rsa_signature_2048_sha256", check_pkcs1)
CASE(rsa_4096_sha384, "rsa_signature_4096_sha384", check_pkcs1)
CASE(rsa_pss_2048_sha256, "rsa_pss_2048_sha256_mgf1_32", check_pss)
CASE(rsa_pss_4096_sha384, "rsa_pss_4096_sha384_mgf1_48", check_pss)

static int portable(void **state)
{
	(void)state;
	ec_portable_only = true;
	return 0;
}

static int whatever_is_here(void **state)
{
	(void)state;
	ec_portable_only = false;
	return 0;
}

#define PORTABLE(f) cmocka_unit_test_setup_teardown(f, portable, whatever_is_here)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecdsa_p256_sha256),
		cmocka_unit_test(ecdsa_p256_sha256_raw),
		cmocka_unit_test(ecdsa_p256_sha512),
		cmocka_unit_test(ecdsa_p256_sha512_raw),
		cmocka_unit_test(ecdsa_p384_sha256),
		cmocka_unit_test(ecdsa_p384_sha384),
		cmocka_unit_test(ecdsa_p384_sha384_raw),
		cmocka_unit_test(ecdsa_p384_sha512),
		cmocka_unit_test(ecdh_p256),
		cmocka_unit_test(ecdh_p384),
		cmocka_unit_test(ecdh_x25519),
		cmocka_unit_test(rsa_2048_sha256),
		cmocka_unit_test(rsa_4096_sha384),
		cmocka_unit_test(rsa_pss_2048_sha256),
		cmocka_unit_test(rsa_pss_4096_sha384),
		PORTABLE(ecdsa_p256_sha256_raw),
		PORTABLE(ecdsa_p384_sha384_raw),
		PORTABLE(ecdh_p256),
		PORTABLE(ecdh_x25519),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
