#include <stdio.h>

#include "base/text.h"
#include "crypto/x509.h"

enum { MARK_MAX = 80 };

/* Reads up to and including the mark; what came before it goes to *before. false, and nothing read, if it does not occur. */
static bool read_to(struct rd *text, struct span mark, struct span *before)
{
	const uint8_t *at = text->left ? memmem(text->p, text->left, mark.p, mark.n) : NULL;
	if (!at)
		return false;
	*before = rd_bytes(text, (size_t)(at - text->p));
	rd_skip(text, mark.n);
	return true;
}

int pem_next(struct arena *a, struct rd *text, const char *label, struct span *der, struct diag *d)
{
	char begin[MARK_MAX], end[MARK_MAX];
	int nb = snprintf(begin, sizeof begin, "-----BEGIN %s-----", label), ne = snprintf(end, sizeof end, "-----END %s-----", label);
	struct span body;
	if (nb >= MARK_MAX || ne >= MARK_MAX)
		return diag_fail(d, ERR_LIMIT, "PEM label is too long");
	if (!read_to(text, SPAN(begin, (size_t)nb), &body)) {
		(void)rd_rest(text);
		return 0;
	}
	if (!read_to(text, SPAN(end, (size_t)ne), &body))
		return diag_fail(d, ERR_INPUT, "PEM block without end");

	uint8_t *joined = arena_alloc(a, body.n);
	if (!joined)
		return diag_fail(d, ERR_LIMIT, "PEM text needs more memory than this request may use");
	size_t n = 0;
	for (size_t i = 0; i < body.n; i++) {
		uint8_t c = body.p[i];
		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			joined[n++] = c;
	}
	*der = base64_decode_in(a, SPAN(joined, n));
	return der->p ? 1 : diag_fail(d, ERR_INPUT, "PEM block is not base64");
}

int pem_chain(struct arena *a, struct span text, struct span *ders, size_t max, size_t *n, struct diag *d)
{
	struct rd r = rd_from(text);
	*n = 0;
	for (;;) {
		struct span der;
		int e = pem_next(a, &r, "CERTIFICATE", &der, d);
		if (e <= 0)
			return e;
		if (*n == max)
			return diag_fail(d, ERR_LIMIT, "more than %zu certificates in a chain", max);
		ders[(*n)++] = der;
	}
}
