#include "tests/unit/test.h"

#include "base/err.h"
#include "base/text.h"

static uint8_t block[4096];
static struct arena a;

static int fresh(void **state)
{
	(void)state;
	a = arena_over(block, sizeof block);
	return 0;
}

static void hex_round_trips_and_refuses(void **state)
{
	(void)state;
	assert_string_equal(hex_encode_in(&a, SPAN("\x00\xff\x1a", 3)), "00ff1a");
	assert_span_equal(hex_decode_in(&a, SPAN_STR("00FF1a")), SPAN("\x00\xff\x1a", 3));
	assert_non_null(hex_decode_in(&a, SPAN_STR("")).p);
	static const char *const bad[] = {"0", "0g", "0x00", " 00", "00 "};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_null(hex_decode_in(&a, SPAN_STR(bad[i])).p);
	uint8_t two[2];
	assert_int_equal(hex_decode(SPAN_STR("010203"), two, 2), -1);
}

static void base64_follows_rfc4648(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_string_equal(base64_encode_in(&a, SPAN_STR(pairs[i][0])), pairs[i][1]);
		assert_span_equal(base64_decode_in(&a, SPAN_STR(pairs[i][1])), SPAN_STR(pairs[i][0]));
	}
	static const char *const bad[] = {"Zg=", "Zg", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Z===", "Zm-_"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (base64_decode_in(&a, SPAN_STR(bad[i])).p)
			fail_msg("accepted: %s", bad[i]);
}

static void decimal_is_exact(void **state)
{
	(void)state;
	uint64_t v;
	assert_true(parse_u64(SPAN_STR("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	static const char *const bad[] = {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1", "99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (parse_u64(SPAN_STR(bad[i]), &v))
			fail_msg("accepted: %s", bad[i]);
}

static void utf8_refuses_overlong_surrogate_and_cut_forms(void **state)
{
	(void)state;
	static const char *const good[] = {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
					  "\x80",     "\xc3",         "\xe2\x82",     "\xc3\x28",         "\xff"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(utf8_valid(SPAN_STR(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (utf8_valid(SPAN_STR(bad[i])))
			fail_msg("accepted case %zu", i);
}

static void an_arena_is_bounded_aligned_and_wiped(void **state)
{
	(void)state;
	uint8_t *p = arena_alloc(&a, 1), *q = arena_alloc(&a, 1);
	assert_int_equal((uintptr_t)q % 16, 0);
	assert_ptr_not_equal(p, q);
	assert_null(arena_alloc(&a, sizeof block));
	assert_null(arena_array(&a, SIZE_MAX / 2, 4));
	*q = 0x55;
	arena_reset(&a);
	assert_int_equal(*q, 0);
	assert_span_equal(arena_dup(&a, SPAN_STR("key")), SPAN_STR("key"));
}

static void malformed_text_is_repaired_sequence_by_sequence(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {{"", ""},
		     {"a\xc3\xa9\xf0\x9f\x98\x80", "a\xc3\xa9\xf0\x9f\x98\x80"},
		     {"a\xff", "a\xef\xbf\xbd"},
		     {"\xc3\xa9\xc3", "\xc3\xa9\xef\xbf\xbd"},
		     {"\xf0\x9f\x98z", "\xef\xbf\xbdz"},
		     {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		     {"\xe0\x80\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_span_equal(utf8_repair(&a, SPAN_STR(cases[i].in)), SPAN_STR(cases[i].out));
}

static void a_diag_is_cut_between_characters(void **state)
{
	(void)state;
	static char text[DIAG_MAX + 8];
	for (size_t start = 0; start < 4; start++) {
		memset(text, 'a', start);
		for (size_t i = start; i + 4 < sizeof text; i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 5);
		struct diag d;
		diag_set(&d, "%s", text);
		assert_true(utf8_valid(SPAN_STR(d.text)) && strlen(d.text) >= DIAG_MAX - 8);
		assert_string_equal(d.text + strlen(d.text) - 3, "...");
	}
}

static void a_diag_reads_outermost_first_and_is_bounded(void **state)
{
	(void)state;
	struct diag d = {0};
	assert_int_equal(diag_fail(&d, ERR_INPUT, "bad %s", "byte"), ERR_INPUT);
	assert_int_equal(diag_wrap(&d, ERR_INPUT, "Boot denied"), ERR_INPUT);
	assert_string_equal(d.text, "Boot denied: bad byte");
	for (int i = 0; i < 1000; i++)
		diag_prefix(&d, "context %d", i);
	assert_true(strlen(d.text) < DIAG_MAX);
	assert_string_equal(d.text + strlen(d.text) - 3, "...");
}

static void a_url_is_shown_without_its_password(void **state)
{
	(void)state;
	static const char *const same[] = {"http://a/b@c", "https://a?u:p@b", "http://a#@", "unix:/a@b", "a.b", ""};
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		assert_string_equal(url_public(&a, same[i]), same[i]);
	assert_string_equal(url_public(&a, "https://u:p@x@a.b:1/c@d?e"), "https://a.b:1/c@d?e");
	assert_string_equal(url_public(&a, "u:p@a.b/c"), "a.b/c");
	struct arena none = arena_over(NULL, 0);
	assert_string_equal(url_public(&none, "http://u:p@a/"), "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(hex_round_trips_and_refuses, fresh),
		cmocka_unit_test_setup(base64_follows_rfc4648, fresh),
		cmocka_unit_test(decimal_is_exact),
		cmocka_unit_test(utf8_refuses_overlong_surrogate_and_cut_forms),
		cmocka_unit_test_setup(an_arena_is_bounded_aligned_and_wiped, fresh),
		cmocka_unit_test_setup(malformed_text_is_repaired_sequence_by_sequence, fresh),
		cmocka_unit_test_setup(a_url_is_shown_without_its_password, fresh),
		cmocka_unit_test(a_diag_is_cut_between_characters),
		cmocka_unit_test(a_diag_reads_outermost_first_and_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
