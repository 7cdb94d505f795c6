#include "kms/server/http_parser.h"

#include <strings.h>

#include "base/rd.h"
#include "base/wipe.h"

/* The body's memory is charged in steps, since its length need not be known ahead. Chunks of one byte take 6 bytes on the wire; extensions
 * and trailers have no bound of their own. */
enum { CHARGE_STEP = 64 * 1024, FRAMING = 8 };

static struct http_parser *self(llhttp_t *ll)
{
	return ll->data;
}

/* Any non-zero value stops llhttp; what happened is in the parser. */
static int stop(struct http_parser *p, int status)
{
	p->bad_status = status;
	return HPE_USER;
}

static int put(struct http_parser *p, struct span *to, const char *at, size_t n)
{
	if (to->n == 0)
		to->p = p->store.p + p->store.len;
	wr_bytes(&p->store, at, n);
	if (!wr_ok(&p->store))
		return stop(p, 431);
	to->n += n;
	return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
	return put(self(ll), &self(ll)->req->path, at, n);
}

static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = self(ll);
	for (size_t i = 0; i < n && p->name_len < sizeof p->name; i++) {
		char c = at[i];
		p->name[p->name_len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return 0;
}

/* Where the value of the header under way goes: one of the request's spans, a scratch span for Expect, or nowhere. The first of a repeated
 * one counts. */
static int on_header_field_complete(llhttp_t *ll)
{
	struct http_parser *p = self(ll);
	struct http_request *q = p->req;
	const struct {
		const char *name;
		struct span *value;
	} wanted[] = {
		{"content-type", &q->content_type},
		{"accept", &q->accept},
		{"authorization", &q->authorization},
		{"x-admin-token", &q->x_admin_token},
	};
	struct span name = SPAN(p->name, p->name_len);
	p->value = NULL;
	p->expect = !p->head_done && span_is(name, "expect");
	if (!p->head_done)
		for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
			if (span_is(name, wanted[i].name) && wanted[i].value->p == NULL)
				p->value = wanted[i].value;
	p->name_len = 0;
	return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = self(ll);
	if (p->expect && p->name_len + n <= sizeof p->name) {
		memcpy(p->name + p->name_len, at, n);
		p->name_len += n;
	} else if (p->expect) {
		return stop(p, 417);
	}
	return p->value ? put(p, p->value, at, n) : 0;
}

static int on_header_value_complete(llhttp_t *ll)
{
	struct http_parser *p = self(ll);
	if (p->expect) {
		if (p->name_len != 12 || strncasecmp(p->name, "100-continue", 12) != 0)
			return stop(p, 417);
		p->waiting = true;
	}
	p->name_len = 0;
	return 0;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Splits the target into path and query and decodes the path in place (it only gets shorter). A '%' that begins no escape stands for
 * itself, and so does an escaped slash or NUL: it separates no segments and ends no name. */
static bool split_target(struct http_request *q)
{
	struct rd r = rd_from(q->path);
	uint8_t *path = (uint8_t *)(uintptr_t)q->path.p;
	struct span whole = q->path;
	for (size_t skip = span_starts(whole, "http://") ? 7 : span_starts(whole, "https://") ? 8 : 0; skip > 0; skip = 0) {
		rd_skip(&r, skip);
		while (r.left > 0 && rd_peek(&r) != '/' && rd_peek(&r) != '?')
			rd_skip(&r, 1);
		if (rd_peek(&r) != '/')
			return false;
	}
	if (rd_peek(&r) != '/')
		return false;

	size_t n = 0;
	while (r.left > 0 && rd_peek(&r) != '?' && rd_peek(&r) != '#') {
		uint8_t c = rd_u8(&r);
		struct rd look = r;
		int hi = hex_digit(rd_u8(&look)), lo = hex_digit(rd_u8(&look));
		int escaped = c == '%' && rd_ok(&look) && hi >= 0 && lo >= 0 ? hi << 4 | lo : 0;
		if (escaped != 0 && escaped != '/') {
			c = (uint8_t)escaped;
			r = look;
		}
		path[n++] = c;
	}
	q->path.p = path;
	q->path.n = n;
	if (rd_peek(&r) == '?') {
		rd_skip(&r, 1);
		q->query = rd_rest(&r);
		const uint8_t *hash = q->query.n > 0 ? memchr(q->query.p, '#', q->query.n) : NULL;
		if (hash)
			q->query.n = (size_t)(hash - q->query.p);
	}
	return true;
}

static int on_headers_complete(llhttp_t *ll)
{
	struct http_parser *p = self(ll);
	p->head_done = true;
	if (ll->http_major != 1 || ll->http_minor > 1 || ll->method == HTTP_CONNECT)
		return stop(p, 400);
	ll->upgrade = 0; /* an offer to change the protocol is not taken up (RFC 9110, 7.8) */
	if (!split_target(p->req))
		return stop(p, 400);
	p->req->method = ll->method == HTTP_GET    ? HTTP_GET_
			 : ll->method == HTTP_HEAD ? HTTP_HEAD_
			 : ll->method == HTTP_POST ? HTTP_POST_
						   : HTTP_OTHER;
	bool has_length = (ll->flags & F_CONTENT_LENGTH) != 0, chunked = (ll->flags & F_CHUNKED) != 0;
	if (has_length && ll->content_length > p->body_max)
		p->too_large = true;
	p->body_at = p->store.len;
	if (!(has_length && ll->content_length > 0) && !chunked)
		p->waiting = false;
	if (ll->http_minor == 0)
		p->waiting = false;
	if (p->too_large || p->waiting)
		return HPE_PAUSED;
	return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parser *p = self(ll);
	if (n > p->body_max - p->body_len) {
		p->too_large = true;
		return HPE_PAUSED;
	}
	if (p->body.p == NULL && n <= p->store.cap - p->body_at - p->body_len) {
		memcpy(p->store.p + p->body_at + p->body_len, at, n);
		p->body_len += n;
		return 0;
	}
	/* Pages of the mapping that are never written cost nothing, so the bound can be reserved at once. */
	if (p->body.p == NULL && arena_open(&p->body, p->body_max) != 0)
		return stop(p, 503);
	while (p->charged < p->body_len + n) {
		if (!budget_take(p->budget, CHARGE_STEP))
			return stop(p, 503);
		p->charged += CHARGE_STEP;
	}
	if (p->body.used == 0 && p->body_len > 0) {
		memcpy(p->body.p, p->store.p + p->body_at, p->body_len);
		wipe(p->store.p + p->body_at, p->body_len);
	}
	memcpy(p->body.p + p->body_len, at, n);
	p->body_len += n;
	p->body.used = p->body_len;
	return 0;
}

static int on_message_complete(llhttp_t *ll)
{
	struct http_parser *p = self(ll);
	p->keep_alive = llhttp_should_keep_alive(ll) && ll->http_minor == 1;
	p->req->body = p->body.p ? SPAN(p->body.p, p->body_len) : SPAN(p->store.p + p->body_at, p->body_len);
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void http_parser_start(struct http_parser *p, struct http_request *req, void *store, size_t cap, const struct http_bounds *bounds,
		       struct budget *budget)
{
	*p = (struct http_parser){.req = req,
				  .store = wr_to(store, cap),
				  .head_max = bounds->head,
				  .body_max = bounds->body,
				  .wire_left = bounds->head + FRAMING * bounds->body,
				  .budget = budget};
	*req = (struct http_request){0};
	llhttp_init(&p->ll, HTTP_REQUEST, &settings);
	p->ll.data = p;
}

bool http_parser_fresh(const struct http_parser *p)
{
	return p->head_used == 0;
}

enum http_step http_parser_feed(struct http_parser *p, struct span in, size_t *taken)
{
	*taken = 0;
	do {
		size_t n = in.n - *taken;
		if (!p->head_done && n > p->head_max - p->head_used)
			n = p->head_max - p->head_used;
		if (n > p->wire_left)
			n = p->wire_left;
		const char *at = (const char *)in.p + *taken;
		bool in_head = !p->head_done;
		llhttp_errno_t e = llhttp_execute(&p->ll, at, n);
		size_t used = e == HPE_OK ? n : (size_t)(llhttp_get_error_pos(&p->ll) - at);
		*taken += used;
		if (in_head)
			p->head_used += used;
		p->wire_left -= used;

		if (p->bad_status)
			return HTTP_BAD;
		if (p->too_large) {
			p->req->body_too_large = true;
			return HTTP_TOO_LARGE;
		}
		if (e == HPE_PAUSED && p->waiting) {
			p->waiting = false;
			llhttp_resume(&p->ll);
			/* A client that already sends its body does not wait. */
			if (*taken == in.n)
				return HTTP_CONTINUE;
			continue;
		}
		if (e == HPE_PAUSED)
			return HTTP_COMPLETE;
		if (e != HPE_OK) {
			p->bad_status = 400;
			return HTTP_BAD;
		}
		if (p->wire_left == 0 || (!p->head_done && p->head_used == p->head_max)) {
			p->bad_status = 431;
			return HTTP_BAD;
		}
	} while (*taken < in.n);
	return HTTP_MORE;
}

size_t http_parser_stored(const struct http_parser *p)
{
	return p->store.len + (p->body.p ? 0 : p->body_len);
}

void http_parser_end(struct http_parser *p)
{
	arena_close(&p->body);
	budget_give(p->budget, p->charged);
	*p = (struct http_parser){0};
}
