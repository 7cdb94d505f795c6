/* JSON text: every node's text lies inside the input, and what was accepted is accepted again from its own source text. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct json *j, struct span text)
{
	if (j->raw.p < text.p || j->raw.p + j->raw.n > text.p + text.n)
		abort();
	for (const struct json *k = j->kids; k; k = k->next)
		check(k, j->raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	const struct json *j, *again;
	struct diag d;
	if (arena_open(&a, 1 << 22))
		abort();
	if (json_parse(&a, SPAN(data, size), &j, &d) == 0) {
		check(j, SPAN(data, size));
		int e = json_parse(&a, j->raw, &again, &d);
		if (e && e != ERR_LIMIT)
			abort();
	}
	arena_close(&a);
	return 0;
}
