/* Proxy variables: the first line is ALL_PROXY, the second NO_PROXY, the rest a URL to reach. */
#include <stdio.h>

#include "kms/client/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char all[512], except[512];

static char *env(const char *name)
{
	return strcmp(name, "ALL_PROXY") == 0 ? all : strcmp(name, "NO_PROXY") == 0 ? except : NULL;
}

static struct span line(struct span *rest)
{
	const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct span s = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
	*rest = SPAN(s.p + s.n, rest->n - s.n);
	if (end)
		*rest = SPAN(rest->p + 1, rest->n - 1);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[32768];
	struct arena a = arena_over(block, sizeof block);
	struct span rest = {data, size};
	struct http_proxies p;
	struct diag d = {0};
	struct url u;
	char target[512];
	struct span first = line(&rest), second = line(&rest);
	snprintf(all, sizeof all, "%.*s", SPAN_FMT(first));
	snprintf(except, sizeof except, "%.*s", SPAN_FMT(second));
	snprintf(target, sizeof target, "%.*s", SPAN_FMT(rest));
	if (http_proxies_read(&p, &a, env, &d) || url_parse(&a, target, &u, &d))
		return 0;
	const struct url *proxy = http_proxy_for(&p, &u);
	if (proxy && (!proxy->host || strcmp(except, "*") == 0 || (u.scheme != URL_HTTP && u.scheme != URL_HTTPS)))
		__builtin_trap();
	return 0;
}
