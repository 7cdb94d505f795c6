/* Bytes of a client through the request parser, in one piece and in small ones: both must come to the same end. */
#include <stdlib.h>

#include "kms/server/http_parser.h"

enum { HEAD = 2048, BODY = 4096, STORE = 3000, ROUNDS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
	enum http_step step;
	int status;
	size_t taken, path, query, body;
	uint8_t sum;
};

static uint8_t sum(struct span s)
{
	uint8_t x = (uint8_t)s.n;
	for (size_t i = 0; i < s.n; i++)
		x = (uint8_t)(x * 31 + s.p[i]);
	return x;
}

static struct end parse(struct span in, size_t piece)
{
	static const struct http_bounds bounds = {HEAD, BODY};
	struct budget budget = {.max = 1 << 20};
	struct http_parser p;
	struct http_request q;
	uint8_t *store = malloc(STORE);
	struct end e = {.step = HTTP_MORE};
	http_parser_start(&p, &q, store, STORE, &bounds, &budget);
	while (e.taken < in.n) {
		size_t n = in.n - e.taken < piece ? in.n - e.taken : piece, taken;
		e.step = http_parser_feed(&p, SPAN(in.p + e.taken, n), &taken);
		if (taken > n)
			__builtin_trap();
		e.taken += taken;
		if (e.step != HTTP_MORE && e.step != HTTP_CONTINUE)
			break;
		if (taken < n)
			__builtin_trap();
	}
	if (e.step == HTTP_COMPLETE || e.step == HTTP_TOO_LARGE) {
		e.path = q.path.n;
		e.query = q.query.n;
		e.body = q.body.n;
		e.sum = (uint8_t)(sum(q.path) + sum(q.query) + sum(q.body) + sum(q.content_type) + sum(q.accept) + sum(q.authorization) +
				  sum(q.x_admin_token));
		if (q.path.n == 0 || q.path.p[0] != '/' || q.body.n > BODY)
			__builtin_trap();
	}
	e.status = p.bad_status;
	if (e.step == HTTP_BAD && e.status < 400)
		__builtin_trap();
	http_parser_end(&p);
	if (budget.used != 0)
		__builtin_trap();
	free(store);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = SPAN(data, size);
	for (int i = 0; i < ROUNDS && in.n > 0; i++) {
		struct end whole = parse(in, in.n), pieces = parse(in, 1 + size % 7);
		/* Where a refused request is noticed may differ, what was understood may not. */
		if (whole.step == HTTP_COMPLETE &&
		    (pieces.step != HTTP_COMPLETE || pieces.taken != whole.taken || pieces.sum != whole.sum || pieces.path != whole.path ||
		     pieces.query != whole.query || pieces.body != whole.body))
			__builtin_trap();
		if (whole.step != HTTP_COMPLETE)
			break;
		in = SPAN(in.p + whole.taken, in.n - whole.taken);
	}
	return 0;
}
