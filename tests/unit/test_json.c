#include "tests/unit/test.h"

#include "base/json.h"

static uint8_t block[1 << 16];

static const struct json *parse(const char *text, struct diag *d)
{
	static struct arena a;
	const struct json *j;
	a = arena_over(block, sizeof block);
	return json_parse(&a, SPAN_STR(text), &j, d) ? NULL : j;
}

static void accepts_rfc8259_values(void **state)
{
	(void)state;
	struct diag d;
	uint64_t n;
	struct span s;
	const struct json *j = parse(" {\"a\" : [1, -2.5e+3, true, null], \"b\\u00e9\": \"x\\ud83d\\ude00\\n\"} ", &d);
	assert_non_null(j);
	assert_int_equal(json_get(j, "a")->count, 4);
	assert_true(json_u64(json_get(j, "a")->kids, &n));
	assert_int_equal(n, 1);
	assert_false(json_u64(json_get(j, "a")->kids->next, &n));
	assert_true(json_get_str(j, "b\xc3\xa9", &s));
	assert_span_equal(s, SPAN_STR("x\xf0\x9f\x98\x80\n"));
	assert_span_equal(json_get(j, "a")->raw, SPAN_STR("[1, -2.5e+3, true, null]"));
}

static void refuses_what_rfc8259_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",      "{",        "[1,]",    "{\"a\":1,}",  "{\"a\" 1}", "{a:1}", "01",         "1.",
		"+1",    "\"\x01\"", "\"\\x\"", "\"\\ud800\"", "nul",       "1 2",   "\"\xff\"",   "{\"a\":1,\"a\":2}",
		"{1:2}", "[1 2]",    "\"",      "\"\\",        "-",         "1e",    "[\"\\u12\"]"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct diag d = {0};
		if (parse(bad[i], &d))
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "invalid JSON at byte"));
	}
}

static void bounds_depth(void **state)
{
	(void)state;
	char text[200];
	struct diag d;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	char deep[201] = {0};
	memcpy(deep, text, 200);
	assert_null(parse(deep, &d));
	char fits[65] = {0};
	memset(fits, '[', 32);
	memset(fits + 32, ']', 32);
	assert_non_null(parse(fits, &d));
}

static void keeps_repeats_when_asked(void **state)
{
	(void)state;
	struct arena a = arena_over(block, sizeof block);
	const struct json *j;
	struct diag d;
	assert_int_equal(json_parse_repeats(&a, SPAN_STR("{\"a\":1,\"b\":2,\"a\":3}"), &j, &d), 0);
	assert_int_equal(json_count(j, "a"), 2);
	assert_int_equal(json_count(j, "b"), 1);
	assert_int_equal(json_count(j, "c"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_rfc8259_values),
		cmocka_unit_test(refuses_what_rfc8259_refuses),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(keeps_repeats_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
