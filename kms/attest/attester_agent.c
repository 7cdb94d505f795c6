#include "kms/attest/attester_agent.h"

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "kms/client/http_client.h"

enum { TIMEOUT_MS = 60000 };

static int call(struct attester_agent *g, struct arena *a, const char *what, struct span body, const struct json **out, struct diag *d)
{
	bool is_unix = strncmp(g->url, "unix:", 5) == 0;
	size_t n = strlen(g->url);
	while (n && g->url[n - 1] == '/')
		n--;
	const char *path = arena_fmt(a, "/%s?json", what), *url = is_unix ? g->url : arena_fmt(a, "%.*s/%s?json", (int)n, g->url, what);
	struct http_reply reply;
	if (!path || !url)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	struct http_fetch f = {.method = "POST",
			       .url = url,
			       .path = is_unix ? path : NULL,
			       .body = body,
			       .content_type = "application/json",
			       .timeout_ms = TIMEOUT_MS};
	pthread_mutex_lock(&g->lock);
	int e = http_fetch(a, &f, &reply, d);
	pthread_mutex_unlock(&g->lock);
	if (e)
		return e;
	if (reply.status != 200)
		return diag_fail(d, ERR_IO, "Invalid status code: %d, path=%s?json", reply.status, what);
	if ((e = json_parse(a, reply.body, out, d)))
		return diag_wrap(d, e, "Failed to deserialize response");
	return 0;
}

static int attest(void *self, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d)
{
	const struct json *j;
	struct span hex;
	const char *data = hex_encode_in(a, SPAN(report_data, 64));
	const char *body = data ? arena_fmt(a, "{\"report_data\":\"%s\"}", data) : NULL;
	if (!body)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	int e = call(self, a, "Attest", SPAN_STR(body), &j, d);
	if (e)
		return e;
	if (!json_get_str(j, "attestation", &hex))
		return diag_fail(d, ERR_INPUT, "Failed to deserialize response: missing field `attestation`");
	*container = hex_decode_in(a, hex);
	return container->n ? 0 : diag_fail(d, ERR_INPUT, "Failed to deserialize response: `attestation` is not hex");
}

static int vm_config(void *self, struct arena *a, struct span *out, struct diag *d)
{
	const struct json *j;
	int e = call(self, a, "Info", SPAN_LIT("null"), &j, d);
	if (e)
		return e;
	return json_get_str(j, "vm_config", out) ? 0 : diag_fail(d, ERR_INPUT, "Failed to deserialize response: missing field `vm_config`");
}

int attester_agent_init(struct attester_agent *g, const char *address, struct diag *d)
{
	static const char first[] = "/var/run/dstack/dstack.sock", second[] = "/var/run/dstack.sock";
	pthread_mutex_init(&g->lock, NULL);
	if (!address || !*address)
		address = access(first, F_OK) != 0 && access(second, F_OK) == 0 ? "unix:/var/run/dstack.sock"
										: "unix:/var/run/dstack/dstack.sock";
	size_t n = strlen(address);
	if (n >= sizeof g->url)
		return diag_fail(d, ERR_CONFIG, "DSTACK_AGENT_ADDRESS: more than %zu bytes", sizeof g->url - 1);
	memcpy(g->url, address, n + 1);
	return 0;
}

struct attester attester_agent_attester(struct attester_agent *g)
{
	return (struct attester){attest, vm_config, g};
}
