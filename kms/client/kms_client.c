#include "kms/client/kms_client.h"

const char *kms_client_base(struct arena *a, struct span url)
{
	static const char suffix[] = "/prpc";
	size_t n = sizeof suffix - 1;
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	bool has = url.n >= n && memcmp(url.p + url.n - n, suffix, n) == 0;
	return arena_fmt(a, "%.*s%s", SPAN_FMT(url), has ? "" : suffix);
}

/* Not a refusal: whoever answers has no time (our full queue), or no KMS behind it at the moment. */
static bool comes_later(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

int kms_client_call(const struct kms_client *c, struct arena *a, const char *method, const struct message *request, const void *in,
		    const struct message *response, void *out, struct http_reply *reply, struct diag *d)
{
	struct http_reply own = {0};
	struct http_reply *r = reply ? reply : &own;
	const char *url = arena_fmt(a, "%s/%s?json", c->base, method);
	struct span body = message_to_json(request, a, in);
	if (!url || !body.p)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	struct http_fetch f = {.method = "POST",
			       .url = url,
			       .body = body,
			       .trust = c->trust,
			       .roots = c->roots,
			       .pin_spki = c->pin_spki,
			       .identity = c->identity,
			       .proxies = c->proxies,
			       .connect_ms = 5000,
			       .timeout_ms = c->timeout_ms};
	int e = http_fetch(a, &f, r, d);
	if (e)
		return e;
	if (r->status < 200 || r->status > 299)
		return diag_fail(d, comes_later(r->status) ? ERR_IO : ERR_REFUSED, "Request failed with status=%d %s, error=%.*s",
				 r->status, r->reason, SPAN_FMT(r->body));
	e = message_from_json(response, a, r->body, out, d);
	return e ? diag_wrap(d, e, "Failed to decode response of %s", method) : 0;
}
