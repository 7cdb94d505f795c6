#include "kms/client/url.h"

#include <arpa/inet.h>

#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"

enum { URL_MAX = 8192 };

static const struct {
	const char *prefix;
	uint16_t port;
} schemes[] = {[URL_HTTP] = {"http://", 80}, [URL_HTTPS] = {"https://", 443}, [URL_UNIX] = {"unix:", 0}, [URL_VSOCK] = {"vsock://", 0}};

/* Bytes up to the first of stops; the stop is left. */
static struct span until(struct rd *r, const char *stops)
{
	struct span s = {r->p, 0};
	while (r->left > 0 && !strchr(stops, rd_peek(r))) {
		rd_skip(r, 1);
		s.n++;
	}
	return s;
}

static char *lower_dup(struct arena *a, struct span s)
{
	char *to = (char *)(uintptr_t)arena_dup(a, s).p;
	for (char *c = to; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	return to;
}

static bool host_ok(struct span h, bool bracketed)
{
	for (size_t i = 0; i < h.n; i++) {
		uint8_t c = h.p[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
			  (bracketed && c == ':');
		if (!ok)
			return false;
	}
	return h.n > 0 && h.n <= 253;
}

/* user:password with percent escapes decoded, as base64 */
static const char *basic_auth(struct arena *a, struct span info)
{
	uint8_t *to = arena_alloc(a, info.n + 1);
	size_t n = 0;
	struct rd r = rd_from(info);
	bool colon = false;
	while (to && r.left > 0) {
		uint8_t c = rd_u8(&r);
		struct rd look = r;
		uint8_t v;
		if (c == '%' && hex_decode(rd_bytes(&look, 2), &v, 1) == 1) {
			c = v;
			r = look;
		}
		colon |= c == ':';
		to[n++] = c;
	}
	if (to && !colon)
		to[n++] = ':';
	return to ? base64_encode_in(a, SPAN(to, n)) : NULL;
}

static int parse_authority(struct arena *a, struct rd *r, struct url *u, const char *text, struct diag *d)
{
	struct rd whole = *r;
	struct span authority = until(&whole, "/?#");
	const uint8_t *at = authority.n > 0 ? memrchr(authority.p, '@', authority.n) : NULL;
	if (at) {
		struct span info = rd_bytes(r, (size_t)(at - authority.p));
		rd_skip(r, 1);
		u->basic = basic_auth(a, info);
	}
	bool bracketed = rd_peek(r) == '[';
	if (bracketed)
		rd_skip(r, 1);
	struct span host = until(r, bracketed ? "]/?#" : ":/?#");
	if (bracketed && rd_u8(r) != ']')
		return diag_fail(d, ERR_CONFIG, "invalid URL %s", text);
	u->port = schemes[u->scheme].port;
	uint64_t port;
	if (rd_peek(r) == ':') {
		rd_skip(r, 1);
		struct span digits = until(r, "/?#");
		if (digits.n > 0) {
			if (!parse_u64(digits, &port) || port > UINT16_MAX)
				return diag_fail(d, ERR_CONFIG, "invalid port in URL %s", text);
			u->port = (uint16_t)port;
		}
	}
	if (!host_ok(host, bracketed) || (r->left > 0 && !strchr("/?#", rd_peek(r))))
		return diag_fail(d, ERR_CONFIG, "invalid URL %s", text);
	u->host = lower_dup(a, host);
	if (!u->host)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	struct in6_addr any;
	bool v6 = inet_pton(AF_INET6, u->host, &any) == 1;
	u->literal = v6 || inet_pton(AF_INET, u->host, &any) == 1;
	if (bracketed && !v6)
		return diag_fail(d, ERR_CONFIG, "invalid URL %s", text);
	const char *open = bracketed ? "[" : "", *close = bracketed ? "]" : "";
	u->authority = u->port == schemes[u->scheme].port ? arena_fmt(a, "%s%s%s", open, u->host, close)
							  : arena_fmt(a, "%s%s%s:%u", open, u->host, close, u->port);
	return 0;
}

/* The path and query with "." and ".." segments resolved (RFC 3986, 5.2.4); NULL when full. target: begins with '/' or '?', or is empty. */
static const char *resolve_dots(struct arena *a, struct span target)
{
	uint8_t *to = arena_alloc(a, target.n + 2);
	if (!to)
		return NULL;
	struct wr w = wr_to(to, target.n + 2);
	struct rd r = rd_from(target);
	do {
		if (rd_peek(&r) == '/')
			rd_skip(&r, 1);
		struct span segment = until(&r, "/?");
		bool last = rd_peek(&r) != '/', up = span_is(segment, "..");
		wr_u8(&w, '/');
		if (up || span_is(segment, ".")) {
			w.len--;
			while (up && w.len > 0 && to[--w.len] != '/')
				;
			if (last)
				wr_u8(&w, '/');
		} else
			wr_put(&w, segment);
	} while (rd_peek(&r) == '/');
	wr_put(&w, rd_rest(&r));
	wr_u8(&w, '\0');
	return wr_ok(&w) ? (const char *)to : NULL;
}

int url_parse(struct arena *a, const char *text, struct url *out, struct diag *d)
{
	*out = (struct url){0};
	const char *public = url_public(a, text);
	size_t n = strlen(text), skip = 0;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (span_starts(SPAN(text, n), schemes[i].prefix)) {
			out->scheme = (enum url_scheme)i;
			skip = strlen(schemes[i].prefix);
		}
	if (skip == 0)
		return diag_fail(d, ERR_CONFIG, "URL scheme is not supported: %s", public);
	if (n > URL_MAX)
		return diag_fail(d, ERR_CONFIG, "URL too long");
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)text[i] <= ' ' || (uint8_t)text[i] >= 0x7f)
			return diag_fail(d, ERR_CONFIG, "URL with characters that must be escaped");
	struct rd r = rd_from(SPAN(text + skip, n - skip));
	if (out->scheme == URL_UNIX) {
		struct span path = rd_rest(&r);
		if (path.n == 0)
			return diag_fail(d, ERR_CONFIG, "no socket path in URL %s", public);
		out->host = (const char *)arena_dup(a, path).p;
		out->authority = "localhost";
		out->target = "/";
		out->shown = text;
		return out->host ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
	}
	int e = parse_authority(a, &r, out, public, d);
	if (e)
		return e;
	struct span target = until(&r, "#");
	out->target = resolve_dots(a, target);
	out->shown =
		arena_fmt(a, "%s%s%s", schemes[out->scheme].prefix, out->authority ? out->authority : "", out->target ? out->target : "");
	if (!out->authority || !out->target || !out->shown)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	return 0;
}

const char *url_join(struct arena *a, const struct url *base, struct span location)
{
	const char *prefix = schemes[base->scheme].prefix;
	if (span_starts(location, "http://") || span_starts(location, "https://"))
		return arena_fmt(a, "%.*s", SPAN_FMT(location));
	if (span_starts(location, "//"))
		return arena_fmt(a, "%.*s%.*s", (int)strlen(prefix) - 2, prefix, SPAN_FMT(location));
	if (span_starts(location, "/"))
		return arena_fmt(a, "%s%s%.*s", prefix, base->authority, SPAN_FMT(location));
	size_t dir = strcspn(base->target, "?");
	while (!span_starts(location, "?") && dir > 1 && base->target[dir - 1] != '/')
		dir--;
	return arena_fmt(a, "%s%s%.*s%.*s", prefix, base->authority, (int)dir, base->target, SPAN_FMT(location));
}
