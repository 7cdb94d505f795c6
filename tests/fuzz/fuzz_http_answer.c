/* Bytes of a server through the client's answer parser and header lookup, and a Location through the URL code. */
#include "kms/attest/attest.h"
#include "kms/client/answer.h"
#include "kms/client/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_answer w;
	struct diag d = {0};
	struct span location;
	uint8_t block[65536];
	struct arena a = arena_over(block, sizeof block);
	if (http_answer_open(&w, 10000, size % 5 == 0) != 0)
		return 0;
	int e = 0;
	for (size_t at = 0; !e && !w.done && at <= size; at += 100)
		e = http_answer_feed(&w, SPAN(data + at, size - at < 100 ? size - at : 100), &d);
	if (w.done && (w.status < 200 || w.body.len > 10000))
		__builtin_trap();
	if (fetched_header(&(struct fetched){.headers = wr_span(&w.headers)}, "location", &location)) {
		struct url base, next;
		if (url_parse(&a, "https://a.example:8443/b/c?d", &base, &d) != 0)
			__builtin_trap();
		const char *joined = url_join(&a, &base, location);
		if (joined && url_parse(&a, joined, &next, &d) == 0 && (next.target[0] != '/' || !next.host[0]) && next.scheme != URL_UNIX)
			__builtin_trap();
	}
	http_answer_close(&w);
	return 0;
}
