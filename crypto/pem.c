#include "crypto/pem.h"

#include "base/rd.h"
#include "base/text.h"
#include "base/wipe.h"
#include "base/wr.h"

enum { COLUMNS = 64 };

struct span pem_encode(struct arena *a, const char *label, struct span der)
{
	char *text = base64_encode_in(a, der);
	if (!text)
		return SPAN(NULL, 0);
	size_t n = strlen(text), cap = n + n / COLUMNS + 2 * strlen(label) + 40;
	uint8_t *out = arena_alloc(a, cap);
	if (!out)
		return SPAN(NULL, 0);
	struct wr w = wr_to(out, cap);
	wr_fmt(&w, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < n; at += COLUMNS) {
		wr_bytes(&w, text + at, n - at < COLUMNS ? n - at : COLUMNS);
		wr_u8(&w, '\n');
	}
	wr_fmt(&w, "-----END %s-----\n", label);
	struct span s = wr_span(&w);
	wr_u8(&w, 0);
	wipe(text, n);
	return wr_ok(&w) ? s : SPAN(NULL, 0);
}

/* The next line without its end. */
static struct span line(struct rd *r)
{
	const uint8_t *from = r->p;
	size_t n = 0;
	while (r->left && rd_peek(r) != '\n') {
		rd_skip(r, 1);
		n++;
	}
	if (r->left)
		rd_skip(r, 1);
	if (n && from[n - 1] == '\r')
		n--;
	return SPAN(from, n);
}

struct span pem_decode(struct arena *a, const char *label, struct span text)
{
	char begin[64], end[64];
	struct wr b = wr_to(begin, sizeof begin), e = wr_to(end, sizeof end);
	wr_fmt(&b, "-----BEGIN %s-----", label);
	wr_fmt(&e, "-----END %s-----", label);
	struct rd r = rd_from(text);
	bool inside = false;
	uint8_t *joined = arena_alloc(a, text.n);
	if (!joined || !wr_ok(&b) || !wr_ok(&e))
		return SPAN(NULL, 0);
	struct wr w = wr_to(joined, text.n);
	while (r.left) {
		struct span l = line(&r);
		if (!inside) {
			inside = span_eq(l, wr_span(&b));
		} else if (span_eq(l, wr_span(&e))) {
			struct span der = base64_decode_in(a, wr_span(&w));
			wipe(joined, text.n);
			return der.n ? der : SPAN(NULL, 0);
		} else {
			wr_put(&w, l);
		}
	}
	wipe(joined, text.n);
	return SPAN(NULL, 0);
}
