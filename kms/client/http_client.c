#include "kms/client/http_client.h"

#include "base/wr.h"
#include "kms/client/answer.h"
#include "kms/client/link.h"
#include "kms/client/proxy.h"

enum { REQUEST_HEAD_MAX = 16384, BODY_DEFAULT = 16 * 1024 * 1024, CHUNK = 16384 };

static int request_head(struct wr *w, const struct http_fetch *f, const struct url *u, const char *method, struct span body,
			bool same_origin, const struct url *proxy)
{
	/* A proxy that sees the request itself is told the whole URL. */
	bool seen = proxy && u->scheme == URL_HTTP;
	const char *target = u->scheme == URL_UNIX && f->path ? f->path : seen ? u->shown : u->target;
	wr_fmt(w, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\n", method, target, u->authority, f->accept ? f->accept : "*/*");
	if (seen && proxy->basic)
		wr_fmt(w, "Proxy-Authorization: Basic %s\r\n", proxy->basic);
	if (f->user_agent)
		wr_fmt(w, "User-Agent: %s\r\n", f->user_agent);
	if (u->basic)
		wr_fmt(w, "Authorization: Basic %s\r\n", u->basic);
	if (f->content_type && body.n > 0)
		wr_fmt(w, "Content-Type: %s\r\n", f->content_type);
	if (strcmp(method, "POST") == 0 || body.n > 0)
		wr_fmt(w, "Content-Length: %zu\r\n", body.n);
	/* They may carry a token, which is not for another host. */
	if (f->headers && same_origin)
		wr_str(w, f->headers);
	wr_str(w, "Connection: close\r\n\r\n");
	return wr_ok(w) ? 0 : ERR_LIMIT;
}

/* The answer may come before the request is out: a server that refuses it for its size, or is too busy, need not read all of it. */
static int transfer(struct link_to *l, struct span head, struct span body, struct http_answer *w, struct diag *d)
{
	struct span out[2] = {head, body};
	for (size_t part = 0;;) {
		uint8_t chunk[CHUNK];
		size_t got;
		while (part < 2 && out[part].n == 0)
			part++;
		struct span nothing = {NULL, 0}, *now = part < 2 ? &out[part] : &nothing;
		int e = link_exchange(l, now, chunk, sizeof chunk, &got, d);
		if (e)
			return e;
		if (got == 0 && part < 2 && now->n == 0)
			continue;
		e = http_answer_feed(w, SPAN(chunk, got), d);
		if (e || w->done)
			return e;
	}
}

static int hand_out(struct arena *a, const struct http_answer *w, const struct link_to *l, struct http_reply *out, struct diag *d)
{
	*out = (struct http_reply){.status = w->status, .reason = http_reason(w->status)};
	out->headers = arena_dup(a, wr_span(&w->headers));
	out->body = arena_dup(a, wr_span(&w->body));
	if (!out->headers.p || !out->body.p)
		return diag_fail(d, ERR_LIMIT, "no memory for the response");
	if (l->tls) {
		out->leaf = l->tls->peer.cert[0];
		out->spki = l->tls->peer.leaf.spki;
	}
	return 0;
}

/* One request and its answer, no redirects. */
static int exchange(struct arena *a, const struct http_fetch *f, const struct url *u, const char *method, struct span body,
		    bool same_origin, int64_t deadline, struct http_reply *out, struct diag *d)
{
	struct link_to l = {.fd = -1, .deadline = deadline, .arena = a, .how = f, .url = u};
	struct http_answer w = {0};
	uint8_t *head_bytes = arena_alloc(a, REQUEST_HEAD_MAX);
	struct wr head = wr_to(head_bytes, head_bytes ? REQUEST_HEAD_MAX : 0);
	const struct url *proxy = http_proxy_for(f->proxies, u);
	if (request_head(&head, f, u, method, body, same_origin, proxy) != 0)
		return diag_fail(d, ERR_LIMIT, "request head too large");
	if (http_answer_open(&w, f->body_max ? f->body_max : BODY_DEFAULT, strcmp(method, "HEAD") == 0) != 0)
		return diag_fail(d, ERR_LIMIT, "no memory for the response");
	int64_t connect = f->connect_ms ? clock_ms() + f->connect_ms : deadline;
	int e = link_dial(&l, proxy ? proxy : u, connect < deadline ? connect : deadline, d);
	if (!e && proxy && u->scheme == URL_HTTPS)
		e = http_proxy_tunnel(&l, proxy, d);
	if (!e && u->scheme == URL_HTTPS)
		e = link_handshake(&l, d);
	if (e == ERR_TIMEOUT)
		e = diag_fail(d, e, "operation timed out");
	else if (e)
		diag_wrap(d, e, "client error (Connect)");
	if (!e) {
		e = transfer(&l, wr_span(&head), body, &w, d);
		if (e && e != ERR_TIMEOUT && e != ERR_LIMIT)
			diag_wrap(d, e, "client error (SendRequest)");
	}
	if (!e)
		e = hand_out(a, &w, &l, out, d);
	http_answer_close(&w);
	link_close(&l);
	return e;
}

static int check(const struct http_fetch *f, const struct url *u, struct diag *d)
{
	if (f->timeout_ms == 0)
		return diag_fail(d, ERR_CONFIG, "request without a time limit");
	if (u->scheme != URL_HTTPS)
		return f->trust == HTTP_TRUST_PIN || f->trust == HTTP_TRUST_CAPTURE
			       ? diag_fail(d, ERR_CONFIG, "not an https URL: %s", u->shown)
			       : 0;
	if (f->trust == HTTP_TRUST_NONE || (f->trust == HTTP_TRUST_ROOTS && !f->roots))
		return diag_fail(d, ERR_CONFIG, "no trust anchors for %s", u->shown);
	return 0;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

int http_fetch(struct arena *a, const struct http_fetch *f, struct http_reply *out, struct diag *d)
{
	*out = (struct http_reply){0};
	struct url u;
	int e = url_parse(a, f->url, &u, d);
	if (!e)
		e = check(f, &u, d);
	if (e)
		return e;
	int64_t deadline = clock_ms() + f->timeout_ms;
	const char *method = f->method ? f->method : "GET", *first = u.shown;
	struct span body = f->body;
	bool same_origin = true, fixed_peer = f->trust == HTTP_TRUST_PIN || f->trust == HTTP_TRUST_CAPTURE;
	for (unsigned hops = 0;; hops++) {
		e = exchange(a, f, &u, method, body, same_origin, deadline, out, d);
		struct span to;
		if (e || f->redirects == 0 || fixed_peer || !is_redirect(out->status) ||
		    !fetched_header(&(struct fetched){.headers = out->headers}, "location", &to))
			break;
		if (hops >= f->redirects) {
			e = diag_fail(d, ERR_REFUSED, "too many redirects");
			break;
		}
		struct url next;
		const char *joined = url_join(a, &u, to);
		e = joined ? url_parse(a, joined, &next, d) : diag_fail(d, ERR_LIMIT, "out of memory");
		if (!e && next.scheme != URL_HTTP && next.scheme != URL_HTTPS)
			e = diag_fail(d, ERR_REFUSED, "redirect to %s", next.shown);
		if (!e && u.scheme == URL_HTTPS && next.scheme == URL_HTTP)
			e = diag_fail(d, ERR_REFUSED, "redirect from https to %s", next.shown);
		if (!e)
			e = check(f, &next, d);
		if (e)
			break;
		same_origin = same_origin && next.scheme == u.scheme && strcmp(next.authority, u.authority) == 0;
		if (out->status == 303 || ((out->status == 301 || out->status == 302) && strcmp(method, "POST") == 0)) {
			method = strcmp(method, "HEAD") == 0 ? method : "GET";
			body = SPAN(NULL, 0);
		}
		u = next;
	}
	if (e)
		*out = (struct http_reply){0};
	return e ? diag_wrap(d, e, "error sending request for url (%s)", first) : 0;
}

static int fetcher_get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	const struct http_means *m = self;
	struct http_reply r;
	const struct http_fetch f = {
		.method = "GET",
		.url = url,
		.trust = m->roots ? HTTP_TRUST_ROOTS : HTTP_TRUST_SIGNED,
		.roots = m->roots,
		.proxies = m->proxies,
		.redirects = 10,
		.timeout_ms = timeout_ms > 0 ? (unsigned)timeout_ms : 0,
	};
	int e = http_fetch(a, &f, &r, d);
	*out = (struct fetched){.status = r.status, .body = r.body, .headers = r.headers};
	return e;
}

struct fetcher http_fetcher(const struct http_means *means)
{
	return (struct fetcher){.get = fetcher_get, .self = (void *)(uintptr_t)means};
}
