#include "tests/unit/swtpm.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sig.h"
#include "drivers/eventlog.h"
#include "drivers/tcg_log.h"
#include "drivers/tdx.h"
#include "drivers/tpm_priv.h"
#include "kms/attest/attester_device.h"

#define BIOS_LOG "tests/vectors/attestation/eventlog/tpm_eventlog.bin"
#define CCEL_LOG "tests/vectors/attestation/eventlog/syn_ccel_a.bin"

static uint8_t block[4 << 20];
static struct arena arena;

/* --- a directory that behaves like an entry of tsm/report: whoever writes inblob moves the generation and gets a blob over it --- */

struct tsm {
	char dir[64];
	pthread_t thread;
	size_t quote_len; /* what outblob will hold */
	uint64_t step;    /* by how much one write moves the generation: 1, unless somebody else writes too */
	bool dead;
	atomic_bool stop;
};

static void tsm_file(const struct tsm *t, const char *name, struct span bytes)
{
	char path[128], temporary[136];
	snprintf(path, sizeof path, "%s/%s", t->dir, name);
	snprintf(temporary, sizeof temporary, "%s/.new", t->dir);
	FILE *f = fopen(temporary, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	fclose(f);
	assert_int_equal(rename(temporary, path), 0);
}

static void fill_quote(uint8_t *quote, size_t n, const uint8_t report_data[64])
{
	memset(quote, 0, n);
	memcpy(quote, "\x04\x00\x02\x00\x81", 5);
	if (n >= 100 + 64)
		memcpy(quote + 100, report_data, 64);
}

static void *tsm_run(void *self)
{
	struct tsm *t = self;
	char path[128], text[32];
	uint8_t in[65], quote[9000];
	uint64_t generation = 7;
	snprintf(path, sizeof path, "%s/inblob", t->dir);
	while (!t->stop) {
		int fd = open(path, O_RDWR);
		ssize_t n = read(fd, in, sizeof in);
		if (n == 64 && !t->dead) {
			fill_quote(quote, t->quote_len, in);
			tsm_file(t, "outblob", SPAN(quote, t->quote_len));
			assert_int_equal(ftruncate(fd, 0), 0);
			generation += t->step;
			snprintf(text, sizeof text, "%llu\n", (unsigned long long)generation);
			tsm_file(t, "generation", SPAN_STR(text));
		}
		close(fd);
		usleep(500);
	}
	return NULL;
}

static void tsm_start(struct tsm *t, const char *provider, size_t quote_len, uint64_t step)
{
	memset(t, 0, sizeof *t);
	strcpy(t->dir, "/tmp/ukms-tsm-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->quote_len = quote_len;
	t->step = step;
	tsm_file(t, "provider", SPAN_STR(provider));
	tsm_file(t, "generation", SPAN_LIT("7\n"));
	tsm_file(t, "inblob", SPAN_LIT(""));
	tsm_file(t, "rtmr3:sha384", SPAN(block, 48)); /* zeros, see fresh() */
	assert_int_equal(pthread_create(&t->thread, NULL, tsm_run, t), 0);
}

static void tsm_stop(struct tsm *t)
{
	char command[128];
	t->stop = true;
	pthread_join(t->thread, NULL);
	snprintf(command, sizeof command, "rm -rf %s", t->dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left behind\n", t->dir);
}

/* --- */

static int fresh(void **state)
{
	(void)state;
	memset(block, 0, 64);
	arena = arena_over(block, sizeof block);
	return 0;
}

static void quote_is_what_the_provider_returned(void **state)
{
	(void)state;
	struct tsm tsm;
	struct tdx tdx;
	struct span quote;
	uint8_t report_data[64], want[8000];
	tsm_start(&tsm, "tdx_guest\n", 8000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	for (int i = 0; i < 3; i++) {
		memset(report_data, i + 1, sizeof report_data);
		fill_quote(want, sizeof want, report_data);
		assert_done(tdx_quote(&tdx, &arena, report_data, &quote, &d));
		assert_span_equal(quote, SPAN_ARR(want));
	}
	tsm_stop(&tsm);
}

static void quote_of_a_strange_size_or_provider_is_refused(void **state)
{
	(void)state;
	struct tsm tsm;
	struct tdx tdx;
	struct span quote;
	uint8_t report_data[64] = {1};
	tsm_start(&tsm, "tdx_guest\n", 1020, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_INPUT, "TDX quote: TDX quote of 1020 bytes is too short");
	tsm.quote_len = 8192;
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_LIMIT, "longer than 8191 bytes");
	tsm_stop(&tsm);
	tsm_start(&tsm, "sev_guest\n", 5000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_UNSUPPORTED, "\"sev_guest\", not tdx_guest");
	tsm_stop(&tsm);
	tdx_init(&tdx, "/nonexistent/report/x", "/nonexistent");
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_MISSING, "no TSM report provider");
}

static void a_second_writer_is_noticed(void **state)
{
	(void)state;
	struct tsm tsm;
	struct tdx tdx;
	struct span quote;
	uint8_t report_data[64] = {1};
	tsm_start(&tsm, "tdx_guest\n", 5000, 2);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_IO, "somebody else wrote to it");
	tsm_stop(&tsm);
}

static void a_silent_provider_times_out(void **state)
{
	(void)state;
	struct tsm tsm;
	struct tdx tdx;
	struct span quote;
	uint8_t report_data[64] = {1};
	tsm_start(&tsm, "tdx_guest\n", 5000, 1);
	tsm.dead = true;
	tdx_init(&tdx, tsm.dir, tsm.dir);
	assert_fails(tdx_quote(&tdx, &arena, report_data, &quote, &d), ERR_TIMEOUT, "generation does not move");
	tsm_stop(&tsm);
}

static void event_digests_are_those_of_the_specification(void **state)
{
	(void)state;
	struct span text = test_file("tests/vectors/attestation/formulas/event_digests.json");
	const struct json *rows;
	size_t n = 0;
	assert_done(json_parse(&arena, text, &rows, &d));
	for (const struct json *row = rows->kids; row; row = row->next, n++) {
		struct span name, payload, sha256_hex, sha384_hex;
		uint8_t digest[48];
		assert_true(json_get_str(row, "event", &name));
		assert_true(json_get_str(row, "payload", &payload));
		assert_true(json_get_str(row, "v1_sha256", &sha256_hex));
		assert_true(json_get_str(row, "v1_sha384", &sha384_hex));
		payload = hex_decode_in(&arena, payload);
		event_digest_sha256(name, payload, digest);
		assert_span_equal(SPAN(digest, 32), hex_decode_in(&arena, sha256_hex));
		event_digest_sha384(name, payload, digest);
		assert_span_equal(SPAN(digest, 48), hex_decode_in(&arena, sha384_hex));
	}
	assert_true(n > 5);
	free((void *)text.p);
}

static void events_are_measured_in_step(void **state)
{
	(void)state;
	static struct eventlog log;
	struct tsm tsm;
	struct tdx tdx;
	uint8_t digest[48], want[48], rtmr[48], pcr[32], reg[32] = {0};
	const struct eventlog_event *list;
	size_t n;
	swtpm_power_cycle(&sw, &tpm);
	tsm_start(&tsm, "tdx_guest\n", 5000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	eventlog_init(&log, &tdx, &tpm);
	assert_done(eventlog_require_fresh(&log, &d));
	assert_done(eventlog_measure(&log, "system-preparing", SPAN_LIT(""), &d));
	/* the file keeps the last digest written */
	event_digest_sha384(SPAN_LIT("system-preparing"), SPAN_LIT(""), want);
	assert_done(tdx_rtmr_read(&tdx, 3, rtmr, &d));
	assert_span_equal(SPAN_ARR(rtmr), SPAN_ARR(want));
	assert_done(eventlog_measure(&log, "app-id", SPAN_LIT("12345678901234567890"), &d));
	event_digest_sha384(SPAN_LIT("app-id"), SPAN_LIT("12345678901234567890"), want);
	assert_done(tdx_rtmr_read(&tdx, 3, rtmr, &d));
	assert_span_equal(SPAN_ARR(rtmr), SPAN_ARR(want));
	assert_done(eventlog_copy(&log, &arena, &list, &n, &d));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		event_digest_sha256(list[i].name, list[i].payload, digest);
		sha256_2(SPAN_ARR(reg), SPAN(digest, 32), reg);
	}
	assert_done(tpm_pcr_read(&tpm, 14, pcr, &d));
	assert_span_equal(SPAN_ARR(pcr), SPAN_ARR(reg));
	assert_fails(eventlog_require_fresh(&log, &d), ERR_REFUSED, "RTMR3 is not zero");
	tsm_stop(&tsm);
}

static void an_event_measured_in_part_breaks_the_log(void **state)
{
	(void)state;
	static struct eventlog log;
	struct tsm tsm;
	struct tdx tdx;
	const struct eventlog_event *list;
	size_t n;
	swtpm_power_cycle(&sw, &tpm);
	tsm_start(&tsm, "tdx_guest\n", 5000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	eventlog_init(&log, &tdx, &tpm);
	sw.cut_command = TPM2_CC_PCR_Extend;
	assert_fails(eventlog_measure(&log, "app-id", SPAN_LIT("x"), &d), ERR_IO, "measure event app-id: extend PCR 14: TPM2_PCR_Extend");
	sw.cut_command = 0;
	assert_fails(eventlog_measure(&log, "app-id", SPAN_LIT("x"), &d), ERR_REFUSED, "an earlier event was measured in part only");
	assert_fails(eventlog_copy(&log, &arena, &list, &n, &d), ERR_REFUSED, "does not match the registers");
	tsm_stop(&tsm);
}

static void the_log_is_bounded(void **state)
{
	(void)state;
	static struct eventlog log;
	static uint8_t big[EVENTLOG_BYTES];
	eventlog_init(&log, NULL, NULL);
	assert_fails(eventlog_measure(&log, "x", SPAN_ARR(big), &d), ERR_LIMIT, "the event log is full");
	for (int i = 0; i < EVENTLOG_EVENTS; i++)
		assert_done(eventlog_measure(&log, "x", SPAN_LIT("y"), &d));
	assert_fails(eventlog_measure(&log, "x", SPAN_LIT("y"), &d), ERR_LIMIT, "the event log is full");
}

/* --- the attestation key in NV as Google provisions it: TPMT_PUBLIC of a restricted P-256 or RSA signing key --- */

static const uint8_t ecc_template[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x00, 0x72, 0x00, 0x00, 0x00, 0x10,
				       0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00};
static const uint8_t rsa_template[] = {0x00, 0x01, 0x00, 0x0b, 0x00, 0x05, 0x00, 0x72, 0x00, 0x00, 0x00, 0x10,
				       0x00, 0x14, 0x00, 0x0b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

enum { RSA_CERT = 0x01c10000, RSA_TEMPLATE, ECC_CERT, ECC_TEMPLATE };
enum { QUOTED = 1 | 1 << 2 | 1 << 14 };

static TPMT_PUBLIC ak_public(void)
{
	TPM2B_PUBLIC pub = {.size = 0};
	TPM2B_NAME name = {.size = sizeof name.name}, qualified = {.size = sizeof qualified.name};
	assert_int_equal(Tss2_Sys_ReadPublic(tpm_sys(&tpm), tpm.ak, NULL, &pub, &name, &qualified, NULL), TSS2_RC_SUCCESS);
	uint8_t digest[32];
	assert_done(tpm_ak_name_digest(&tpm, digest, &d));
	assert_span_equal(SPAN_ARR(digest), SPAN(name.name + 2, 32)); /* a Name is the algorithm and this digest */
	return pub.publicArea;
}

static void quote_verifies(const struct tpm_quote *q, const uint8_t qualifying[32])
{
	TPMT_PUBLIC ak = ak_public();
	uint8_t digest[32], pub[65] = {4};
	sha256(q->message, digest);
	assert_non_null(memmem(q->message.p, q->message.n, qualifying, 32));
	if (ak.type == TPM2_ALG_ECC) {
		memcpy(pub + 1, ak.unique.ecc.x.buffer, 32);
		memcpy(pub + 33, ak.unique.ecc.y.buffer, 32);
		assert_int_equal(q->signature.n, 4 + 2 + 32 + 2 + 32);
		uint8_t rs[64];
		memcpy(rs, q->signature.p + 6, 32);
		memcpy(rs + 32, q->signature.p + 40, 32);
		assert_true(ecdsa_verify_raw(SIG_P256, SPAN_ARR(pub), SPAN_ARR(digest), SPAN_ARR(rs)));
	} else {
		assert_int_equal(q->signature.n, 4 + 2 + 256);
		assert_true(rsa_verify_pkcs1(SPAN(ak.unique.rsa.buffer, ak.unique.rsa.size), SPAN_LIT("\x01\x00\x01"), SIG_SHA256,
					     SPAN_ARR(digest), SPAN(q->signature.p + 6, 256)));
	}
}

static void quotes_by_the_rsa_key_if_there_is_no_ecc_key(void **state)
{
	(void)state;
	struct tpm_quote q;
	uint8_t qualifying[32];
	memset(qualifying, 0x31, sizeof qualifying);
	assert_done(tpm_nv_write(&tpm, RSA_TEMPLATE, SPAN_ARR(rsa_template), &d));
	assert_done(tpm_nv_write(&tpm, RSA_CERT, SPAN_LIT("rsa certificate"), &d));
	assert_done(tpm_quote(&tpm, &arena, QUOTED, qualifying, &q, &d));
	assert_span_equal(q.ak_cert, SPAN_LIT("rsa certificate"));
	quote_verifies(&q, qualifying);
}

static void prefers_the_ecc_key_and_keeps_it_loaded(void **state)
{
	(void)state;
	struct tpm_quote q;
	uint8_t qualifying[32];
	assert_done(tpm_nv_write(&tpm, ECC_TEMPLATE, SPAN_ARR(ecc_template), &d));
	assert_done(tpm_nv_write(&tpm, ECC_CERT, SPAN_LIT("ecc certificate"), &d));
	swtpm_power_cycle(&sw, &tpm);
	for (int i = 0; i < 5; i++) {
		memset(qualifying, 0x41 + i, sizeof qualifying);
		assert_done(tpm_quote(&tpm, &arena, QUOTED, qualifying, &q, &d));
		assert_span_equal(q.ak_cert, SPAN_LIT("ecc certificate"));
		quote_verifies(&q, qualifying);
	}
	/* the loaded key leaves room for sealing */
	uint8_t sealed[TPM_SEALED_MAX];
	size_t n;
	assert_done(tpm_seal(&tpm, QUOTED, SPAN_LIT("x"), sealed, &n, &d));
}

static void a_template_that_is_none_is_refused(void **state)
{
	(void)state;
	struct tpm_quote q;
	uint8_t qualifying[32] = {0};
	swtpm_power_cycle(&sw, &tpm);
	assert_done(tpm_nv_undefine(&tpm, ECC_TEMPLATE, &d));
	assert_done(tpm_nv_write(&tpm, ECC_TEMPLATE, SPAN(ecc_template, sizeof ecc_template - 1), &d));
	assert_done(tpm_nv_undefine(&tpm, RSA_TEMPLATE, &d));
	assert_done(tpm_nv_write(&tpm, RSA_TEMPLATE, SPAN_LIT("this is not a template for a key"), &d));
	assert_fails(tpm_quote(&tpm, &arena, QUOTED, qualifying, &q, &d), ERR_UNSUPPORTED, "NV index 0x01c10001 holds no key template");
	assert_done(tpm_nv_undefine(&tpm, ECC_TEMPLATE, &d));
	assert_done(tpm_nv_write(&tpm, ECC_TEMPLATE, SPAN_ARR(ecc_template), &d));
}

/* What the firmware of the log did, done to this TPM. */
static void replay_firmware(const char *path)
{
	struct span bytes = test_file(path);
	struct tcg_log log;
	struct tcg_event e;
	assert_done(tcg_log_open(&log, bytes, &d));
	while (tcg_log_next(&log, &e, &d) == 1)
		if (e.type != TCG_EV_NO_ACTION && e.index <= 2)
			assert_done(tpm_pcr_extend(&tpm, e.index, tcg_event_digest(&e, TCG_SHA256).p, &d));
	free((void *)bytes.p);
}

static void gcp_container_holds_everything(void **state)
{
	(void)state;
	static struct eventlog log;
	struct tsm tsm;
	struct tdx tdx;
	struct attester_gcp gcp = {.tdx = &tdx, .tpm = &tpm, .log = &log, .boot_pcr = 2, .bios_log = BIOS_LOG, .ccel = CCEL_LOG};
	struct span container, config;
	struct evidence *ev;
	uint8_t report_data[64], want_quote[8000], qualifying[32], digest[48];
	memset(report_data, 0x66, sizeof report_data);
	swtpm_power_cycle(&sw, &tpm);
	replay_firmware(BIOS_LOG);
	tsm_start(&tsm, "tdx_guest\n", 8000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	eventlog_init(&log, &tdx, &tpm);
	assert_done(eventlog_measure(&log, "system-preparing", SPAN_LIT(""), &d));
	assert_done(eventlog_measure(&log, "key-provider", SPAN_LIT("{\"name\":\"tpm\",\"id\":\"\"}"), &d));
	gcp.vm_config = SPAN_LIT("{\"spec_version\":2}");
	struct attester a = attester_gcp_init(&gcp);
	for (int i = 0; i < 2; i++)
		assert_done(a.attest(a.self, &arena, report_data, &container, &d));
	assert_done(a.vm_config(a.self, &arena, &config, &d));
	assert_span_equal(config, gcp.vm_config);
	/* V0, dstack-gcp-tdx, compact length 8000, quote header: attestation 1.3 */
	static const uint8_t prefix[] = {0x00, 0x01, 0x01, 0x7d, 0x04, 0x00, 0x02, 0x00, 0x81};
	assert_span_equal(SPAN(container.p, sizeof prefix), SPAN_ARR(prefix));
	struct attest_rules rules = {0};
	assert_done(evidence_decode(&arena, container, &rules, &ev, &d));
	fill_quote(want_quote, sizeof want_quote, report_data);
	assert_span_equal(ev->quote, SPAN_ARR(want_quote));
	assert_span_equal(ev->config, gcp.vm_config);
	assert_span_equal(SPAN_ARR(ev->report_data), SPAN_ARR(report_data));
	assert_int_equal(ev->event_count, 2);
	assert_span_equal(ev->events[1].name, SPAN_LIT("key-provider"));
	assert_int_equal(ev->log_count, 24 + 2);
	assert_int_equal(ev->log[25].imr, 3);
	event_digest_sha384(ev->events[1].name, ev->events[1].payload, digest);
	assert_span_equal(ev->log[25].digest, SPAN_ARR(digest));
	assert_int_equal(ev->tpm.platform, TPM_PLATFORM_GCP);
	assert_span_equal(ev->tpm.ak_cert, SPAN_LIT("ecc certificate"));
	assert_int_equal(ev->tpm.pcr_count, 3);
	uint8_t pcr2[32] = {0x1f, 0x74, 0x35, 0x5f};
	assert_int_equal(ev->tpm.pcrs[1].index, 2);
	assert_span_equal(SPAN(ev->tpm.pcrs[1].value.p, 4), SPAN(pcr2, 4));
	assert_int_equal(ev->tpm.log_count, 3 + 4); /* PCR 0 and 2 without EV_NO_ACTION */
	sha256(ev->quote, qualifying);
	struct tpm_quote q = {.message = ev->tpm.message, .signature = ev->tpm.signature};
	quote_verifies(&q, qualifying);
	arena_close(&gcp.kept);
	tsm_stop(&tsm);
}

static void no_evidence_if_pcr_14_is_not_the_log(void **state)
{
	(void)state;
	static struct eventlog log;
	struct tsm tsm;
	struct tdx tdx;
	struct attester_gcp gcp = {.tdx = &tdx, .tpm = &tpm, .log = &log, .boot_pcr = 2, .bios_log = BIOS_LOG, .ccel = "/nonexistent"};
	struct span container;
	uint8_t report_data[64] = {0};
	tsm_start(&tsm, "tdx_guest\n", 8000, 1);
	tdx_init(&tdx, tsm.dir, tsm.dir);
	eventlog_init(&log, &tdx, &tpm);
	struct attester a = attester_gcp_init(&gcp);
	assert_fails(a.attest(a.self, &arena, report_data, &container, &d), ERR_IO, "attestation of this machine: PCR 14 is not what");
	arena_close(&gcp.kept);
	gcp.bios_log = "/nonexistent";
	a = attester_gcp_init(&gcp);
	assert_fails(a.attest(a.self, &arena, report_data, &container, &d), ERR_MISSING,
		     "attestation of this machine: TPM event log: open");
	tsm_stop(&tsm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quote_is_what_the_provider_returned, fresh),
		cmocka_unit_test_setup(quote_of_a_strange_size_or_provider_is_refused, fresh),
		cmocka_unit_test_setup(a_second_writer_is_noticed, fresh),
		cmocka_unit_test_setup(a_silent_provider_times_out, fresh),
		cmocka_unit_test_setup(event_digests_are_those_of_the_specification, fresh),
		cmocka_unit_test_setup(events_are_measured_in_step, fresh),
		cmocka_unit_test_setup(an_event_measured_in_part_breaks_the_log, fresh),
		cmocka_unit_test_setup(the_log_is_bounded, fresh),
		cmocka_unit_test_setup(quotes_by_the_rsa_key_if_there_is_no_ecc_key, fresh),
		cmocka_unit_test_setup(prefers_the_ecc_key_and_keeps_it_loaded, fresh),
		cmocka_unit_test_setup(a_template_that_is_none_is_refused, fresh),
		cmocka_unit_test_setup(gcp_container_holds_everything, fresh),
		cmocka_unit_test_setup(no_evidence_if_pcr_14_is_not_the_log, fresh),
	};
	return cmocka_run_group_tests(tests, swtpm_setup, swtpm_teardown);
}
