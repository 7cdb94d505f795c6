/* SEV-SNP: AMD's certificates, where they come from, and what they sign. */
#include "tests/unit/snp.h"

#include "base/text.h"
#include "kms/attest/snp_kds.h"

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

static void fetches_certificates_of_a_real_report_once(void **state)
{
	(void)state;
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
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
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
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
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
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
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
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
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fetches_certificates_of_a_real_report_once), TEST(asks_for_turin_by_the_short_chip_id),
		TEST(a_vcek_is_for_one_chip_and_one_tcb),         TEST(refuses_certificates_in_other_roles),
		TEST(refuses_a_report_with_any_byte_changed),     TEST(reads_the_kernels_certificate_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
