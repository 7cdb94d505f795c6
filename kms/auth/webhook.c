#include "kms/auth/webhook.h"

#include "base/json.h"
#include "base/text.h"

enum { SHOWN_MAX = 512, BODY_MAX = 1 << 20, REDIRECTS = 10 };

static int member_text(const struct json *j, const char *name, struct span *out, struct diag *d)
{
	const struct json *m = json_get(j, name);
	if (!m)
		return diag_fail(d, ERR_INPUT, "missing field `%s`", name);
	if (!json_get_str(j, name, out))
		return diag_fail(d, ERR_INPUT, "field `%s` is not a string", name);
	if (!out->p)
		*out = SPAN_LIT("");
	return 0;
}

int auth_webhook_read_decision(struct arena *a, struct span body, struct auth_decision *out, struct diag *d)
{
	const struct json *j, *allowed;
	int e = json_parse(a, body, &j, d);
	*out = (struct auth_decision){0};
	if (e)
		return e;
	if (!(allowed = json_get(j, "isAllowed")))
		return diag_fail(d, ERR_INPUT, "missing field `isAllowed`");
	if (!json_bool(allowed, &out->allowed))
		return diag_fail(d, ERR_INPUT, "field `isAllowed` is not true or false");
	if ((e = member_text(j, "gatewayAppId", &out->gateway_app_id, d)) || (e = member_text(j, "reason", &out->reason, d)))
		out->allowed = false;
	return e;
}

int auth_webhook_read_info(struct arena *a, struct span body, struct auth_info *out, struct diag *d)
{
	const struct json *j;
	struct span status;
	int e = json_parse(a, body, &j, d);
	*out = (struct auth_info){0};
	if (e || (e = member_text(j, "status", &status, d)) || (e = member_text(j, "kmsContractAddr", &out->kms_contract_address, d)) ||
	    (e = member_text(j, "gatewayAppId", &out->gateway_app_id, d)) ||
	    (e = member_text(j, "appImplementation", &out->app_implementation, d)))
		return e;
	out->has_chain_id = json_get_u64(j, "chainId", &out->chain_id);
	if (!out->has_chain_id)
		return diag_fail(d, ERR_INPUT, "field `chainId` is missing or not an unsigned number");
	json_get_str(j, "ethRpcUrl", &out->eth_rpc_url);
	return 0;
}

/* At most 512 bytes, not through the middle of a character. */
static struct span shown(struct span s)
{
	size_t n = s.n < SHOWN_MAX ? s.n : SHOWN_MAX;
	while (n < s.n && n > 0 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return SPAN(s.p, n);
}

/* *url: as whoever was refused may see it */
static int call(const struct auth_webhook *w, struct arena *a, const char *path, struct span body, const char **url,
		struct http_reply *reply, struct diag *d)
{
	size_t n = strlen(w->url);
	bool slash = n > 0 && w->url[n - 1] == '/';
	const char *whole = path ? arena_fmt(a, "%s%s%s", w->url, slash ? "" : "/", path) : w->url;
	if (!whole)
		return diag_fail(d, ERR_LIMIT, "the URL of the auth API is too long");
	*url = url_public(a, whole);
	struct http_fetch f = {.method = path ? "POST" : "GET",
			       .url = whole,
			       .body = body,
			       .content_type = path ? "application/json" : NULL,
			       .user_agent = "dstack-kms/" UKMS_VERSION,
			       .trust = w->roots ? HTTP_TRUST_ROOTS : HTTP_TRUST_NONE,
			       .roots = w->roots,
			       .proxies = w->proxies,
			       .redirects = REDIRECTS,
			       .timeout_ms = w->timeout_ms,
			       .body_max = BODY_MAX};
	int e = http_fetch(a, &f, reply, d);
	if (e)
		return e;
	if (reply->status < 200 || reply->status > 299) {
		struct span s = shown(reply->body);
		return diag_fail(d, ERR_IO, "auth api %s returned %d %s: %.*s", *url, reply->status, reply->reason, SPAN_FMT(s));
	}
	return 0;
}

static int undecoded(const char *url, const struct http_reply *reply, const struct diag *why, struct diag *d)
{
	struct span s = shown(reply->body);
	return diag_fail(d, ERR_INPUT, "failed to decode response from %s, status=%d %s, body=%.*s: %s", url, reply->status, reply->reason,
			 SPAN_FMT(s), why->text);
}

static int allow(const struct auth_webhook *w, struct arena *a, const char *path, const struct boot_info *b, struct auth_decision *out,
		 struct diag *d)
{
	struct http_reply reply;
	struct diag why = {0};
	const char *url;
	struct span body = boot_info_json(a, b);
	*out = (struct auth_decision){0};
	if (!body.p)
		return diag_fail(d, ERR_LIMIT, "boot info is too large");
	int e = call(w, a, path, body, &url, &reply, d);
	if (!e && auth_webhook_read_decision(a, reply.body, out, &why))
		e = undecoded(url, &reply, &why, d);
	return e;
}

static int allow_app(void *self, struct arena *a, const struct boot_info *b, struct auth_decision *out, struct diag *d)
{
	return allow(self, a, "bootAuth/app", b, out, d);
}

static int allow_kms(void *self, struct arena *a, const struct boot_info *b, struct auth_decision *out, struct diag *d)
{
	return allow(self, a, "bootAuth/kms", b, out, d);
}

static int info(void *self, struct arena *a, struct auth_info *out, struct diag *d)
{
	struct http_reply reply;
	struct diag why = {0};
	const char *url;
	int e = call(self, a, NULL, SPAN(NULL, 0), &url, &reply, d);
	if (!e && auth_webhook_read_info(a, reply.body, out, &why))
		e = undecoded(url, &reply, &why, d);
	return e;
}

struct auth_backend auth_webhook_backend(struct auth_webhook *w)
{
	return (struct auth_backend){allow_app, allow_kms, info, false, w};
}
