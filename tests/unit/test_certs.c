#include "tests/unit/vectors.h"

#include "crypto/hash.h"
#include "kms/keys/certs.h"

enum { Y2036 = 2082758400 };
static struct diag d;

static struct p256_key key_of(struct span scalar)
{
	struct p256_key k;
	assert_int_equal(p256_from_scalar(&k, scalar.p), 0);
	return k;
}

/* The whole certificate, signature included: both sides sign with RFC 6979. */
static void matches(const char *id, int e, struct span der)
{
	if (e)
		fail_msg("%s: %s", id, d.text);
	assert_span_equal(der, vector_hex(vector(id), "output", "cert_der"));
}

static void self_signed_authorities(void **state)
{
	(void)state;
	struct span der;
	struct p256_key k = key_of(vector_hex(vector("cert-root-ca"), "input", "issuer_scalar"));
	matches("cert-root-ca", certs_root_ca(&vectors_arena, &k, Y2036, &der, &d), der);
	k = key_of(vector_hex(vector("cert-temp-ca"), "input", "issuer_scalar"));
	matches("cert-temp-ca", certs_temp_ca(&vectors_arena, &k, Y2036, &der, &d), der);
}

static void tbs_equals_upstreams_root(void **state)
{
	(void)state;
	const struct json *v = vector("cert-root-ca-fixture");
	struct p256_key k = key_of(vector_hex(v, "input", "root_ca_scalar"));
	struct span der, tbs = vector_hex(v, "output", "tbs_der");
	/* 351219025139Z */
	assert_int_equal(certs_root_ca(&vectors_arena, &k, 2081645499, &der, &d), 0);
	assert_true(der.n > tbs.n + 4);
	assert_span_equal(SPAN(der.p + 4, tbs.n), tbs);
	/* The older fixture has another key usage; everything before the extensions but notAfter is the same. */
	v = vector("cert-root-ca-fixture-old");
	tbs = vector_hex(v, "output", "tbs_der");
	assert_int_equal(certs_root_ca(&vectors_arena, &k, 2057737482, &der, &d), 0);
	size_t until = 0;
	while (until < tbs.n && der.p[4 + until] == tbs.p[until])
		until++;
	assert_int_equal(tbs.p[until], 0x80);
	assert_int_equal(der.p[4 + until], 0x86);
	assert_memory_equal(der.p + 4 + until + 1, tbs.p + until + 1, tbs.n - until - 1);
}

static void rpc_certificate(void **state)
{
	(void)state;
	const struct json *v = vector("cert-rpc");
	struct p256_key root = key_of(vector_hex(v, "input", "issuer_scalar")), subject = {0};
	struct span tbs = vector_hex(v, "output", "tbs_der"), der;
	static const uint8_t mark[] = {0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
	const uint8_t *at = memmem(tbs.p, tbs.n, mark, sizeof mark);
	assert_non_null(at);
	memcpy(subject.point, at + sizeof mark, P256_POINT_LEN);
	int e = certs_rpc(&vectors_arena, &root, &subject, SPAN_LIT("kms.example.com"),
			  vector_hex(vector("attestation-v0-gcp-scale"), "output", "bytes"), Y2036, &der, &d);
	matches("cert-rpc", e, der);
}

static void app_authority_and_leaf(void **state)
{
	(void)state;
	const struct json *app = vector("getappkey-full"), *csr = vector("csr-v2-full");
	struct p256_key root = key_of(vector_hex(vector("cert-app-ca"), "input", "issuer_scalar"));
	struct p256_key ca = key_of(vector_hex(vector("cert-app-leaf"), "input", "issuer_scalar"));
	struct span der, app_id = vector_hex(app, "input", "app_id");
	matches("cert-app-ca", certs_app_ca(&vectors_arena, &root, &ca, app_id, Y2036, &der, &d), der);

	struct span names[] = {SPAN_LIT("alt.example.com"), SPAN_LIT("203.0.113.10")};
	struct cert_spec leaf = {.subject = {SPAN_LIT("Test Org"), SPAN_LIT("test.example.com")},
				 .spki = vector_hex(csr, "input", "pubkey_spki"),
				 .alt_names = names,
				 .alt_name_count = 2,
				 .server_auth = true,
				 .client_auth = true,
				 .not_before = 1767225600,
				 .not_after = 1798761600,
				 .app_id = app_id,
				 .app_info = vector_hex(vector("app-info-ext-8"), "output", "msgpack"),
				 .usage = SPAN_LIT("app:custom"),
				 .attestation = vector_hex(csr, "input", "attestation")};
	matches("cert-app-leaf", cert_build(&vectors_arena, &leaf, certs_app_ca_name(&vectors_arena), &ca, &der, &d), der);
}

static void ratls_client(void **state)
{
	(void)state;
	const struct json *csr = vector("csr-v2-full");
	struct p256_key temp = key_of(vector_hex(vector("cert-temp-ca"), "input", "issuer_scalar"));
	struct p256_key key = key_of(vector_hex(csr, "input", "leaf_scalar"));
	struct span der;
	int e = certs_ratls_client(&vectors_arena, &temp, certs_temp_ca_name(&vectors_arena), &key, vector_hex(csr, "input", "attestation"),
				   Y2036, &der, &d);
	matches("cert-ratls-client", e, der);
}

static void extensions_are_octet_strings_twice(void **state)
{
	(void)state;
	const struct json *v = vector("cert-ext-der");
	struct p256_key root = key_of(vector_hex(vector("cert-rpc"), "input", "issuer_scalar"));
	struct span der, ext = vector_hex(v, "output", "full_extension_cert_usage_kms_rpc"),
			 usage = vector_hex(v, "output", "key_usage_leaf");
	assert_int_equal(certs_rpc(&vectors_arena, &root, &root, SPAN_LIT("kms.test"), SPAN(NULL, 0), Y2036, &der, &d), 0);
	assert_non_null(memmem(der.p, der.n, ext.p, ext.n));
	assert_non_null(memmem(der.p, der.n, usage.p, usage.n));
	usage = vector_hex(v, "output", "key_usage_ca");
	assert_int_equal(certs_root_ca(&vectors_arena, &root, Y2036, &der, &d), 0);
	assert_non_null(memmem(der.p, der.n, usage.p, usage.n));
}

static void serial_and_key_id_rules(void **state)
{
	(void)state;
	const struct json *v = vector("cert-serial-ski-observed");
	static const char *const who[] = {"issued", "self_signed"};
	for (size_t i = 0; i < 2; i++) {
		char name[32];
		uint8_t h[32];
		snprintf(name, sizeof name, "%s_spki", who[i]);
		struct span spki = vector_hex(v, "input", name);
		struct p256_key k = {0}, signer;
		struct span der;
		p256_generate(&signer);
		memcpy(k.point, spki.p + 26, 65);
		assert_int_equal(certs_app_ca(&vectors_arena, &signer, &k, SPAN_LIT("12345678901234567890"), Y2036, &der, &d), 0);
		snprintf(name, sizeof name, "%s_serial", who[i]);
		struct span serial = vector_hex(v, "output", name);
		assert_non_null(memmem(der.p, 40, serial.p, serial.n));
		snprintf(name, sizeof name, "%s_ski", who[i]);
		sha256(spki, h);
		assert_span_equal(SPAN(h, 20), vector_hex(v, "output", name));
		assert_non_null(memmem(der.p, der.n, h, 20));
	}
}

static struct cert_spec simple(const struct p256_key *k, uint8_t spki[P256_SPKI_LEN])
{
	p256_spki(k->point, spki);
	return (struct cert_spec){.subject = {.cn = SPAN_LIT("x")}, .spki = SPAN(spki, P256_SPKI_LEN), .not_before = 0, .not_after = Y2036};
}

static void refuses_what_does_not_fit_x509(void **state)
{
	(void)state;
	struct p256_key k;
	uint8_t spki[P256_SPKI_LEN];
	struct span der, issuer = certs_app_ca_name(&vectors_arena);
	p256_generate(&k);
	struct cert_spec s = simple(&k, spki);
	struct span name = SPAN_LIT("b\xc3\xbc"
				    "cher.example");
	s.alt_names = &name;
	s.alt_name_count = 1;
	assert_int_equal(cert_build(&vectors_arena, &s, issuer, &k, &der, &d), ERR_INPUT);
	s = simple(&k, spki);
	s.not_after = -1;
	assert_int_equal(cert_build(&vectors_arena, &s, issuer, &k, &der, &d), ERR_INPUT);
	s = simple(&k, spki);
	s.not_after = 253402300800;
	assert_int_equal(cert_build(&vectors_arena, &s, issuer, &k, &der, &d), ERR_INPUT);
	s.not_after = 253402300799;
	assert_int_equal(cert_build(&vectors_arena, &s, issuer, &k, &der, &d), 0);
	assert_non_null(memmem(der.p, der.n,
			       "\x18\x0f"
			       "99991231235959Z",
			       17));
	s = simple(&k, spki);
	spki[30] ^= 0;
	s.spki.n--;
	assert_int_equal(cert_build(&vectors_arena, &s, issuer, &k, &der, &d), ERR_INPUT);
}

static void address_literals_become_ip_names(void **state)
{
	(void)state;
	struct p256_key k;
	uint8_t spki[P256_SPKI_LEN];
	struct span der;
	p256_generate(&k);
	struct cert_spec s = simple(&k, spki);
	struct span names[] = {SPAN_LIT("::1"), SPAN_LIT("01.2.3.4"), SPAN_LIT("1.2.3.4")};
	s.alt_names = names;
	s.alt_name_count = 3;
	assert_int_equal(cert_build(&vectors_arena, &s, certs_app_ca_name(&vectors_arena), &k, &der, &d), 0);
	static const uint8_t want[] = {0x87, 0x10, 0, 0,   0,   0,   0,   0,   0,   0,   0,   0,    0, 0, 0, 0, 0,
				       1,    0x82, 8, '0', '1', '.', '2', '.', '3', '.', '4', 0x87, 4, 1, 2, 3, 4};
	assert_non_null(memmem(der.p, der.n, want, sizeof want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_signed_authorities),
		cmocka_unit_test(tbs_equals_upstreams_root),
		cmocka_unit_test(rpc_certificate),
		cmocka_unit_test(app_authority_and_leaf),
		cmocka_unit_test(ratls_client),
		cmocka_unit_test(extensions_are_octet_strings_twice),
		cmocka_unit_test(serial_and_key_id_rules),
		cmocka_unit_test(refuses_what_does_not_fit_x509),
		cmocka_unit_test(address_literals_become_ip_names),
	};
	return cmocka_run_group_tests(tests, vectors_open, NULL);
}
