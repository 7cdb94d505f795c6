#include "tests/unit/test.h"

#include "base/rd.h"
#include "base/wr.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void reads_integers_in_both_orders(void **state)
{
	(void)state;
	struct rd r = rd_from(SPAN_ARR(bytes));
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_u16le(&r), 0x0302);
	assert_int_equal(rd_u16be(&r), 0x0405);
	assert_int_equal(rd_u24be(&r), 0x060708);
	assert_int_equal(rd_u32le(&r), 0x0c0b0a09);
	assert_int_equal(rd_u32be(&r), 0x0d0e0f10);
	assert_true(rd_done(&r));
	r = rd_from(SPAN_ARR(bytes));
	assert_true(rd_u64le(&r) == 0x0807060504030201);
	assert_true(rd_u64be(&r) == 0x090a0b0c0d0e0f10);
	assert_true(rd_done(&r));
}

static void a_read_past_the_end_yields_zero_and_sticks(void **state)
{
	(void)state;
	struct rd r = rd_from(SPAN(bytes, 3));
	assert_int_equal(rd_u32le(&r), 0);
	assert_false(rd_ok(&r));
	assert_int_equal(r.left, 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_bytes(&r, 0).n, 0);
	assert_false(rd_done(&r));
}

static void a_short_copy_gives_zeros(void **state)
{
	(void)state;
	uint8_t out[8];
	memset(out, 0xaa, sizeof out);
	struct rd r = rd_from(SPAN(bytes, 7));
	rd_copy(&r, out, sizeof out);
	assert_false(rd_ok(&r));
	assert_span_equal(SPAN_ARR(out), SPAN("\0\0\0\0\0\0\0\0", 8));
}

static void a_sub_reader_is_bounded_by_its_length(void **state)
{
	(void)state;
	struct rd r = rd_from(SPAN_ARR(bytes));
	struct rd in = rd_sub(&r, 4);
	assert_int_equal(rd_u32be(&in), 0x01020304);
	assert_int_equal(rd_u8(&in), 0);
	assert_false(rd_ok(&in));
	assert_true(rd_ok(&r));
	assert_int_equal(rd_u8(&r), 5);
	in = rd_sub(&r, 100);
	assert_false(rd_ok(&in));
	assert_false(rd_ok(&r));
}

static void peek_takes_nothing(void **state)
{
	(void)state;
	struct rd r = rd_from(SPAN(bytes, 1));
	assert_int_equal(rd_peek(&r), 1);
	assert_int_equal(rd_u8(&r), 1);
	assert_int_equal(rd_peek(&r), 0);
	assert_true(rd_done(&r));
}

static void writes_what_the_reader_reads(void **state)
{
	(void)state;
	uint8_t out[64];
	struct wr w = wr_to(out, sizeof out);
	wr_u8(&w, 1);
	wr_u16le(&w, 0x0302);
	wr_u16be(&w, 0x0405);
	wr_u24be(&w, 0x060708);
	wr_u32le(&w, 0x0c0b0a09);
	wr_u32be(&w, 0x0d0e0f10);
	assert_span_equal(wr_span(&w), SPAN_ARR(bytes));
	wr_hex(&w, SPAN(bytes + 9, 2));
	wr_fmt(&w, "%s-%d", "x", 7);
	assert_span_equal(SPAN(out + 16, w.len - 16), SPAN_STR("0a0bx-7"));
	assert_true(wr_ok(&w));
}

static void a_full_writer_writes_nothing_more(void **state)
{
	(void)state;
	uint8_t out[4] = {0xaa, 0xaa, 0xaa, 0xaa};
	struct wr w = wr_to(out, 3);
	wr_u16be(&w, 0x0102);
	wr_u16be(&w, 0x0304);
	assert_false(wr_ok(&w));
	wr_u8(&w, 9);
	assert_int_equal(w.len, 2);
	assert_span_equal(SPAN_ARR(out), SPAN("\1\2\xaa\xaa", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_integers_in_both_orders),
		cmocka_unit_test(a_read_past_the_end_yields_zero_and_sticks),
		cmocka_unit_test(a_short_copy_gives_zeros),
		cmocka_unit_test(a_sub_reader_is_bounded_by_its_length),
		cmocka_unit_test(peek_takes_nothing),
		cmocka_unit_test(writes_what_the_reader_reads),
		cmocka_unit_test(a_full_writer_writes_nothing_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
