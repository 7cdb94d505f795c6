/* SEV-SNP: the vectors' containers, the rules of policy, and the document. */
#include "tests/unit/snp.h"

#include "base/json.h"
#include "base/text.h"

static struct attest_ctx with_test_ark(void)
{
	struct span ark = file(EXTRA "snp/ark.der");
	return (struct attest_ctx){.anchors = {.amd_ark_milan = ark, .amd_ark_genoa = ark}};
}

static void expect_hex(const struct json *info, const char *member, struct span got)
{
	struct span want;
	if (!json_get_str(info, member, &want))
		return;
	assert_span_equal(SPAN_STR(hex_encode_in(&arena, got)), want);
}

static void every_container_of_the_vectors(void **state)
{
	(void)state;
	const struct json *root;
	struct diag d = {0};
	struct attest_ctx ctx = with_test_ark();
	size_t seen = 0, accepted = 0;
	if (json_parse(&arena, file(EXTRA "MANIFEST.json"), &root, &d))
		fail_msg("%s", d.text);
	for (const struct json *e = json_get(root, "entries")->kids; e; e = e->next) {
		const struct json *files = json_get(e, "files"), *want = json_get(e, "expected");
		if (!files || !span_starts(files->kids->str, "snp/"))
			continue;
		char path[128];
		snprintf(path, sizeof path, EXTRA "%.*s", SPAN_FMT(files->kids->str));
		struct span evidence_result, tcb;
		assert_true(json_get_str(want, "evidence_result", &evidence_result));

		struct evidence *ev = snp_decode(path);
		struct snp_result out;
		d = (struct diag){0};
		int got = run_verify(&ctx, ev, &out, &d);
		if ((got == 0) != span_is(evidence_result, "accept"))
			fail_msg("%s: got %d (%s), want %.*s", path, got, d.text, SPAN_FMT(evidence_result));
		seen++;
		if (got) {
			assert_true(d.text[0] != 0);
			continue;
		}
		accepted++;
		if (json_get_str(want, "tcb_status", &tcb))
			assert_true(span_is(tcb, out.tcb_status));
		const struct json *info = json_get(want, "app_info");
		expect_hex(info, "app_id", out.document.app_id);
		expect_hex(info, "compose_hash", out.document.compose_hash);
		expect_hex(info, "instance_id", out.document.instance_id);
		expect_hex(info, "key_provider_info", out.key_provider_info);
		expect_hex(info, "mr_system", SPAN_ARR(out.mr_system));
		expect_hex(info, "mr_aggregated", SPAN_ARR(out.mr_aggregated));

		struct span image;
		assert_true(json_get_str(json_get(want, "image_check"), "august", &image));
		got = snp_image_check(&arena, &out.report, ev->config, &d);
		if ((got == 0) != span_is(image, "accept"))
			fail_msg("%s: image check got %d (%s), want %.*s", path, got, d.text, SPAN_FMT(image));
	}
	assert_int_equal(seen, 41);
	assert_true(accepted >= 16);
}

/* The vectors' refused cases, each for its own reason. */
static void refuses_for_the_right_reason(void **state)
{
	(void)state;
	static const struct {
		const char *file, *why;
		int err;
	} cases[] = {
		{"kernel_table_vlek", "VLEK", ERR_REFUSED},
		{"kernel_table_without_end", "certificate table", ERR_INPUT},
		{"chain_of_three", "3 certificates", ERR_INPUT},
		{"other_ark", "ASK is not signed by the ARK", ERR_CRYPTO},
		{"vcek_by_other_ask", "VCEK is not signed by the ASK", ERR_CRYPTO},
		{"signed_by_other_key", "report signature is wrong", ERR_CRYPTO},
		{"signature_bit", "report signature is wrong", ERR_CRYPTO},
		{"signature_high_byte", "report signature is wrong", ERR_CRYPTO},
		{"signed_part_tail", "report signature is wrong", ERR_CRYPTO},
		{"report_1183", "1183 bytes", ERR_INPUT},
		{"algorithm_2", "signature algorithm", ERR_REFUSED},
		{"version_5", "version 5", ERR_INPUT},
		{"vmpl_1", "VMPL 0", ERR_REFUSED},
		{"policy_debug", "debugging", ERR_REFUSED},
		{"chip_key_masked", "masked", ERR_REFUSED},
		{"signing_key_vlek", "not signed by a VCEK", ERR_REFUSED},
		{"rapl_wanted", "RAPL", ERR_REFUSED},
		{"product_unknown", "unknown product", ERR_UNSUPPORTED},
		{"report_data_other", "report data", ERR_REFUSED},
		{"host_data_other", "HOST_DATA", ERR_REFUSED},
		{"mr_config_unknown_member", "unknown member", ERR_INPUT},
		{"mr_config_bad_provider", "key_provider is unknown", ERR_INPUT},
		{"mr_config_member_twice", "mr_config: invalid JSON", ERR_INPUT},
	};
	struct attest_ctx ctx = with_test_ark();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, EXTRA "snp/%s.v0.bin", cases[i].file);
		struct snp_result out;
		struct diag d = {0};
		int e = run_verify(&ctx, snp_decode(path), &out, &d);
		if (e != cases[i].err || !strstr(d.text, cases[i].why))
			fail_msg("%s: got %d \"%s\", want %d \"%s\"", cases[i].file, e, d.text, cases[i].err, cases[i].why);
	}
}

static void refuses_every_rule_of_policy(void **state)
{
	(void)state;
	const struct snp_report good = {.signature_algorithm = 1, .policy = 0x30000, .platform_info = 0x1};
	static const struct {
		uint64_t policy, platform;
		uint32_t vmpl, algorithm, keys;
		const char *why; /* NULL: passes */
	} cases[] = {
		{0x30000, 0x01, 0, 1, 0, NULL},
		{0x30000, 0x00, 0, 1, 0, NULL},
		{0x20000, 0x00, 0, 1, 0, NULL},
		{0x20000, 0x01, 0, 1, 0, "SMT"},
		{0x30000 | 1 << 18, 0x01, 0, 1, 0, "migration"},
		{0x30000 | 1 << 19, 0x01, 0, 1, 0, "debugging"},
		{0x30000 | 1 << 23, 0x01, 0, 1, 0, "RAPL"},
		{0x30000 | 1 << 23, 0x09, 0, 1, 0, NULL},
		{0x30000 | 1 << 24, 0x01, 0, 1, 0, "ciphertext hiding"},
		{0x30000 | 1 << 24, 0x11, 0, 1, 0, NULL},
		{0x30000, 0x01, 1, 1, 0, "VMPL"},
		{0x30000, 0x01, 0x100, 1, 0, "VMPL"},
		{0x30000, 0x01, 0, 0, 0, "algorithm"},
		{0x30000, 0x01, 0, 2, 0, "algorithm"},
		{0x30000, 0x01, 0, 1, 1, NULL},
		{0x30000, 0x01, 0, 1, 2, "masked"},
		{0x30000, 0x01, 0, 1, 4, "VCEK"},
		{0x30000, 0x01, 0, 1, 8, "VCEK"},
		{0x30000, 0x01, 0, 1, 16, "VCEK"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct snp_report r = good;
		struct diag d = {0};
		r.policy = cases[i].policy;
		r.platform_info = cases[i].platform;
		r.vmpl = cases[i].vmpl;
		r.signature_algorithm = cases[i].algorithm;
		r.key_flags = cases[i].keys;
		int e = snp_check_policy(&r, &d);
		if (cases[i].why ? e != ERR_REFUSED || !strstr(d.text, cases[i].why) : e != 0)
			fail_msg("case %zu: got %d \"%s\", want %s", i, e, d.text, cases[i].why ? cases[i].why : "accept");
	}
}

static void knows_products_by_cpuid(void **state)
{
	(void)state;
	static const struct {
		uint8_t family, model;
		int product;
	} cases[] = {{0x19, 0x00, SNP_MILAN}, {0x19, 0x0f, SNP_MILAN},
		     {0x19, 0x10, SNP_GENOA}, {0x19, 0x1f, SNP_GENOA},
		     {0x19, 0xa0, SNP_GENOA}, {0x19, 0xaf, SNP_GENOA},
		     {0x1a, 0x00, SNP_TURIN}, {0x1a, 0x11, SNP_TURIN},
		     {0x19, 0x20, -1},        {0x19, 0x9f, -1},
		     {0x19, 0xb0, -1},        {0x1a, 0x12, -1},
		     {0x17, 0x00, -1},        {0, 0, -1}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct snp_report r = {.cpuid_family = cases[i].family, .cpuid_model = cases[i].model};
		enum snp_product p = SNP_GENOA;
		int e = snp_report_product(&r, &p, NULL);
		assert_int_equal(e, cases[i].product < 0 ? ERR_UNSUPPORTED : 0);
		if (!e)
			assert_int_equal(p, cases[i].product);
	}
}

static int parse(const char *text, struct mr_config_v3 *out, struct diag *d)
{
	*d = (struct diag){0};
	return mr_config_v3_parse(&arena, SPAN_STR(text), out, d);
}

static void reads_documents(void **state)
{
	(void)state;
	struct mr_config_v3 c;
	struct diag d;
	assert_int_equal(parse("{\"compose_hash\":\"aB\",\"key_provider\":\"none\"}", &c, &d), 0);
	assert_span_equal(c.compose_hash, SPAN_LIT("\xab"));
	assert_string_equal(c.key_provider, "none");
	assert_int_equal(c.app_id.n, 0);
	assert_false(c.has_init_scripts);
	assert_int_equal(parse("{\"version\":3,\"compose_hash\":\"\",\"key_provider\":\"tpm\",\"app_id\":null,\"gpu_policy_hash\":\"01\","
			       "\"instance_id\":\"02\",\"key_provider_id\":\"03\",\"init_script_hashes\":[\"04\",\"05\"]}",
			       &c, &d),
			 0);
	assert_true(c.has_init_scripts);
	assert_int_equal(c.init_script_count, 2);
	assert_span_equal(c.init_script_hashes[1], SPAN_LIT("\x05"));
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"compose_hash\":\"00\"}",
		"{\"key_provider\":\"kms\"}",
		"{\"compose_hash\":\"0\",\"key_provider\":\"kms\"}",
		"{\"compose_hash\":\"0x00\",\"key_provider\":\"kms\"}",
		"{\"compose_hash\":null,\"key_provider\":\"kms\"}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"KMS\"}",
		"{\"compose_hash\":\"00\",\"key_provider\":3}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"version\":2}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"version\":\"3\"}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"extra\":1}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"app_id\":\"00\",\"app_id\":\"00\"}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"init_script_hashes\":\"00\"}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\",\"init_script_hashes\":[1]}",
		"{\"compose_hash\":\"00\",\"key_provider\":\"kms\"} x",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (parse(bad[i], &c, &d) != ERR_INPUT)
			fail_msg("accepted: %s", bad[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_container_of_the_vectors),
		TEST(refuses_for_the_right_reason),
		TEST(refuses_every_rule_of_policy),
		TEST(knows_products_by_cpuid),
		TEST(reads_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
