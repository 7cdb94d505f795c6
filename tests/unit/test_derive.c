#include "tests/unit/vectors.h"

#include "base/wr.h"
#include "crypto/keccak.h"
#include "crypto/pem.h"
#include "crypto/sig.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"
#include "kms/keys/derive.h"

#include <bearssl.h>

static struct diag d;

static struct p256_key key_of(struct span scalar)
{
	struct p256_key k;
	assert_int_equal(scalar.n, 32);
	assert_int_equal(p256_from_scalar(&k, scalar.p), 0);
	return k;
}

static struct root_keys roots_of(const struct json *v)
{
	struct root_keys r = {.ca = key_of(vector_hex(v, "input", "root_ca_scalar"))};
	memcpy(r.k256, vector_hex(v, "input", "root_k256").p, 32);
	return r;
}

static void dh_secret_is_the_hash_of_the_derived_pkcs8(void **state)
{
	(void)state;
	const struct json *v = vector("kdf-dh-secret-golden");
	struct p256_key root, derived;
	struct span parts[] = {SPAN_LIT("context one"), SPAN_LIT("context two")};
	uint8_t der[P256_PKCS8_LEN], dh[32];
	assert_int_equal(p256_read_private(&root, vector_hex(v, "input", "root_pkcs8_der"), &d), 0);
	assert_span_equal(SPAN_ARR(root.scalar), vector_hex(v, "input", "root_scalar"));
	assert_int_equal(derive_p256(&root, parts, 2, &derived, &d), 0);
	assert_span_equal(SPAN_ARR(derived.scalar), vector_hex(v, "output", "derived_scalar"));
	assert_span_equal(SPAN_ARR(derived.point), vector_hex(v, "output", "derived_point_uncompressed"));
	p256_pkcs8(&derived, der);
	assert_span_equal(SPAN_ARR(der), vector_hex(v, "output", "derived_pkcs8_der"));
	assert_int_equal(derive_dh(&root, parts, 2, dh, &d), 0);
	assert_span_equal(SPAN_ARR(dh), vector_hex(v, "output", "dh_secret"));
}

static void hkdf_gives_any_length(void **state)
{
	(void)state;
	uint8_t okm[256];
	struct span part = SPAN_LIT("context one");
	derive_key(SPAN_LIT("input key material"), &part, 1, okm, 32);
	assert_span_equal(SPAN(okm, 32), vector_hex(vector("kdf-derive-key-32"), "output", "okm"));
	derive_key(SPAN_LIT("input key material"), &part, 1, okm, 256);
	assert_span_equal(SPAN(okm, 256), vector_hex(vector("kdf-derive-key-256"), "output", "okm"));
}

static void simulator_env_and_disk_keys(void **state)
{
	(void)state;
	const struct json *v = vector("kdf-env-key-fixture");
	struct root_keys r = {.ca = key_of(vector_hex(v, "input", "root_ca_scalar"))};
	uint8_t key[32], pub[32];
	assert_int_equal(derive_env_key(&r, vector_hex(v, "input", "app_id"), key, &d), 0);
	assert_span_equal(SPAN_ARR(key), vector_hex(v, "output", "env_crypt_key"));
	x25519_public(key, pub);
	assert_span_equal(SPAN_ARR(pub), vector_hex(v, "output", "env_public_key_x25519"));
	v = vector("kdf-disk-key-fixture");
	assert_int_equal(derive_disk_key(&r, vector_hex(v, "input", "app_id"), vector_hex(v, "input", "instance_id"), key, &d), 0);
	assert_span_equal(SPAN_ARR(key), vector_hex(v, "output", "disk_crypt_key"));
}

static void recovers_upstream_signers(void **state)
{
	(void)state;
	static const char *const ids[] = {"k256-app-key-signature-golden-1", "k256-app-key-signature-golden-2"};
	uint8_t pub[33], digest[32];
	for (size_t i = 0; i < 2; i++) {
		const struct json *v = vector(ids[i]);
		struct span message = vector_hex(v, "input", "message");
		assert_true(secp_public(vector_hex(v, "input", "app_k256_private").p, pub));
		assert_span_equal(SPAN_ARR(pub), vector_hex(v, "input", "app_k256_public_compressed"));
		keccak256(message, digest);
		assert_span_equal(SPAN_ARR(digest), vector_hex(v, "input", "keccak256"));
		assert_true(secp_recover(message, vector_hex(v, "input", "signature").p, pub));
		assert_span_equal(SPAN_ARR(pub), vector_hex(v, "output", "recovered_root_k256_public"));
	}
	const struct json *v = vector("env-pubkey-signature-legacy-golden");
	assert_true(secp_recover(vector_hex(v, "input", "message"), vector_hex(v, "input", "signature").p, pub));
	assert_span_equal(SPAN_ARR(pub), vector_hex(v, "output", "recovered_signer"));
}

static void everything_of_one_app(void **state)
{
	(void)state;
	static const char *const ids[] = {"getappkey-full", "getappkey-nitro-empty-instance-id"};
	for (size_t i = 0; i < 2; i++) {
		const struct json *v = vector(ids[i]);
		struct root_keys r = roots_of(v);
		struct span app_id = vector_hex(v, "input", "app_id");
		uint8_t key[32], pub[32], sig[65], v1[65], point[33], der[P256_PKCS8_LEN];
		struct p256_key ca;
		assert_span_equal(SPAN_ARR(r.ca.point), vector_hex(v, "input", "root_ca_point"));
		assert_true(secp_public(r.k256, point));
		assert_span_equal(SPAN_ARR(point), vector_hex(v, "input", "root_k256_public"));
		assert_int_equal(derive_disk_key(&r, app_id, vector_hex(v, "input", "instance_id"), key, &d), 0);
		assert_span_equal(SPAN_ARR(key), vector_hex(v, "output", "disk_crypt_key"));
		assert_int_equal(derive_env_key(&r, app_id, key, &d), 0);
		assert_span_equal(SPAN_ARR(key), vector_hex(v, "output", "env_crypt_key"));
		x25519_public(key, pub);
		assert_span_equal(SPAN_ARR(pub), vector_hex(v, "output", "env_public_key"));
		assert_int_equal(derive_app_ca(&r, app_id, &ca, &d), 0);
		p256_pkcs8(&ca, der);
		assert_span_equal(SPAN_ARR(der), vector_hex(v, "output", "app_ca_pkcs8_der"));
		assert_int_equal(derive_k256(&r, app_id, key, sig, &d), 0);
		assert_span_equal(SPAN_ARR(key), vector_hex(v, "output", "k256_key"));
		assert_span_equal(SPAN_ARR(sig), vector_hex(v, "output", "k256_signature"));
		assert_int_equal(derive_sign_env(&r, app_id, pub, sig, 1767225600, v1, &d), 0);
		assert_span_equal(SPAN_ARR(sig), vector_hex(v, "output", "env_legacy_signature"));
		assert_span_equal(SPAN_ARR(v1), vector_hex(v, "output", "env_v1_signature"));
	}
}

static void bootstrap_report_data_binds_both_keys(void **state)
{
	(void)state;
	const struct json *v = vector("bootstrap-key-attestation");
	uint8_t out[64];
	derive_bootstrap_report_data(vector_hex(v, "input", "ca_pubkey_spki_der"), vector_hex(v, "input", "k256_pubkey_compressed").p, out);
	assert_span_equal(SPAN_ARR(out), vector_hex(v, "output", "report_data"));
}

static void pkcs8_and_pem_are_the_template(void **state)
{
	(void)state;
	const struct json *v = vector("pkcs8-template");
	struct p256_key k = key_of(vector_hex(v, "input", "scalar")), again;
	uint8_t der[P256_PKCS8_LEN];
	p256_pkcs8(&k, der);
	assert_span_equal(SPAN_ARR(der), vector_hex(v, "output", "der"));
	struct span pem = pem_encode(&vectors_arena, "PRIVATE KEY", SPAN_ARR(der));
	assert_span_equal(pem, vector_text(v, "output", "pem"));
	struct span back = pem_decode(&vectors_arena, "PRIVATE KEY", pem);
	assert_int_equal(p256_read_private(&again, back, &d), 0);
	assert_memory_equal(&again, &k, sizeof k);
}

static void private_keys_are_read_in_every_usual_form_and_no_other(void **state)
{
	(void)state;
	struct p256_key k, got;
	p256_generate(&k);
	uint8_t der[P256_PKCS8_LEN], bad[P256_PKCS8_LEN];
	p256_pkcs8(&k, der);
	/* SEC1 with named curve */
	uint8_t sec1[160];
	struct wr w = wr_to(sec1, sizeof sec1);
	static const uint8_t head[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
	static const uint8_t curve[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
					0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00};
	wr_put(&w, SPAN_ARR(head));
	wr_put(&w, SPAN_ARR(k.scalar));
	wr_put(&w, SPAN_ARR(curve));
	wr_put(&w, SPAN_ARR(k.point));
	assert_int_equal(p256_read_private(&got, wr_span(&w), &d), 0);
	assert_memory_equal(&got, &k, sizeof k);
	for (size_t i = 0; i < sizeof der; i++) {
		if (i == 5) /* version 1 is RFC 5958's form */
			continue;
		memcpy(bad, der, sizeof der);
		bad[i] ^= 0x01;
		if (p256_read_private(&got, SPAN_ARR(bad), &d) == 0)
			fail_msg("accepted a private key with byte %zu changed", i);
	}
	for (size_t n = 0; n < sizeof der; n++)
		assert_int_not_equal(p256_read_private(&got, SPAN(der, n), &d), 0);
}

static void scalars_out_of_range_are_refused(void **state)
{
	(void)state;
	struct p256_key k;
	uint8_t s[32] = {0};
	static const uint8_t n[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	assert_int_equal(p256_from_scalar(&k, s), ERR_CRYPTO);
	assert_int_equal(p256_from_scalar(&k, n), ERR_CRYPTO);
	memcpy(s, n, 32);
	s[31]--;
	assert_int_equal(p256_from_scalar(&k, s), 0);
	memset(s, 0xff, 32);
	assert_int_equal(p256_from_scalar(&k, s), ERR_CRYPTO);
}

static void keccak_of_every_length_around_the_rate(void **state)
{
	(void)state;
	uint8_t out[32];
	keccak256(SPAN_LIT(""), out);
	assert_span_equal(SPAN_ARR(out),
			  hex_decode_in(&vectors_arena, SPAN_LIT("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")));
	keccak256(SPAN_LIT("abc"), out);
	assert_span_equal(SPAN_ARR(out),
			  hex_decode_in(&vectors_arena, SPAN_LIT("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45")));
	static uint8_t a[136];
	memset(a, 'a', sizeof a);
	keccak256(SPAN(a, 135), out);
	assert_span_equal(SPAN_ARR(out),
			  hex_decode_in(&vectors_arena, SPAN_LIT("34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446")));
	keccak256(SPAN(a, 136), out);
	assert_span_equal(SPAN_ARR(out),
			  hex_decode_in(&vectors_arena, SPAN_LIT("a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e")));
}

static void env_key_opens_what_upstream_sealed(void **state)
{
	(void)state;
	const struct json *v = vector("env-decrypt-golden");
	struct span key = vector_hex(v, "input", "env_crypt_key"), blob = vector_hex(v, "input", "ciphertext");
	uint8_t pub[32], shared[32], tag[16], text[256];
	x25519_public(key.p, pub);
	assert_span_equal(SPAN_ARR(pub), vector_hex(v, "output", "env_public_key"));
	memcpy(shared, blob.p, 32);
	assert_int_equal(br_ec_get_default()->mul(shared, 32, key.p, 32, BR_EC_curve25519), 1);
	br_aes_ct64_ctr_keys aes;
	br_gcm_context gcm;
	br_aes_ct64_ctr_init(&aes, shared, 32);
	br_gcm_init(&gcm, &aes.vtable, br_ghash_ctmul64);
	br_gcm_reset(&gcm, blob.p + 32, 12);
	br_gcm_flip(&gcm);
	size_t n = blob.n - 44 - 16;
	memcpy(text, blob.p + 44, n);
	br_gcm_run(&gcm, 0, text, n);
	br_gcm_get_tag(&gcm, tag);
	assert_memory_equal(tag, blob.p + blob.n - 16, 16);
	assert_span_equal(SPAN(text, n), vector_text(v, "output", "plaintext_utf8"));
}

static void p256_signatures_verify(void **state)
{
	(void)state;
	const struct json *v = vector("csr-v2-full");
	struct p256_key k = key_of(vector_hex(v, "input", "leaf_scalar"));
	struct span msg = vector_hex(v, "output", "csr");
	uint8_t sig[P256_SIG_MAX], digest[32];
	size_t n = p256_sign(&k, msg, sig);
	assert_span_equal(SPAN(sig, n), vector_hex(v, "output", "signature_der"));
	sha256(msg, digest);
	assert_true(ecdsa_verify_der(SIG_P256, SPAN_ARR(k.point), SPAN_ARR(digest), SPAN(sig, n)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dh_secret_is_the_hash_of_the_derived_pkcs8),
		cmocka_unit_test(hkdf_gives_any_length),
		cmocka_unit_test(simulator_env_and_disk_keys),
		cmocka_unit_test(recovers_upstream_signers),
		cmocka_unit_test(everything_of_one_app),
		cmocka_unit_test(bootstrap_report_data_binds_both_keys),
		cmocka_unit_test(pkcs8_and_pem_are_the_template),
		cmocka_unit_test(private_keys_are_read_in_every_usual_form_and_no_other),
		cmocka_unit_test(scalars_out_of_range_are_refused),
		cmocka_unit_test(keccak_of_every_length_around_the_rate),
		cmocka_unit_test(env_key_opens_what_upstream_sealed),
		cmocka_unit_test(p256_signatures_verify),
	};
	return cmocka_run_group_tests(tests, vectors_open, NULL);
}
