#include "kms/client/proxy.h"

#include <arpa/inet.h>

#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include "kms/client/answer.h"

enum { CONNECT_MAX = 16384 };

static int read_one(char *(*env)(const char *), struct arena *a, const char *upper, const char *lower, struct url *out, struct diag *d)
{
	static const char plain[] = "http://";
	const char *name = upper, *value = env(upper);
	if (!value)
		value = env(name = lower);
	if (!value || !*value)
		return 0;
	if (!strstr(value, "://") && !(value = arena_fmt(a, "%s%s", plain, value)))
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if (strncasecmp(value, plain, sizeof plain - 1) != 0)
		return diag_fail(d, ERR_CONFIG, "%s: only proxies at http:// are supported", name);
	value = arena_fmt(a, "%s%s", plain, value + sizeof plain - 1);
	/* The value may hold a password, and so may a sentence about it. */
	if (!value || url_parse(a, value, out, NULL) != 0) {
		out->host = NULL;
		return diag_fail(d, ERR_CONFIG, "%s: not the URL of a proxy", name);
	}
	return 0;
}

int http_proxies_read(struct http_proxies *out, struct arena *a, char *(*env)(const char *name), struct diag *d)
{
	struct url all = {0};
	const char *except = env("NO_PROXY");
	*out = (struct http_proxies){0};
	int e = read_one(env, a, "ALL_PROXY", "all_proxy", &all, d);
	if (!e)
		e = read_one(env, a, "HTTP_PROXY", "http_proxy", &out->http, d);
	if (!e)
		e = read_one(env, a, "HTTPS_PROXY", "https_proxy", &out->https, d);
	if (!out->http.host)
		out->http = all;
	if (!out->https.host)
		out->https = all;
	if (!except)
		except = env("no_proxy");
	out->except = SPAN_STR(except ? except : "");
	return e;
}

/* --- NO_PROXY --------------------------------------------------------------------------------------------------------------------- */

static bool is_separator(uint8_t c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* The next entry of the list; empty at its end. */
static struct span next_entry(struct rd *r)
{
	while (r->left && is_separator(rd_peek(r)))
		rd_skip(r, 1);
	struct span s = {r->p, 0};
	while (r->left && !is_separator(rd_peek(r))) {
		rd_skip(r, 1);
		s.n++;
	}
	return s;
}

/* The bytes of an address: 4, 16, or 0 if it is none. */
static size_t address_of(struct span text, uint8_t out[16])
{
	char copy[INET6_ADDRSTRLEN];
	if (text.n >= sizeof copy)
		return 0;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(AF_INET, copy, out) == 1 ? 4 : inet_pton(AF_INET6, copy, out) == 1 ? 16 : 0;
}

/* entry: an address, or a network with the length of its prefix */
static bool covers_address(struct span entry, struct span host)
{
	uint8_t net[16], at[16];
	const uint8_t *slash = memchr(entry.p, '/', entry.n);
	struct span address = {entry.p, slash ? (size_t)(slash - entry.p) : entry.n};
	size_t n = address_of(address, net);
	uint64_t bits = 8 * n;
	if (n == 0 || address_of(host, at) != n)
		return false;
	if (slash && (!parse_u64(SPAN(slash + 1, entry.n - address.n - 1), &bits) || bits > 8 * n))
		return false;
	size_t whole = (size_t)bits / 8, rest = (size_t)bits % 8;
	return memcmp(net, at, whole) == 0 && (rest == 0 || (net[whole] ^ at[whole]) >> (8 - rest) == 0);
}

static bool covers_name(struct span entry, struct span host)
{
	if (entry.p[0] == '.')
		entry = SPAN(entry.p + 1, entry.n - 1);
	if (entry.n == 0 || entry.n > host.n || strncasecmp((const char *)host.p + host.n - entry.n, (const char *)entry.p, entry.n) != 0)
		return false;
	return entry.n == host.n || host.p[host.n - entry.n - 1] == '.';
}

const struct url *http_proxy_for(const struct http_proxies *p, const struct url *target)
{
	const struct url *proxy = !p ? NULL : target->scheme == URL_HTTP ? &p->http : target->scheme == URL_HTTPS ? &p->https : NULL;
	if (!proxy || !proxy->host)
		return NULL;
	struct span host = SPAN_STR(target->host);
	struct rd r = rd_from(p->except);
	for (struct span entry; (entry = next_entry(&r)).n > 0;)
		if (span_is(entry, "*") || (target->literal ? covers_address : covers_name)(entry, host))
			return NULL;
	return proxy;
}

/* --- CONNECT ---------------------------------------------------------------------------------------------------------------------- */

static int exchange(struct link_to *l, struct span out, struct http_answer *w, struct diag *d)
{
	while (!w->done) {
		uint8_t byte;
		size_t got, left = out.n;
		int e = link_exchange(l, &out, &byte, 1, &got, d);
		if (!e && (got > 0 || left == 0 || out.n > 0))
			e = http_answer_feed(w, SPAN(&byte, got), d);
		if (e)
			return e;
	}
	return 0;
}

int http_proxy_tunnel(struct link_to *l, const struct url *proxy, struct diag *d)
{
	const struct url *u = l->url;
	bool v6 = strchr(u->host, ':') != NULL;
	char *text = arena_alloc(l->arena, CONNECT_MAX);
	const char *to = arena_fmt(l->arena, "%s%s%s:%u", v6 ? "[" : "", u->host, v6 ? "]" : "", u->port);
	struct wr head = wr_to(text, text ? CONNECT_MAX : 0);
	struct http_answer w = {0};
	if (!to)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	wr_fmt(&head, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", to, to);
	if (proxy->basic)
		wr_fmt(&head, "Proxy-Authorization: Basic %s\r\n", proxy->basic);
	wr_str(&head, "\r\n");
	/* Like the answer to HEAD, this one has no body. */
	if (!wr_ok(&head) || http_answer_open(&w, 1, true))
		return diag_fail(d, ERR_LIMIT, "out of memory");
	int e = exchange(l, wr_span(&head), &w, d);
	if (!e && (w.status < 200 || w.status > 299))
		e = diag_fail(d, ERR_IO, "the proxy answered %d %s", w.status, http_reason(w.status));
	http_answer_close(&w);
	return e && e != ERR_TIMEOUT ? diag_wrap(d, e, "tunnel error") : e;
}
