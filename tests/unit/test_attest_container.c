/* Containers: bytes in, the same bytes out; stripping; bounds. */
#include "tests/unit/attest.h"

#include "base/wr.h"
#include "kms/attest/vm_config.h"

static const char *const with_both[] = {"containers/simulator_tdx",      "containers/tdx_lite",
					"containers/nitro_prod",         "containers/sev_snp",
					"gcp-container-synthetic/valid", "gcp-container-synthetic/valid_rsa_ak"};

static struct span named(const char *base, const char *end)
{
	return file(arena_fmt(&arena, SHARED "%s%s", base, end));
}

static struct span encode(const struct evidence *ev, unsigned version)
{
	struct diag d = {0};
	struct span out = evidence_encode(&arena, ev, version, &d);
	if (!out.p)
		fail_msg("%s", d.text);
	return out;
}

static void test_each_container_encodes_to_its_own_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_both / sizeof with_both[0]; i++) {
		struct span v0 = named(with_both[i], ".v0.bin"), v1 = named(with_both[i], ".v1.bin");
		assert_span_equal(encode(decode(v0), 0), v0);
		assert_span_equal(encode(decode(v1), 1), v1);
	}
}

static void test_both_versions_carry_the_same_evidence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof with_both / sizeof with_both[0]; i++) {
		struct span v0 = named(with_both[i], ".v0.bin"), v1 = named(with_both[i], ".v1.bin");
		assert_span_equal(encode(decode(v0), 1), v1);
		assert_span_equal(encode(decode(v1), 0), v0);
	}
}

static void test_stripping_keeps_what_each_release_keeps(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct diag d = {0};
		struct span full = named(with_both[i], ".v0.bin");
		assert_span_equal(container_strip(&arena, full, &d), named(with_both[i], ".stripped_aug.v0.bin"));
		struct evidence *ev = decode(full);
		assert_int_equal(evidence_strip(&arena, ev, GEN_COMPAT, &d), 0);
		assert_span_equal(encode(ev, 0), named(with_both[i], ".stripped_jan.v0.bin"));
	}
}

static void test_stripping_twice_changes_nothing(void **state)
{
	(void)state;
	struct diag d = {0};
	struct span once = container_strip(&arena, named(with_both[0], ".v0.bin"), &d);
	assert_span_equal(container_strip(&arena, once, &d), once);
}

static void test_evidence_without_tdx_log_is_not_touched_by_stripping(void **state)
{
	(void)state;
	struct diag d = {0};
	struct span nitro = named("containers/nitro_prod", ".v0.bin");
	assert_span_equal(container_strip(&arena, nitro, &d), nitro);
}

static void test_version_2_events_need_a_v1_container(void **state)
{
	(void)state;
	struct diag d = {0};
	struct evidence *ev = decode(file(EXTRA "tdx/v1_events_2.v1.bin"));
	assert_false(evidence_fits_v0(ev));
	assert_null(evidence_encode(&arena, ev, 0, &d).p);
	struct span stripped = container_strip(&arena, file(EXTRA "tdx/v1_events_2.v1.bin"), &d);
	assert_non_null(stripped.p);
	assert_int_equal(stripped.p[0] & 0xf0, 0x80);
}

static void test_a_pod_payload_needs_a_v1_container(void **state)
{
	(void)state;
	struct diag d = {0};
	struct evidence *ev = decode(file(EXTRA "tdx/v1_pod.v1.bin"));
	assert_true(ev->is_pod);
	assert_null(evidence_encode(&arena, ev, 0, &d).p);
}

static void test_ten_mebibytes_are_the_limit(void **state)
{
	(void)state;
	static const struct attest_rules strict;
	struct evidence *ev;
	struct diag d = {0};
	uint8_t *big = arena_alloc(&arena, CONTAINER_MAX + 1);
	assert_non_null(big);
	assert_int_equal(evidence_decode(&arena, SPAN(big, CONTAINER_MAX + 1), &strict, &ev, &d), ERR_LIMIT);
	assert_says(&d, "attestation bytes too large: 10485761 > 10485760");
	assert_int_equal(evidence_decode(&arena, SPAN(big, CONTAINER_MAX), &strict, &ev, &d), ERR_INPUT);
}

static void test_a_count_that_the_input_cannot_hold_takes_no_memory(void **state)
{
	(void)state;
	static const struct attest_rules strict;
	/* a quote of no bytes, and 2^30 - 1 events */
	static const uint8_t bytes[] = {0x00, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff};
	struct evidence *ev;
	struct diag d = {0};
	size_t before = arena.used;
	assert_int_equal(evidence_decode(&arena, SPAN_ARR(bytes), &strict, &ev, &d), ERR_INPUT);
	assert_true(arena.used - before < 4096);
}

static void test_what_one_container_unfolds_into_is_bounded(void **state)
{
	(void)state;
	static const struct attest_rules strict;
	struct evidence *ev;
	struct diag d = {0};
	/* as many empty runtime events as 10 MiB hold: V0, Nitro, no document, a count of 2^22 */
	uint8_t *big = arena_alloc(&arena, CONTAINER_MAX);
	struct wr w = wr_to(big, CONTAINER_MAX);
	wr_u8(&w, 0);
	wr_u8(&w, 2);
	wr_u8(&w, 0);
	wr_u32le(&w, (1u << 22) << 2 | 2);
	size_t before = arena.used;
	assert_int_equal(evidence_decode(&arena, SPAN(big, CONTAINER_MAX), &strict, &ev, &d), ERR_INPUT);
	assert_true(arena.used - before < 4096);
}

static void test_json_that_would_unfold_too_far_is_refused_unread(void **state)
{
	(void)state;
	const struct tdx_event *events;
	struct vm_config cfg;
	struct diag d = {0};
	size_t n, size = 1 << 20;
	uint8_t *text = arena_alloc(&arena, size);
	memset(text, '[', size);
	size_t before = arena.used;
	assert_int_equal(tdx_events_parse_json(&arena, SPAN(text, size), &events, &n, &d), ERR_LIMIT);
	assert_int_equal(vm_config_parse(&arena, SPAN(text, size), false, &cfg, &d), ERR_LIMIT);
	assert_int_equal(arena.used, before);
	/* and what is read stays below 10 MiB */
	for (size_t i = 0; i < EVENT_LOG_JSON_MAX; i++)
		text[i] = i == 0 ? '[' : i & 1 ? '1' : ',';
	assert_int_equal(tdx_events_parse_json(&arena, SPAN(text, EVENT_LOG_JSON_MAX), &events, &n, &d), ERR_INPUT);
	assert_true(arena.used - before < 10 << 20);
}

static void test_a_full_arena_is_an_error_and_not_a_wrong_answer(void **state)
{
	(void)state;
	static const struct attest_rules strict;
	struct span v1 = named(with_both[4], ".v1.bin");
	for (size_t cap = 0; cap < 40000; cap += 997) {
		uint8_t *block = malloc(cap ? cap : 1);
		struct arena small = arena_over(block, cap);
		struct evidence *ev;
		struct diag d = {0};
		int e = evidence_decode(&small, v1, &strict, &ev, &d);
		if (e)
			assert_int_equal(e, ERR_LIMIT);
		free(block);
	}
}

static void test_the_old_form_takes_report_data_from_the_quote(void **state)
{
	(void)state;
	struct evidence *ev;
	struct diag d = {0};
	struct span quote = file(SHARED "eventlog/tdx_lite_getquote.quote.bin"), log = file(SHARED "eventlog/tdx_lite_getquote.json");
	assert_int_equal(evidence_from_legacy(&arena, quote, log, &ev, &d), 0);
	assert_int_equal(ev->variant, VARIANT_TDX);
	assert_int_equal(ev->event_count, 9);
	assert_int_equal(ev->log_count, 29);
	assert_span_equal(SPAN_ARR(ev->report_data), SPAN(quote.p + 568, 64));
	assert_int_equal(ev->config.n, 0);
}

static void test_the_old_form_says_what_is_wrong(void **state)
{
	(void)state;
	struct evidence *ev;
	struct diag d = {0};
	struct span quote = file(SHARED "eventlog/tdx_lite_getquote.quote.bin");
	static const char *const logs[] = {"",
					   "{}",
					   "[1]",
					   "[{\"imr\":3}]",
					   "ELGZv1",
					   "[] x",
					   "[{\"imr\":3,\"event_type\":1,\"digest\":\"0\",\"event\":\"\",\"event_payload\":\"\"}]"};
	for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
		assert_int_equal(evidence_from_legacy(&arena, quote, SPAN_STR(logs[i]), &ev, &d), ERR_INPUT);
		assert_says(&d, "Failed to parse tdx_event_log");
	}
	assert_int_equal(evidence_from_legacy(&arena, SPAN(quote.p, 600), SPAN_LIT("[]"), &ev, &d), ERR_INPUT);
	assert_says(&d, "Invalid TDX quote");
	struct span sgx = file(SHARED "dcap-real/sgx_v3_config_sw_hardening/quote.bin");
	assert_int_equal(evidence_from_legacy(&arena, sgx, SPAN_LIT("[]"), &ev, &d), ERR_INPUT);
	assert_says(&d, "Invalid TDX report");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_container_encodes_to_its_own_bytes),
		cmocka_unit_test(test_both_versions_carry_the_same_evidence),
		cmocka_unit_test(test_stripping_keeps_what_each_release_keeps),
		cmocka_unit_test(test_stripping_twice_changes_nothing),
		cmocka_unit_test(test_evidence_without_tdx_log_is_not_touched_by_stripping),
		cmocka_unit_test(test_version_2_events_need_a_v1_container),
		cmocka_unit_test(test_a_pod_payload_needs_a_v1_container),
		cmocka_unit_test(test_ten_mebibytes_are_the_limit),
		cmocka_unit_test(test_a_count_that_the_input_cannot_hold_takes_no_memory),
		cmocka_unit_test(test_what_one_container_unfolds_into_is_bounded),
		cmocka_unit_test(test_json_that_would_unfold_too_far_is_refused_unread),
		cmocka_unit_test(test_a_full_arena_is_an_error_and_not_a_wrong_answer),
		cmocka_unit_test(test_the_old_form_takes_report_data_from_the_quote),
		cmocka_unit_test(test_the_old_form_says_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
