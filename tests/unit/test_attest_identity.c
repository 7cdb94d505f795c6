/* Identity, rules, anchors and the verdict cache. */
#include "tests/unit/attest.h"

#include "crypto/hash.h"
#include "kms/attest/cache.h"
#include "kms/attest/report_data.h"
#include "kms/attest/verify.h"

static int verify(const struct attest_ctx *ctx, const char *path, int64_t now, struct verified *v, struct diag *d)
{
	return attest_verify(ctx, &arena, file(path), now, v, d);
}

static void must_verify(const struct attest_ctx *ctx, const char *path, struct verified *v)
{
	struct diag d = {0};
	if (verify(ctx, path, VECTOR_NOW, v, &d))
		fail_msg("%s: %s", path, d.text);
}

static void relax(struct attest_ctx *ctx, const char *rule)
{
	assert_true(attest_rule_relax(&ctx->rules, SPAN_STR(rule)));
}

static void test_nothing_is_believed_about_an_enclave_that_it_did_not_sign(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct boot_info b;
	struct diag d = {0};
	must_verify(&ctx, EXTRA "nitro/valid.v0.bin", &v);
	assert_int_equal(boot_info_derive(&arena, &v, SPAN(NULL, 0), false, &b, &d), ERR_REFUSED);
	assert_says(&d, "nitro-signed-identity");
	relax(&ctx, "nitro-signed-identity");
	must_verify(&ctx, EXTRA "nitro/valid.v0.bin", &v);
	assert_int_equal(boot_info_derive(&arena, &v, SPAN(NULL, 0), false, &b, &d), 0);
	assert_int_equal(b.app_id.n, 20);
}

static void test_january_relaxes_no_identity_rule(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct boot_info b;
	struct diag d = {0};
	ctx.rules.generation = GEN_COMPAT;
	must_verify(&ctx, EXTRA "nitro/valid.v0.bin", &v);
	assert_int_equal(boot_info_derive(&arena, &v, SPAN(NULL, 0), false, &b, &d), ERR_REFUSED);
}

static void test_a_debug_enclave_has_no_image_unless_the_rule_is_relaxed(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct diag d = {0};
	must_verify(&ctx, EXTRA "nitro/debug_zero_hash.v0.bin", &v);
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), ERR_REFUSED);
	assert_says(&d, "debug");
	relax(&ctx, "nitro-debug");
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), 0);
}

static void test_something_loaded_beside_the_uki_is_seen(void **state)
{
	(void)state;
	struct attest_ctx ctx = {.gcp = gcp_layout_production};
	struct evidence *ev = decode(file(SHARED "gcp-container-synthetic/valid.v0.bin"));
	struct boot_event log[64];
	struct verified v;
	struct diag d = {0};
	assert_int_equal(evidence_preview(&ctx, &arena, ev, &v, &d), 0);
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), 0);
	assert_true(ev->tpm.log_count < 64);
	memcpy(log, ev->tpm.log, ev->tpm.log_count * sizeof log[0]);
	log[ev->tpm.log_count++] = (struct boot_event){2, SPAN_LIT("an add-on that replaces /init...")};
	ev->tpm.log = log;
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), ERR_REFUSED);
	assert_says(&d, "loaded beside the UKI");
	relax(&ctx, "boot-pcr-events");
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), 0);
}

static void test_an_old_document_is_stale_unless_the_rule_is_relaxed(void **state)
{
	(void)state;
	struct attest_ctx ctx = {.anchors = anchors_production};
	struct verified v;
	struct diag d = {0};
	/* the certificate of the real document lives for three hours, the document for one */
	const int64_t later = 1766678659 + 3601;
	assert_int_equal(verify(&ctx, SHARED "containers/nitro_prod.v0.bin", later, &v, &d), ERR_REFUSED);
	assert_says(&d, "stale");
	relax(&ctx, "nitro-freshness");
	assert_int_equal(verify(&ctx, SHARED "containers/nitro_prod.v0.bin", later, &v, &d), 0);
	assert_true(v.expires > later);
}

static void test_bytes_behind_a_container_are_refused_unless_the_rule_is_relaxed(void **state)
{
	(void)state;
	struct attest_rules rules = {0};
	struct evidence *ev;
	struct diag d = {0};
	struct span bytes = file(SHARED "containers-malformed/v0_trailing.bin");
	assert_int_equal(evidence_decode(&arena, bytes, &rules, &ev, &d), ERR_INPUT);
	assert_says(&d, "Trailing bytes");
	rules.generation = GEN_COMPAT;
	assert_int_equal(evidence_decode(&arena, bytes, &rules, &ev, &d), 0);
}

static void test_rules_have_names_and_unknown_names_relax_nothing(void **state)
{
	(void)state;
	struct attest_rules rules = {0};
	for (unsigned i = 0; i < ATTEST_RULES; i++) {
		assert_true(attest_rule_holds(&rules, (enum attest_rule)i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(attest_rule_table[i].name, attest_rule_table[k].name);
	}
	assert_false(attest_rule_relax(&rules, SPAN_LIT("nitro")));
	assert_false(attest_rule_relax(&rules, SPAN_LIT("")));
	assert_int_equal(rules.relaxed, 0);
}

static void test_an_anchor_that_is_not_there_refuses_its_kind(void **state)
{
	(void)state;
	static const char *const paths[] = {EXTRA "tdx/valid.v0.bin", EXTRA "gcp-container/valid.v0.bin", EXTRA "nitro/valid.v0.bin",
					    EXTRA "nitrotpm/valid.v0.bin", EXTRA "snp/valid.v0.bin"};
	struct attest_ctx ctx = {.gcp = gcp_layout_production};
	struct verified v;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct diag d = {0};
		assert_int_not_equal(verify(&ctx, paths[i], VECTOR_NOW, &v, &d), 0);
		assert_true(d.text[0] != 0);
	}
}

static void test_production_does_not_trust_the_test_hierarchies(void **state)
{
	(void)state;
	static const char *const paths[] = {EXTRA "nitro/valid.v0.bin", EXTRA "nitrotpm/valid.v0.bin", EXTRA "snp/valid.v0.bin"};
	struct attest_ctx ctx = {.anchors = anchors_production, .gcp = gcp_layout_production};
	struct verified v;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct diag d = {0};
		assert_int_not_equal(verify(&ctx, paths[i], VECTOR_NOW, &v, &d), 0);
	}
}

static void test_the_anchors_are_the_published_ones(void **state)
{
	(void)state;
	const struct anchors *a = &anchors_production;
	const struct {
		struct span der;
		const char *sha256;
	} want[] = {
		{a->intel_sgx_root, "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"},
		{a->aws_nitro_root, "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"},
		{a->aws_nitro_tpm_root, "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"},
		{a->google_ek_root, "594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2"},
		{a->amd_ark_milan, "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"},
		{a->amd_ark_genoa, "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"},
		{a->amd_ark_turin, "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"},
	};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		uint8_t digest[32];
		char hex[65];
		sha256(want[i].der, digest);
		for (size_t k = 0; k < 32; k++)
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(hex, want[i].sha256);
	}
}

static void test_the_key_is_bound_by_report_data(void **state)
{
	(void)state;
	struct verified v = {0};
	struct diag d = {0};
	report_data("ratls-cert", SPAN_LIT("key"), v.report_data);
	assert_int_equal(attest_check_key(&v, SPAN_LIT("key"), &d), 0);
	assert_int_equal(attest_check_key(&v, SPAN_LIT("kez"), &d), ERR_REFUSED);
	assert_says(&d, "report data mismatch");
}

static void test_boot_info_has_the_members_of_the_protocol_in_their_order(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct boot_info b;
	struct diag d = {0};
	static const char want[] =
		"{\"attestationMode\":\"dstack-nitro-enclave\",\"teeVariant\":\"dstack-nitro-enclave\","
		"\"mrAggregated\":\"8a68141543ce2aafc8bdf320d542204bfa7ac94d9e144155d1147e1a1d5f0fad\","
		"\"osImageHash\":\"8a68141543ce2aafc8bdf320d542204bfa7ac94d9e144155d1147e1a1d5f0fad\","
		"\"mrSystem\":\"8a68141543ce2aafc8bdf320d542204bfa7ac94d9e144155d1147e1a1d5f0fad\","
		"\"appId\":\"000102030405060708090a0b0c0d0e0f10111213\","
		"\"composeHash\":\"8a68141543ce2aafc8bdf320d542204bfa7ac94d9e144155d1147e1a1d5f0fad\",\"instanceId\":\"\","
		"\"deviceId\":\"de7d1b721a1e0632b7cf04edf5032c8ecffa9f9a08492152b926f1a5a7e765d7\",\"keyProviderInfo\":\"\","
		"\"tcbStatus\":\"\",\"advisoryIds\":[]}";
	relax(&ctx, "nitro-signed-identity");
	must_verify(&ctx, EXTRA "nitro/valid.v0.bin", &v);
	assert_int_equal(boot_info_derive(&arena, &v, SPAN(NULL, 0), false, &b, &d), 0);
	assert_span_equal(boot_info_json(&arena, &b), SPAN_LIT(want));
}

static void test_a_request_s_vm_config_is_used_before_the_container_s(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct diag d = {0};
	must_verify(&ctx, EXTRA "nitro/valid.v0.bin", &v);
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN(NULL, 0), &d), 0);
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN_LIT("{\"os_image_hash\":\"00\"}"), &d), ERR_REFUSED);
	assert_says(&d, "os_image_hash mismatch");
	assert_int_equal(image_check(&ctx, &arena, &v, SPAN_LIT("{\"os_image_hash\":1}"), &d), ERR_INPUT);
	assert_says(&d, "Failed to parse vm config");
}

static void test_a_verdict_is_remembered_until_it_expires(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified first, second;
	struct diag d = {0};
	assert_int_equal(evidence_cache_open(4, &ctx.cache), 0);
	must_verify(&ctx, EXTRA "nitrotpm/valid.v0.bin", &first);
	/* without the anchor only the memory can say yes */
	ctx.anchors = (struct anchors){0};
	must_verify(&ctx, EXTRA "nitrotpm/valid.v0.bin", &second);
	assert_span_equal(second.device, first.device);
	assert_span_equal(second.tcb_status, first.tcb_status);
	assert_int_equal(second.expires, first.expires);
	assert_false(second.preview);
	struct boot_info a, b;
	assert_int_equal(boot_info_derive(&arena, &first, SPAN(NULL, 0), false, &a, &d), 0);
	assert_int_equal(boot_info_derive(&arena, &second, SPAN(NULL, 0), false, &b, &d), 0);
	assert_span_equal(boot_info_json(&arena, &b), boot_info_json(&arena, &a));
	assert_int_not_equal(verify(&ctx, EXTRA "nitrotpm/valid.v0.bin", first.expires, &second, &d), 0);
	assert_int_not_equal(verify(&ctx, EXTRA "nitro/valid.v0.bin", VECTOR_NOW, &second, &d), 0);
	evidence_cache_close(ctx.cache);
}

static void test_a_refusal_is_not_remembered_as_a_verdict(void **state)
{
	(void)state;
	struct attest_ctx ctx = nitro_ctx();
	struct verified v;
	struct diag d = {0};
	assert_int_equal(evidence_cache_open(4, &ctx.cache), 0);
	for (int i = 0; i < 2; i++)
		assert_int_not_equal(verify(&ctx, EXTRA "nitrotpm/user_data_other.v0.bin", VECTOR_NOW, &v, &d), 0);
	evidence_cache_close(ctx.cache);
}

static void test_a_full_cache_gives_up_the_verdict_that_expires_first(void **state)
{
	(void)state;
	struct evidence_cache *c;
	struct verdict v = {.tcb_status = SPAN_LIT("UpToDate")}, got;
	uint8_t digest[3][32] = {{1}, {2}, {3}};
	assert_int_equal(evidence_cache_open(2, &c), 0);
	for (size_t i = 0; i < 3; i++) {
		v.expires = 1000 + 100 * (int64_t)i;
		evidence_cache_put(c, digest[i], 500, &v);
	}
	assert_false(evidence_cache_get(c, &arena, digest[0], 600, &got));
	assert_true(evidence_cache_get(c, &arena, digest[1], 600, &got));
	assert_true(evidence_cache_get(c, &arena, digest[2], 600, &got));
	assert_false(evidence_cache_get(c, &arena, digest[1], 1100, &got));
	evidence_cache_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_believed_about_an_enclave_that_it_did_not_sign),
		cmocka_unit_test(test_january_relaxes_no_identity_rule),
		cmocka_unit_test(test_a_debug_enclave_has_no_image_unless_the_rule_is_relaxed),
		cmocka_unit_test(test_something_loaded_beside_the_uki_is_seen),
		cmocka_unit_test(test_an_old_document_is_stale_unless_the_rule_is_relaxed),
		cmocka_unit_test(test_bytes_behind_a_container_are_refused_unless_the_rule_is_relaxed),
		cmocka_unit_test(test_rules_have_names_and_unknown_names_relax_nothing),
		cmocka_unit_test(test_an_anchor_that_is_not_there_refuses_its_kind),
		cmocka_unit_test(test_production_does_not_trust_the_test_hierarchies),
		cmocka_unit_test(test_the_anchors_are_the_published_ones),
		cmocka_unit_test(test_the_key_is_bound_by_report_data),
		cmocka_unit_test(test_boot_info_has_the_members_of_the_protocol_in_their_order),
		cmocka_unit_test(test_a_request_s_vm_config_is_used_before_the_container_s),
		cmocka_unit_test(test_a_verdict_is_remembered_until_it_expires),
		cmocka_unit_test(test_a_refusal_is_not_remembered_as_a_verdict),
		cmocka_unit_test(test_a_full_cache_gives_up_the_verdict_that_expires_first),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
