/* SEV-SNP: the vectors' containers, and each rule that they do not reach. */
#include "tests/unit/test.h"

#include "base/json.h"
#include "base/text.h"
#include "crypto/x509.h"
#include "kms/attest/evidence.h"
#include "kms/attest/snp_inner.h"
#include "kms/attest/snp_kds.h"
#include "kms/attest/snp_launch.h"
#include "kms/attest/vm_config.h"

#define EXTRA  "tests/vectors/attestation-extra/"
#define SHARED "tests/vectors/attestation/"

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	return arena_open(&arena, 64 << 20);
}

static int close_arena(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

/* A file, in the arena. */
static struct span file(const char *path)
{
	struct span s = test_file(path), kept = arena_dup(&arena, s);
	free((void *)s.p);
	assert_non_null(kept.p);
	return kept;
}

static struct span pem_file(const char *path)
{
	struct span der;
	struct diag d;
	assert_int_equal(snp_cert_der(&arena, file(path), &der, &d), 0);
	return der;
}

static struct evidence *decode(const char *path)
{
	struct evidence *ev;
	struct diag d = {0};
	static const struct attest_rules rules;
	if (evidence_decode(&arena, file(path), &rules, &ev, &d))
		fail_msg("%s: %s", path, d.text);
	assert_int_equal(ev->variant, VARIANT_SEV_SNP);
	return ev;
}

static struct attest_ctx with_test_ark(void)
{
	struct span ark = file(EXTRA "snp/ark.der");
	return (struct attest_ctx){.anchors = {.amd_ark_milan = ark, .amd_ark_genoa = ark}};
}

static int run_verify(const struct attest_ctx *ctx, const struct evidence *ev, struct snp_result *out, struct diag *d)
{
	int e = snp_verify(ctx, &arena, ev->quote, ev->certs, ev->cert_count, ev->mr_config, 1772323200, out, d);
	if (!e && memcmp(out->report.report_data, ev->report_data, 64) != 0)
		e = diag_fail(d, ERR_REFUSED, "report data mismatch");
	return e;
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

		struct evidence *ev = decode(path);
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
		int e = run_verify(&ctx, decode(path), &out, &d);
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

/* --- AMD's certificates and service ------------------------------------------------------------------------------------------------ */

#define MILAN_URL "https://kdsintf.amd.com/vcek/v1/Milan/"
#define REAL_CHIP                                                                                                                          \
	"38d174589d2dff97a6d40cb9f9d90b9507c027491219083cef3ce73ed18f7289142d941ad61eabecd27d25f268c1095d665f6001358e98a4769c82734a6bb877"

struct stand_in {
	struct span chain, vcek;
	size_t calls;
	int status;
	char last[512];
};

static int stand_in_get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	struct stand_in *s = self;
	(void)a;
	(void)d;
	assert_in_range(timeout_ms, 1000, 30000);
	s->calls++;
	snprintf(s->last, sizeof s->last, "%s", url);
	*out = (struct fetched){.status = s->status};
	if (strcmp(url, MILAN_URL "cert_chain") == 0)
		out->body = s->chain;
	else if (strcmp(url, MILAN_URL REAL_CHIP "?blSPL=4&teeSPL=0&snpSPL=23&ucodeSPL=213") == 0)
		out->body = s->vcek;
	else
		out->status = 404;
	return 0;
}

static struct attest_ctx production(void)
{
	return (struct attest_ctx){.anchors = anchors_production};
}

static void fetches_certificates_of_a_real_report_once(void **state)
{
	(void)state;
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct stand_in net = {.chain = file(SHARED "snp/ask.pem"), .vcek = file(SHARED "snp/vcek.pem"), .status = 200};
	struct attest_ctx ctx = production();
	struct snp_result out;
	struct diag d = {0};
	assert_int_equal(ev->cert_count, 0);
	assert_int_equal(run_verify(&ctx, ev, &out, &d), ERR_IO);

	ctx.fetcher = (struct fetcher){stand_in_get, &net};
	ctx.snp_kds = snp_kds_open(NULL);
	assert_non_null(ctx.snp_kds);
	net.status = 503;
	assert_int_equal(run_verify(&ctx, ev, &out, &d), ERR_IO);
	assert_non_null(strstr(d.text, "503"));
	net.status = 200;

	/* A wrong certificate is refused, and asked for again. */
	struct span good = net.vcek;
	net.vcek = net.chain;
	assert_int_not_equal(run_verify(&ctx, ev, &out, &d), 0);
	net.vcek = good;
	net.calls = 0;
	if (run_verify(&ctx, ev, &out, &d))
		fail_msg("%s", d.text);
	assert_int_equal(net.calls, 2);
	assert_string_equal(out.tcb_status, "OutOfDate");
	assert_int_equal(out.product, SNP_MILAN);
	if (run_verify(&ctx, ev, &out, &d))
		fail_msg("%s", d.text);
	assert_int_equal(net.calls, 2);

	struct span want = hex_decode_in(&arena, SPAN_LIT("c7a8e492fcd0167c76f3c64ff20d96648403020f80b38e9384a7432077e4a7a7"));
	assert_span_equal(SPAN_ARR(out.mr_aggregated), want);
	want = hex_decode_in(&arena, SPAN_LIT("ebf2076a74c394bd8c68ac10f341dd24e0d80f0411bbeb43f062e2b658309054"));
	assert_span_equal(SPAN_ARR(out.mr_system), want);
	snp_kds_close(ctx.snp_kds);
}

static void asks_for_turin_by_the_short_chip_id(void **state)
{
	(void)state;
	struct snp_report r = {.reported_tcb = 0x4800000004030201};
	struct stand_in net = {.chain = file(SHARED "snp/ask.pem"), .status = 200};
	struct fetcher f = {stand_in_get, &net};
	struct span ask, vcek;
	struct diag d = {0};
	memcpy(r.chip_id, "\x01\x23\x45\x67\x89\xab\xcd\xef\xff", 9);
	struct snp_kds *k = snp_kds_open("https://kds.test/");
	assert_int_equal(snp_kds_get(k, &f, &arena, SNP_TURIN, &r, &ask, &vcek, &d), ERR_IO);
	assert_string_equal(net.last, "https://kds.test/Turin/cert_chain");
	snp_kds_keep(k, SNP_TURIN, &(struct snp_report){0}, SPAN_LIT("ask"), SPAN_LIT("vcek"));
	assert_int_equal(snp_kds_get(k, &f, &arena, SNP_TURIN, &r, &ask, &vcek, &d), ERR_IO);
	assert_string_equal(net.last, "https://kds.test/Turin/0123456789abcdef?fmcSPL=1&blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=72");
	snp_kds_close(k);
}

static void a_vcek_is_for_one_chip_and_one_tcb(void **state)
{
	(void)state;
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct span ask = pem_file(SHARED "snp/ask.pem"), vcek = pem_file(SHARED "snp/vcek.pem");
	struct attest_ctx ctx = production();
	struct snp_report good;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, &good, &d), 0);
	assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ask, vcek, &good, &d), 0);
	for (unsigned byte = 0; byte < 8; byte++) {
		struct snp_report r = good;
		r.reported_tcb ^= 1ULL << 8 * byte;
		bool used = byte == 0 || byte == 1 || byte == 6 || byte == 7;
		assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ask, vcek, &r, &d), used ? ERR_REFUSED : 0);
		if (used)
			assert_non_null(strstr(d.text, "another TCB"));
	}
	for (size_t i = 0; i < sizeof good.chip_id; i += 9) {
		struct snp_report r = good;
		r.chip_id[i] ^= 1;
		assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ask, vcek, &r, &d), ERR_REFUSED);
		assert_non_null(strstr(d.text, "another chip"));
	}
}

static void refuses_certificates_in_other_roles(void **state)
{
	(void)state;
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct span ask = pem_file(SHARED "snp/ask.pem"), vcek = pem_file(SHARED "snp/vcek.pem");
	struct attest_ctx ctx = production();
	struct snp_report r;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, &r, &d), 0);
	/* ARK, ARK, ASK: every signature is right */
	assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ctx.anchors.amd_ark_milan, ask, &r, &d), ERR_REFUSED);
	assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, vcek, ask, &r, &d), ERR_CRYPTO);
	assert_int_equal(snp_chain_verify(&ctx, SNP_GENOA, ask, vcek, &r, &d), ERR_CRYPTO);
	/* an anchor that did not sign itself */
	ctx.anchors.amd_ark_milan = ask;
	assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ask, vcek, &r, &d), ERR_CRYPTO);
	ctx.anchors.amd_ark_milan = SPAN(NULL, 0);
	assert_int_equal(snp_chain_verify(&ctx, SNP_MILAN, ask, vcek, &r, &d), ERR_REFUSED);
}

/* Every bit of the signed part and of both halves of the signature counts; nothing else does. */
static void refuses_a_report_with_any_byte_changed(void **state)
{
	(void)state;
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct span certs[2] = {pem_file(SHARED "snp/ask.pem"), pem_file(SHARED "snp/vcek.pem")};
	struct attest_ctx ctx = production();
	uint8_t *report = arena_alloc(&arena, SNP_REPORT_LEN);
	struct snp_result out;
	for (size_t i = 0; i < SNP_REPORT_LEN; i += i < 0x2a0 ? 1 : 3) {
		memcpy(report, ev->quote.p, SNP_REPORT_LEN);
		report[i] ^= 0x10;
		int e = snp_verify(&ctx, &arena, SPAN(report, SNP_REPORT_LEN), certs, 2, ev->mr_config, 0, &out, NULL);
		if ((e == 0) != (i >= 0x2a0 + 144))
			fail_msg("byte 0x%zx changed: got %d", i, e);
	}
	for (size_t n = 0; n < SNP_REPORT_LEN + 8; n += n < SNP_REPORT_LEN - 4 ? 61 : 1) {
		memset(report, 0, SNP_REPORT_LEN);
		uint8_t copy[SNP_REPORT_LEN + 8] = {0};
		memcpy(copy, ev->quote.p, SNP_REPORT_LEN);
		int e = snp_verify(&ctx, &arena, SPAN(copy, n), certs, 2, ev->mr_config, 0, &out, NULL);
		assert_int_equal(e, n == SNP_REPORT_LEN ? 0 : ERR_INPUT);
	}
}

static void put_entry(uint8_t *at, const char *guid, uint32_t offset, uint32_t length)
{
	assert_int_equal(hex_decode(SPAN_STR(guid), at, 16), 16);
	memcpy(at + 16, &offset, 4);
	memcpy(at + 20, &length, 4);
}

static void reads_the_kernels_certificate_table(void **state)
{
	(void)state;
	static const char ask_id[] = "4ab7b379bbac4fe4a02f05aef327c782", vcek_id[] = "63da758de6644564adc5f4b93be8accd",
			  ark_id[] = "c0b406a4a803495297433fb6014cd0ae", end_id[] = "00000000000000000000000000000000";
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct span ask = pem_file(SHARED "snp/ask.pem"), vcek = pem_file(SHARED "snp/vcek.pem");
	struct attest_ctx ctx = production();
	struct snp_result out;
	struct diag d = {0};
	static uint8_t table[8192];
	struct span one = SPAN(table, 200 + ask.n + vcek.n);
	memcpy(table + 200, ask.p, ask.n);
	memcpy(table + 200 + ask.n, vcek.p, vcek.n);
	put_entry(table, vcek_id, (uint32_t)(200 + ask.n), (uint32_t)vcek.n);
	put_entry(table + 24, ark_id, 5, 7);
	put_entry(table + 48, ask_id, 200, (uint32_t)ask.n);
	put_entry(table + 72, end_id, 0, 0);
	if (snp_verify(&ctx, &arena, ev->quote, &one, 1, ev->mr_config, 0, &out, &d))
		fail_msg("%s", d.text);

	put_entry(table + 24, ask_id, 200, (uint32_t)ask.n);
	assert_int_equal(snp_verify(&ctx, &arena, ev->quote, &one, 1, ev->mr_config, 0, &out, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "two ASK"));
	put_entry(table + 24, ark_id, (uint32_t)one.n - 1, 2);
	assert_int_equal(snp_verify(&ctx, &arena, ev->quote, &one, 1, ev->mr_config, 0, &out, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "outside"));
	put_entry(table + 24, ark_id, 0xffffffff, 0xffffffff);
	assert_int_equal(snp_verify(&ctx, &arena, ev->quote, &one, 1, ev->mr_config, 0, &out, &d), ERR_INPUT);
	put_entry(table + 24, end_id, 0, 0);
	assert_int_equal(snp_verify(&ctx, &arena, ev->quote, &one, 1, ev->mr_config, 0, &out, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "no ASK"));
}

/* --- the document ------------------------------------------------------------------------------------------------------------------ */

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

/* --- the launch measurement -------------------------------------------------------------------------------------------------------- */

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t v;
	if (!json_get_u64(j, key, &v))
		fail_msg("no number %s", key);
	return v;
}

static void bytes(const struct json *j, const char *key, uint8_t *out, size_t n)
{
	struct span text;
	assert_true(json_get_str(j, key, &text));
	assert_int_equal(hex_decode(text, out, n), n);
}

/* The recorded guest's configuration has the older flat form, which gives the same measurement. */
static void fixture(struct snp_launch *l, struct snp_report *r)
{
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct vm_config c;
	const struct json *j;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, r, &d), 0);
	assert_int_equal(vm_config_parse(&arena, ev->config, false, &c, &d), 0);
	assert_int_equal(json_parse(&arena, c.sev_snp_measurement, &j, &d), 0);
	memset(l, 0, sizeof *l);
	assert_true(json_get_str(j, "base_cmdline", &l->cmdline));
	bytes(j, "ovmf_hash", l->ovmf_hash, 48);
	bytes(j, "kernel_hash", l->kernel_hash, 32);
	bytes(j, "initrd_hash", l->initrd_hash, 32);
	l->hashes_table_gpa = number(j, "sev_hashes_table_gpa");
	l->reset_eip = (uint32_t)number(j, "sev_es_reset_eip");
	l->vcpus = (unsigned)number(j, "vcpus");
	l->guest_features = number(j, "guest_features");
	struct span cpu;
	assert_true(json_get_str(j, "vcpu_type", &cpu));
	assert_true(snp_cpu_signature(cpu, &l->cpu_signature));
	for (const struct json *k = json_get(j, "ovmf_sections")->kids; k; k = k->next)
		l->sections[l->section_count++] =
			(struct snp_section){number(k, "gpa"), number(k, "size"), (enum snp_section_type)number(k, "section_type")};
}

static void recomputes_the_measurement_of_a_real_guest(void **state)
{
	(void)state;
	struct snp_launch l;
	struct snp_report r;
	uint8_t got[48];
	struct diag d = {0};
	fixture(&l, &r);
	if (snp_launch_check(&l, &d))
		fail_msg("%s", d.text);
	snp_launch_digest(&l, got);
	assert_span_equal(SPAN_ARR(got), SPAN_ARR(r.measurement));
	l.vcpus = 3;
	snp_launch_digest(&l, got);
	assert_memory_not_equal(got, r.measurement, sizeof got);
}

static void the_unbound_form_is_no_image_check(void **state)
{
	(void)state;
	struct evidence *ev = decode(SHARED "containers/sev_snp.v0.bin");
	struct snp_report r;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, &r, &d), 0);
	assert_int_equal(snp_image_check(&arena, &r, ev->config, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "checksum_file is missing"));
	assert_int_equal(snp_image_check(&arena, &r, SPAN_LIT("{}"), &d), ERR_INPUT);
}

static void bounds_what_is_measured(void **state)
{
	(void)state;
	struct snp_launch l, good;
	struct snp_report r;
	fixture(&good, &r);
#define REFUSED(change)                                                                                                                    \
	do {                                                                                                                               \
		struct diag d = {0};                                                                                                       \
		l = good;                                                                                                                  \
		change;                                                                                                                    \
		if (snp_launch_check(&l, &d) == 0)                                                                                         \
			fail_msg("accepted: %s", #change);                                                                                 \
	} while (0)
	REFUSED(l.vcpus = 0);
	REFUSED(l.vcpus = 513);
	REFUSED(l.guest_features = 0);
	REFUSED(l.sections[0].size = UINT64_MAX & ~4095ULL);
	REFUSED(l.sections[0].size = (uint64_t)SNP_PAGES_MAX * SNP_PAGE);
	REFUSED(l.sections[0].size++);
	REFUSED(l.sections[0].gpa++);
	REFUSED(l.hashes_table_gpa |= 4095 - 166);
	REFUSED(l.section_count = 0);
	REFUSED(l.cmdline = SPAN_LIT("dstack.rootfs_hash=ca5adaef"));
	REFUSED(l.cmdline = SPAN_LIT("xdstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121"));
	for (size_t i = 0; i < good.section_count; i++)
		if (good.sections[i].type == SNP_SECTION_HASHES)
			REFUSED(l.sections[i].type = SNP_SECTION_MEMORY);
}

static void knows_cpu_models(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t signature; /* 0: unknown */
	} cases[] = {{"EPYC", 0x800f12},
		     {"EPYC-v4", 0x800f12},
		     {"EPYC-Rome", 0x830f10},
		     {"EPYC-Rome-v10", 0x830f10},
		     {"EPYC-Milan", 0xa00f11},
		     {"EPYC-Genoa", 0xa10f10},
		     {"EPYC-", 0},
		     {"EPYC-v", 0},
		     {"EPYC-Turin", 0},
		     {"epyc", 0},
		     {"", 0},
		     {"-v1", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t got = 0;
		assert_int_equal(snp_cpu_signature(SPAN_STR(cases[i].name), &got), cases[i].signature != 0);
		assert_int_equal(got, cases[i].signature);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_container_of_the_vectors),
		TEST(refuses_for_the_right_reason),
		TEST(refuses_every_rule_of_policy),
		TEST(knows_products_by_cpuid),
		TEST(fetches_certificates_of_a_real_report_once),
		TEST(asks_for_turin_by_the_short_chip_id),
		TEST(a_vcek_is_for_one_chip_and_one_tcb),
		TEST(refuses_certificates_in_other_roles),
		TEST(refuses_a_report_with_any_byte_changed),
		TEST(reads_the_kernels_certificate_table),
		TEST(reads_documents),
		TEST(recomputes_the_measurement_of_a_real_guest),
		TEST(the_unbound_form_is_no_image_check),
		TEST(bounds_what_is_measured),
		TEST(knows_cpu_models),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
