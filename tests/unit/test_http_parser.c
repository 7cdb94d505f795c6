#include "tests/unit/test.h"

#include "base/wipe.h"
#include "kms/server/http_parser.h"

enum { STORE = 20000 };

struct run {
	struct http_parser p;
	struct http_request q;
	struct budget budget;
	uint8_t store[STORE];
	size_t taken;
	unsigned continues;
	enum http_step step;
};

/* Feeds text in pieces of `piece` bytes until the parser is done or the text ends. */
static void feed(struct run *r, struct span text, size_t piece)
{
	static const struct http_bounds bounds = {.head = 1024, .body = 100000};
	*r = (struct run){.budget = {.max = 1 << 20}};
	http_parser_start(&r->p, &r->q, r->store, sizeof r->store, &bounds, &r->budget);
	while (r->taken < text.n) {
		size_t n = text.n - r->taken < piece ? text.n - r->taken : piece, taken;
		r->step = http_parser_feed(&r->p, SPAN(text.p + r->taken, n), &taken);
		r->taken += taken;
		if (r->step == HTTP_CONTINUE)
			r->continues++;
		else if (r->step != HTTP_MORE)
			return;
	}
}

static void feed_text(struct run *r, const char *text)
{
	feed(r, SPAN_STR(text), 1 << 20);
}

static void a_get_is_taken_apart(void **state)
{
	(void)state;
	static const char text[] = "GET /prpc/Get%4deta?json&x=%20#f HTTP/1.1\r\nHost: a\r\nAccept: */*\r\ncontent-TYPE: "
				   "application/json\r\nAuthorization: Basic abc\r\n"
				   "X-Admin-Token: t\r\nContent-Type: second\r\n\r\n";
	for (size_t piece = 1; piece <= sizeof text; piece += 7) {
		struct run r;
		feed(&r, SPAN_LIT(text), piece);
		assert_int_equal(r.step, HTTP_COMPLETE);
		assert_int_equal(r.taken, sizeof text - 1);
		assert_int_equal(r.q.method, HTTP_GET_);
		assert_span_equal(r.q.path, SPAN_LIT("/prpc/GetMeta"));
		assert_span_equal(r.q.query, SPAN_LIT("json&x=%20"));
		assert_span_equal(r.q.accept, SPAN_LIT("*/*"));
		assert_span_equal(r.q.content_type, SPAN_LIT("application/json"));
		assert_span_equal(r.q.authorization, SPAN_LIT("Basic abc"));
		assert_span_equal(r.q.x_admin_token, SPAN_LIT("t"));
		assert_int_equal(r.q.body.n, 0);
		assert_true(r.p.keep_alive);
		http_parser_end(&r.p);
	}
}

static void pipelined_requests_are_told_apart(void **state)
{
	(void)state;
	static const char first[] = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", second[] = "GET /b HTTP/1.1\r\n\r\n";
	char both[200];
	snprintf(both, sizeof both, "%s%s", first, second);
	struct run r;
	feed_text(&r, both);
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.taken, sizeof first - 1);
	assert_span_equal(r.q.body, SPAN_LIT("abc"));
	size_t at = r.taken;
	http_parser_end(&r.p);
	feed_text(&r, both + at);
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.taken, sizeof second - 1);
	assert_span_equal(r.q.path, SPAN_LIT("/b"));
	http_parser_end(&r.p);
}

static void chunks_are_joined(void **state)
{
	(void)state;
	static const char text[] =
		"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET ";
	for (size_t piece = 1; piece <= sizeof text; piece += 5) {
		struct run r;
		feed(&r, SPAN_LIT(text), piece);
		assert_int_equal(r.step, HTTP_COMPLETE);
		assert_int_equal(r.taken, sizeof text - 1 - 4);
		assert_span_equal(r.q.body, SPAN_LIT("abcde"));
		http_parser_end(&r.p);
	}
}

static void a_body_moves_out_of_the_head_store_and_is_charged(void **state)
{
	(void)state;
	static char text[100200];
	int n = snprintf(text, sizeof text, "POST /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 100000; i++)
		text[n + i] = (char)(i * 7);
	struct run r;
	feed(&r, SPAN(text, (size_t)n + 100000), 999);
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_span_equal(r.q.body, SPAN(text + n, 100000));
	assert_true(atomic_load(&r.budget.used) >= 100000);
	http_parser_end(&r.p);
	assert_int_equal(atomic_load(&r.budget.used), 0);
}

static void a_body_beyond_the_bound_is_announced_at_once(void **state)
{
	(void)state;
	struct run r;
	feed_text(&r, "POST /a HTTP/1.1\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(r.step, HTTP_TOO_LARGE);
	assert_int_equal(r.continues, 0);
	assert_true(r.q.body_too_large);
	assert_span_equal(r.q.path, SPAN_LIT("/a"));
	http_parser_end(&r.p);

	static char text[100200];
	int n = snprintf(text, sizeof text, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n");
	feed(&r, SPAN(text, (size_t)n + 100000), 4096);
	assert_int_equal(r.step, HTTP_MORE);
	size_t taken;
	assert_int_equal(http_parser_feed(&r.p, SPAN_LIT("x"), &taken), HTTP_TOO_LARGE);
	assert_int_equal(r.q.body.n, 0);
	http_parser_end(&r.p);
}

static void no_memory_for_a_body_is_503(void **state)
{
	(void)state;
	static char text[100200];
	int n = snprintf(text, sizeof text, "POST /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
	static const struct http_bounds bounds = {.head = 1024, .body = 100000};
	struct run r = {.budget = {.max = 65536}};
	http_parser_start(&r.p, &r.q, r.store, sizeof r.store, &bounds, &r.budget);
	enum http_step s = http_parser_feed(&r.p, SPAN(text, (size_t)n + 100000), &r.taken);
	assert_int_equal(s, HTTP_BAD);
	assert_int_equal(r.p.bad_status, 503);
	http_parser_end(&r.p);
	assert_int_equal(atomic_load(&r.budget.used), 0);
}

static void expect_is_answered_once_and_only_if_a_body_is_awaited(void **state)
{
	(void)state;
	struct run r;
	feed_text(&r, "POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
	assert_int_equal(r.step, HTTP_CONTINUE);
	size_t taken;
	assert_int_equal(http_parser_feed(&r.p, SPAN_LIT("abc"), &taken), HTTP_COMPLETE);
	assert_span_equal(r.q.body, SPAN_LIT("abc"));
	http_parser_end(&r.p);

	feed_text(&r, "POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.continues, 0);
	http_parser_end(&r.p);

	feed_text(&r, "GET /a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n");
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.continues, 0);
	http_parser_end(&r.p);
}

static void malformed_requests_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400},
		{"POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		{"POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, x\r\n\r\n", 400},
		{"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
		{"GET /a HTTP/1.1\r\n folded: x\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400},
		{"GET /a HTTP/1.1\nA: x\n\n", 400},
		{"GET /a HTTP/1.1\r\nA b: x\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nA: x\x01y\r\n\r\n", 400},
		{"GET /a HTTP/2.0\r\n\r\n", 400},
		{"GET /a\r\n\r\n", 400},
		{"GET a HTTP/1.1\r\n\r\n", 400},
		{"OPTIONS * HTTP/1.1\r\n\r\n", 400},
		{"CONNECT a:1 HTTP/1.1\r\n\r\n", 400},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
		{"POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: the-worst\r\n\r\n", 417},
		{"POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue-and-much-more-than-that\r\n\r\n", 417},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t piece = 1; piece < 200; piece += 198) {
			struct run r;
			feed(&r, SPAN_STR(cases[i].text), piece);
			if (r.step != HTTP_BAD || r.p.bad_status != cases[i].status)
				fail_msg("case %zu, pieces of %zu: step %d, status %d, want %d", i, piece, (int)r.step, r.p.bad_status,
					 cases[i].status);
			http_parser_end(&r.p);
		}
}

/* Shapes that a proxy and we could understand differently. */
static void what_could_smuggle_a_request_is_refused(void **state)
{
	(void)state;
#define CHUNKED "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	static const struct span cases[] = {
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length: 3 3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length:\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding:\x0b"
			 "chunked\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		SPAN_LIT("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "+3\r\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "3 \r\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "3\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "3\r\nabc\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n"),
		SPAN_LIT(CHUNKED "0\r\nX: a\n\r\n"),
		SPAN_LIT(CHUNKED "0\r\nContent-Length: 5\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA: x\0y\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA\0: x\r\n\r\n"),
		SPAN_LIT("GET /a\0b HTTP/1.1\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA: x\ry\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA: x\n\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA: x\r\n\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\n: x\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1\r\nA\r\n\r\n"),
		SPAN_LIT("GET /a HTTP/1.1 \r\n\r\n"),
		SPAN_LIT("GET /a b HTTP/1.1\r\n\r\n"),
		SPAN_LIT("GET /a\tHTTP/1.1\r\n\r\n"),
		SPAN_LIT(" GET /a HTTP/1.1\r\n\r\n"),
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t piece = 1; piece < 200; piece += 198) {
			struct run r;
			feed(&r, cases[i], piece);
			if (r.step != HTTP_BAD || r.p.bad_status != 400)
				fail_msg("case %zu, pieces of %zu: step %d, status %d", i, piece, (int)r.step, r.p.bad_status);
			http_parser_end(&r.p);
		}
}

static void chunks_of_one_byte_fit_whatever_fits(void **state)
{
	(void)state;
	static char text[700000];
	size_t n = (size_t)sprintf(text, CHUNKED);
	for (int i = 0; i < 100000; i++)
		n += (size_t)sprintf(text + n, "1\r\nx\r\n");
	n += (size_t)sprintf(text + n, "0\r\n\r\n");
	struct run r;
	feed(&r, SPAN(text, n), 1000);
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.q.body.n, 100000);
	http_parser_end(&r.p);
}

static void framing_without_a_body_comes_to_an_end(void **state)
{
	(void)state;
	static const char *const begins[] = {CHUNKED "1;", CHUNKED "0", CHUNKED "0\r\nTrailer: ", CHUNKED "0\r\n"};
	static const char fill[] = "x0 n";
	static char text[1000000];
	for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
		size_t n = (size_t)sprintf(text, "%s", begins[i]);
		for (size_t at = n; at < sizeof text; at++)
			text[at] = i < 3 ? fill[i] : "N:v\r\n"[(at - n) % 5];
		struct run r;
		feed(&r, SPAN_ARR(text), 4096);
		if (r.step != HTTP_BAD || r.p.bad_status != 431 || r.taken > 1024 + 8 * 100000)
			fail_msg("case %zu: step %d, status %d, %zu bytes taken", i, (int)r.step, r.p.bad_status, r.taken);
		http_parser_end(&r.p);
	}
}

static void a_head_beyond_the_bound_is_431(void **state)
{
	(void)state;
	char text[2000];
	int n = snprintf(text, sizeof text, "GET /a HTTP/1.1\r\nA: ");
	memset(text + n, 'x', sizeof text - (size_t)n);
	struct run r;
	feed(&r, SPAN(text, sizeof text), 100);
	assert_int_equal(r.step, HTTP_BAD);
	assert_int_equal(r.p.bad_status, 431);
	assert_true(r.taken <= 1024);
	http_parser_end(&r.p);
}

static void other_forms_are_understood(void **state)
{
	(void)state;
	struct run r;
	feed_text(&r, "PUT https://host:1/x/y?q HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.q.method, HTTP_OTHER);
	assert_span_equal(r.q.path, SPAN_LIT("/x/y"));
	assert_span_equal(r.q.query, SPAN_LIT("q"));
	assert_false(r.p.keep_alive);
	http_parser_end(&r.p);

	feed_text(&r, "HEAD /a%2fb%00%41%zz%4 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_int_equal(r.q.method, HTTP_HEAD_);
	assert_span_equal(r.q.path, SPAN_LIT("/a%2fb%00A%zz%4"));
	assert_false(r.p.keep_alive);
	http_parser_end(&r.p);

	feed_text(&r, "GET /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	assert_int_equal(r.step, HTTP_COMPLETE);
	assert_span_equal(r.q.path, SPAN_LIT("/a"));
	http_parser_end(&r.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_is_taken_apart),
		cmocka_unit_test(pipelined_requests_are_told_apart),
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(a_body_moves_out_of_the_head_store_and_is_charged),
		cmocka_unit_test(a_body_beyond_the_bound_is_announced_at_once),
		cmocka_unit_test(no_memory_for_a_body_is_503),
		cmocka_unit_test(expect_is_answered_once_and_only_if_a_body_is_awaited),
		cmocka_unit_test(malformed_requests_are_refused),
		cmocka_unit_test(what_could_smuggle_a_request_is_refused),
		cmocka_unit_test(chunks_of_one_byte_fit_whatever_fits),
		cmocka_unit_test(framing_without_a_body_comes_to_an_end),
		cmocka_unit_test(a_head_beyond_the_bound_is_431),
		cmocka_unit_test(other_forms_are_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
