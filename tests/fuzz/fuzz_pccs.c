/* What a PCCS answers: the first byte chooses the document, header lines up to an empty line, then the body. */
#include <stdlib.h>

#include "kms/attest/pccs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

static int answer(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	struct span all = *(const struct span *)self;
	(void)a;
	(void)url;
	(void)timeout_ms;
	(void)d;
	const uint8_t *end = all.n ? memmem(all.p, all.n, "\r\n\r\n", 4) : NULL;
	size_t head = end ? (size_t)(end - all.p) + 2 : 0;
	*out = (struct fetched){.status = 200, .headers = SPAN(all.p, head), .body = end ? SPAN(end + 4, all.n - head - 2) : all};
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t cert_data[404], user_data[20];
	struct quote q = {.cert_type = QUOTE_CERT_PPID_3072, .cert_data = SPAN_ARR(cert_data), .user_data = SPAN_ARR(user_data)};
	if (size == 0)
		return 0;
	if (!arena.p && arena_open(&arena, 16 << 20))
		abort();
	arena_reset(&arena);
	struct span rest = SPAN(data + 1, size - 1);
	struct fetcher f = {answer, &rest};
	struct pccs_request request = {.kind = (enum pccs_kind)(data[0] % 5), .fmspc = SPAN(user_data, 6), .quote = &q};
	struct pccs_document doc;
	struct diag d;
	if (pccs_get(&f, &arena, "https://pccs.invalid", &request, 1000, &doc, &d) == 0)
		(void)pccs_compact_json(&arena, doc.body);
	return 0;
}
