#include "tests/unit/test.h"

#include "base/arena.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "drivers/tcg_log.h"

#define LOGS "tests/vectors/attestation/eventlog/"

static struct diag d;

/* Replays register `index` over all records but EV_NO_ACTION; returns the number of all records. */
static size_t replay(struct span bytes, uint32_t index, enum tcg_alg alg, uint8_t reg[48], size_t *used)
{
	struct tcg_log log;
	struct tcg_event e;
	int r;
	memset(reg, 0, 48);
	if (tcg_log_open(&log, bytes, &d))
		fail_msg("%s", d.text);
	while ((r = tcg_log_next(&log, &e, &d)) == 1) {
		struct span digest = tcg_event_digest(&e, alg);
		if (e.index != index || e.type == TCG_EV_NO_ACTION)
			continue;
		if (alg == TCG_SHA384)
			sha384_2(SPAN(reg, 48), digest, reg);
		else
			sha256_2(SPAN(reg, 32), digest, reg);
	}
	if (r)
		fail_msg("%s", d.text);
	*used = bytes.n - log.r.left;
	return log.count;
}

static void replays(const char *path, enum tcg_alg alg, uint32_t index, const char *want_hex, size_t want_count)
{
	uint8_t reg[48], want[48];
	size_t used;
	struct span log = test_file(path);
	size_t count = replay(log, index, alg, reg, &used);
	assert_int_equal(count, want_count);
	int n = hex_decode(SPAN_STR(want_hex), want, sizeof want);
	assert_int_equal(n, alg == TCG_SHA384 ? 48 : 32);
	assert_span_equal(SPAN(reg, (size_t)n), SPAN(want, (size_t)n));
	free((void *)log.p);
}

static void google_log_replays_to_the_known_pcrs(void **state)
{
	(void)state;
	static const struct {
		uint32_t pcr;
		const char *value;
	} want[] = {{0, "0cca9ec161b09288802e5a112255d21340ed5b797f5fe29cecccfd8f67b9f802"},
		    {2, "1f74355f18d9aab3a26faa060d2058726554207d040c63d25d501d97f5a41e0f"},
		    {4, "7a94ffe8a7729a566d3d3c577fcb4b6b1e671f31540375f80eae6382ab785e35"},
		    {14, "0000000000000000000000000000000000000000000000000000000000000000"}};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		replays(LOGS "tpm_eventlog.bin", TCG_SHA256, want[i].pcr, want[i].value, 45);
	replays(LOGS "syn_tpm_a.bin", TCG_SHA256, 3, "ccb79fcbb81f231f534e1182fecd259e3015de2bc128eb32236e19903894b06d", 20);
}

static void third_event_of_pcr_2_is_the_uki(void **state)
{
	(void)state;
	struct span bytes = test_file(LOGS "tpm_eventlog.bin");
	struct tcg_log log;
	struct tcg_event e;
	uint8_t want[32];
	int seen = 0;
	assert_int_equal(tcg_log_open(&log, bytes, &d), 0);
	while (seen < 3 && tcg_log_next(&log, &e, &d) == 1)
		seen += e.index == 2;
	assert_int_equal(e.type, 0x80000003);
	assert_int_equal(e.digest_count, 3);
	hex_decode(SPAN_LIT("9ab14a46f858662a89adc102d2a57a13f52f75c1769d65a4c34edbbfc8855f0f"), want, 32);
	assert_span_equal(tcg_event_digest(&e, TCG_SHA256), SPAN_ARR(want));
	assert_int_equal(tcg_event_digest(&e, TCG_SHA1).n, 20);
	assert_int_equal(tcg_event_digest(&e, TCG_SHA512).n, 0);
	free((void *)bytes.p);
}

static void ccel_ends_at_the_unused_part(void **state)
{
	(void)state;
	uint8_t reg[48];
	size_t used;
	struct span ccel = test_file(LOGS "ccel.bin");
	assert_int_equal(replay(ccel, 1, TCG_SHA384, reg, &used), 18);
	assert_int_equal(used, 1937);
	free((void *)ccel.p);
	replays(LOGS "syn_ccel_a.bin", TCG_SHA384, 4,
		"b1682a3f7a0cc08ced962a3f2796d440355ce479330a8fc5eda37ade73b4582793f051429e4f1e1477c572d8912080e9", 24);
}

static void a_log_that_ends_within_a_record_is_malformed(void **state)
{
	(void)state;
	struct span bytes = test_file(LOGS "syn_tpm_a.bin");
	size_t whole = 0, header = 0;
	for (size_t n = 0; n <= bytes.n; n++) {
		/* a copy of exactly n bytes, so that a read past the end is seen by the sanitizer */
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, bytes.p, n);
		struct tcg_log log;
		struct tcg_event e;
		int r = tcg_log_open(&log, SPAN(cut, n), &d);
		if (r) {
			assert_int_equal(r, ERR_INPUT);
			header++;
		} else {
			while ((r = tcg_log_next(&log, &e, &d)) == 1)
				;
			assert_true(r == 0 || r == ERR_INPUT);
			whole += r == 0;
		}
		free(cut);
	}
	assert_true(header > 32);
	assert_int_equal(whole, 20 + 1);
	free((void *)bytes.p);
}

static void unknown_algorithms_and_long_lists_are_malformed(void **state)
{
	(void)state;
	struct span bytes = test_file(LOGS "syn_tpm_a.bin");
	uint8_t *copy = (uint8_t *)bytes.p;
	struct tcg_log log;
	struct tcg_event e;
	assert_int_equal(tcg_log_open(&log, bytes, &d), 0);
	size_t at = bytes.n - log.r.left;
	copy[at + 12] ^= 0x40; /* algorithm of the first digest */
	assert_int_equal(tcg_log_next(&log, &e, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "record 1 is malformed"));
	copy[at + 12] ^= 0x40;
	copy[at + 10] = 2; /* digest count above 65536 */
	assert_int_equal(tcg_log_open(&log, bytes, &d), 0);
	assert_int_equal(tcg_log_next(&log, &e, &d), ERR_INPUT);
	assert_int_equal(tcg_log_next(&log, &e, &d), ERR_INPUT);
	copy[4] = 0; /* type of the header record */
	assert_int_equal(tcg_log_open(&log, bytes, &d), ERR_INPUT);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(google_log_replays_to_the_known_pcrs),
		cmocka_unit_test(third_event_of_pcr_2_is_the_uki),
		cmocka_unit_test(ccel_ends_at_the_unused_part),
		cmocka_unit_test(a_log_that_ends_within_a_record_is_malformed),
		cmocka_unit_test(unknown_algorithms_and_long_lists_are_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
