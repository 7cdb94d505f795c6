#include "tests/unit/test.h"

#include <time.h>

#include "base/wr.h"
#include "boot/clock.h"
#include "boot/sntp.h"

static const int64_t second = 1000000, now = INT64_C(1800000000000000);
static const uint8_t nonce[8] = "nonce 77";

/* An answer of a server whose clock is ahead by offset, over a network that takes 10 ms each way. */
static void answer(uint8_t out[SNTP_LEN], int64_t offset)
{
	struct wr w = wr_to(out, SNTP_LEN);
	int64_t arrived = now + offset + 10000, left = arrived + 500;
	wr_u8(&w, 0x24);
	wr_u8(&w, 2);
	wr_zero(&w, 22);
	wr_bytes(&w, nonce, 8);
	wr_u32be(&w, (uint32_t)(arrived / second + 2208988800));
	wr_u32be(&w, (uint32_t)(((uint64_t)(arrived % second) << 32) / 1000000 + 1));
	wr_u32be(&w, (uint32_t)(left / second + 2208988800));
	wr_u32be(&w, (uint32_t)(((uint64_t)(left % second) << 32) / 1000000 + 1));
}

static void computes_the_offset(void **state)
{
	(void)state;
	static const int64_t offset[] = {0, 1500000, -1500000, INT64_C(86400000000) * 365, -INT64_C(86400000000) * 365 * 20};
	for (size_t i = 0; i < sizeof offset / sizeof offset[0]; i++) {
		uint8_t packet[SNTP_LEN];
		int64_t got;
		struct diag d = {0};
		answer(packet, offset[i]);
		assert_int_equal(sntp_read(SPAN_ARR(packet), nonce, now, now + 20500, &got, &d), 0);
		assert_in_range(got - offset[i] + 10, 0, 20);
	}
}

static void refuses_answers_that_are_none(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} flip[] = {{0, 0x23}, {0, 0xe4}, {1, 0}, {1, 16}, {24, 'N'}, {31, 0}, {40, 0}};
	uint8_t packet[SNTP_LEN];
	int64_t got;
	struct diag d;
	for (size_t i = 0; i < sizeof flip / sizeof flip[0]; i++) {
		answer(packet, 0);
		packet[flip[i].at] = flip[i].value;
		if (sntp_read(SPAN_ARR(packet), nonce, now, now + 20500, &got, &d) != ERR_INPUT)
			fail_msg("byte %zu = %u was taken", flip[i].at, flip[i].value);
	}
	answer(packet, 0);
	assert_int_equal(sntp_read(SPAN(packet, 47), nonce, now, now + 20500, &got, &d), ERR_INPUT);
	assert_int_equal(sntp_read(SPAN_ARR(packet), nonce, now, now + 1000001, &got, &d), ERR_LIMIT);
	sntp_write(packet, nonce);
	assert_int_equal(packet[0], 0x23);
	assert_span_equal(SPAN(packet + 40, 8), SPAN_ARR(nonce));
}

static void never_goes_below_the_floor(void **state)
{
	(void)state;
	struct clock c = {0};
	struct diag d;
	int64_t set = 0;
	assert_false(clock_raise_floor(&c, 1000, 1000, &set));
	assert_false(clock_raise_floor(&c, 900, 1000, &set));
	assert_int_equal(c.floor, 1000);
	assert_true(clock_raise_floor(&c, 2000, 1500, &set));
	assert_int_equal(set, 2000);
	assert_true(c.rtc_wrong);
	assert_int_equal(clock_judge(&c, 2000 * second, -second, &d), CLOCK_KEEP);
	assert_non_null(strstr(d.text, "before what has been seen"));
}

static void steps_once_within_the_bound(void **state)
{
	(void)state;
	struct diag d;
	struct clock c = {.floor = 1000};
	assert_int_equal(clock_judge(&c, now, 601 * second, &d), CLOCK_KEEP);
	assert_non_null(strstr(d.text, "at most 600 s"));
	assert_int_equal(clock_judge(&c, now, -400 * second, &d), CLOCK_STEP);
	/* afterwards corrections are slewed, and share the bound with the step */
	assert_int_equal(clock_judge(&c, now, 201 * second, &d), CLOCK_KEEP);
	assert_int_equal(clock_judge(&c, now, 2 * second, &d), CLOCK_SLEW);
	assert_int_equal(c.moved, 400 * second + second / 2);
	assert_int_equal(clock_judge(&c, now, 100, &d), CLOCK_KEEP);
	assert_string_equal(d.text, "");
}

static void bounds_all_corrections_together(void **state)
{
	(void)state;
	struct diag d;
	struct clock c = {.floor = 1000};
	int64_t moved = 0;
	for (int i = 0; i < 100000 && clock_judge(&c, now, -second / 4, &d) == CLOCK_SLEW; i++)
		moved += second / 4;
	assert_int_equal(moved, 600 * second);
}

static void takes_any_later_time_when_the_rtc_is_useless(void **state)
{
	(void)state;
	struct diag d;
	struct clock c = {0};
	int64_t set, years = INT64_C(5) * 365 * 86400 * second;
	assert_true(clock_raise_floor(&c, 1000, 0, &set));
	assert_int_equal(clock_judge(&c, 1000 * second, years, &d), CLOCK_STEP);
	assert_false(c.rtc_wrong);
	assert_int_equal(clock_judge(&c, 1000 * second + years, years, &d), CLOCK_KEEP);
}

static void build_floor_is_not_in_the_future(void **state)
{
	(void)state;
	assert_true(CLOCK_BUILD_FLOOR < time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_the_offset),
		cmocka_unit_test(refuses_answers_that_are_none),
		cmocka_unit_test(never_goes_below_the_floor),
		cmocka_unit_test(steps_once_within_the_bound),
		cmocka_unit_test(bounds_all_corrections_together),
		cmocka_unit_test(takes_any_later_time_when_the_rtc_is_useless),
		cmocka_unit_test(build_floor_is_not_in_the_future),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
