#include <stdio.h>

#include "kms/server/conn.h"
#include "kms/client/http_client.h"

enum { HEAD_MAX = 4096 };

static void count(int status)
{
	if (status >= 100 && status < 600)
		metric_add(&server_series.answers[status / 100], 1);
}

/* The head into w; the Content-Length is the body's also where the body is left out (HEAD). */
static void write_head(struct wr *w, const struct server_config *cfg, const struct http_response *r, bool close)
{
	wr_fmt(w, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n", r->status, http_reason(r->status), r->body.n);
	if (r->content_type)
		wr_fmt(w, "Content-Type: %s\r\n", r->content_type);
	wr_str(w, "X-Content-Type-Options: nosniff\r\n");
	if (cfg->headers)
		wr_str(w, cfg->headers);
	if (r->extra)
		wr_str(w, r->extra);
	if (close)
		wr_str(w, "Connection: close\r\n");
	wr_str(w, "\r\n");
}

void answer_build(struct conn *c, const struct http_response *r)
{
	struct slot *s = c->slot;
	struct server *srv = c->loop->server;
	uint8_t head_bytes[HEAD_MAX];
	struct wr head = wr_to(head_bytes, sizeof head_bytes);
	bool no_body = s->req.method == HTTP_HEAD_;
	bool close = r->close || r->shutdown || c->close_after || srv->stopping || !s->parser.keep_alive;

	write_head(&head, &srv->cfg, r, close);
	size_t body = no_body ? 0 : r->body.n, total = head.len + body;
	uint8_t *at = s->store;
	if (total > sizeof s->store) {
		at = NULL;
		if (budget_take(&srv->bodies, total)) {
			c->big_charged = total;
			if (arena_open(&c->big_out, total) == 0)
				at = arena_alloc(&c->big_out, total);
		}
	}
	if (!at || !wr_ok(&head)) {
		answer_free(c);
		metric_add(&server_series.memory_full, 1);
		answer_plain(c, wr_ok(&head) ? 503 : 500, true);
		return;
	}
	count(r->status);
	c->close_after = close;
	c->shutdown = r->shutdown;
	/* The body may lie in the store, as a part of the request. */
	if (body > 0)
		memmove(at + head.len, r->body.p, body);
	memcpy(at, head.p, head.len);
	c->out = SPAN(at, total);
	c->out_mark = total;

	request_end(c);
	if (at == s->store && total > s->store_high)
		s->store_high = total;
}

void answer_plain(struct conn *c, int status, bool close)
{
	char text[64];
	snprintf(text, sizeof text, "%d %s\n", status, http_reason(status));
	const struct http_response r = {
		.status = status,
		.content_type = "text/plain; charset=utf-8",
		.extra = status == 503 ? "Retry-After: 1\r\n" : NULL,
		.body = SPAN_STR(text),
		.close = close,
	};
	answer_build(c, &r);
}

void answer_free(struct conn *c)
{
	arena_close(&c->big_out);
	budget_give(&c->loop->server->bodies, c->big_charged);
	c->big_charged = 0;
	c->out = SPAN(NULL, 0);
}
