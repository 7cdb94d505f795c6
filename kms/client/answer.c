#include "kms/client/answer.h"

enum { HEADERS_MAX = 65536 };

static struct http_answer *self(llhttp_t *ll)
{
	return ll->data;
}

static int on_message_begin(llhttp_t *ll)
{
	self(ll)->headers.len = self(ll)->body.len = 0;
	return 0;
}

static int on_header(llhttp_t *ll, const char *at, size_t n)
{
	wr_bytes(&self(ll)->headers, at, n);
	return wr_ok(&self(ll)->headers) ? 0 : HPE_USER;
}

static int on_field_end(llhttp_t *ll)
{
	return on_header(ll, ": ", 2);
}

static int on_value_end(llhttp_t *ll)
{
	return on_header(ll, "\r\n", 2);
}

static int on_headers_complete(llhttp_t *ll)
{
	struct http_answer *w = self(ll);
	w->status = ll->status_code;
	ll->upgrade = 0;
	return w->head_request ? 1 : 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_answer *w = self(ll);
	wr_bytes(&w->body, at, n);
	w->too_large = !wr_ok(&w->body);
	return w->too_large ? HPE_USER : 0;
}

static int on_message_complete(llhttp_t *ll)
{
	struct http_answer *w = self(ll);
	if (w->status < 200)
		return 0; /* an interim answer: the real one follows */
	w->done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_message_begin = on_message_begin,
	.on_header_field = on_header,
	.on_header_value = on_header,
	.on_header_field_complete = on_field_end,
	.on_header_value_complete = on_value_end,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

int http_answer_open(struct http_answer *w, size_t body_max, bool head_request)
{
	*w = (struct http_answer){.head_request = head_request};
	if (arena_open(&w->mem, HEADERS_MAX + body_max) != 0)
		return ERR_LIMIT;
	w->headers = wr_to(w->mem.p, HEADERS_MAX);
	w->body = wr_to(w->mem.p + HEADERS_MAX, body_max);
	llhttp_init(&w->ll, HTTP_RESPONSE, &settings);
	w->ll.data = w;
	return 0;
}

void http_answer_close(struct http_answer *w)
{
	w->mem.used = w->body.len > 0 ? HEADERS_MAX + w->body.len : w->headers.len;
	arena_close(&w->mem);
}

int http_answer_feed(struct http_answer *w, struct span in, struct diag *d)
{
	llhttp_errno_t e = in.n > 0 ? llhttp_execute(&w->ll, (const char *)in.p, in.n) : llhttp_finish(&w->ll);
	if (w->too_large)
		return diag_fail(d, ERR_LIMIT, "response body above %zu bytes", w->body.cap);
	if (w->done)
		return 0;
	if (e != HPE_OK)
		return diag_fail(d, ERR_INPUT, "invalid HTTP response: %s",
				 llhttp_get_error_reason(&w->ll) ? llhttp_get_error_reason(&w->ll) : "malformed");
	return in.n > 0 ? 0 : diag_fail(d, ERR_IO, "connection closed before message completed");
}
