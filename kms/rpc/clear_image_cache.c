#include "base/text.h"
#include "base/wipe.h"
#include "crypto/hash.h"
#include "kms/rpc/rpc.h"

/* Section 8.7. Images are checked against signed measurements and nothing is downloaded, so there is no cache: a well-formed request is
 * answered with success. */
static bool is_cache_key(struct span s)
{
	if (s.n == 0 || span_is(s, "all"))
		return true;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return true;
}

int rpc_clear_image_cache(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct clear_image_cache_request *req = request;
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	(void)response;
	bool configured = hex_decode(SPAN_STR(c->kms->config->admin_token_hash), want, sizeof want) == sizeof want;
	sha256(req->token, got);
	if (!configured || !equal_ct(want, got, sizeof got))
		return diag_fail(d, ERR_REFUSED, "Invalid token");
	if (!is_cache_key(req->image_hash))
		return diag_fail(d, ERR_INPUT, "Failed to clear image cache: Invalid cache key");
	if (!is_cache_key(req->config_hash))
		return diag_fail(d, ERR_INPUT, "Failed to clear measurement cache: Invalid cache key");
	return 0;
}

int rpc_admin_clear_image_cache(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct clear_image_cache_request *req = request;
	(void)c;
	(void)response;
	if (!is_cache_key(req->image_hash))
		return diag_fail(d, ERR_INPUT, "failed to clear image cache: invalid cache key");
	if (!is_cache_key(req->config_hash))
		return diag_fail(d, ERR_INPUT, "failed to clear measurement cache: invalid cache key");
	return 0;
}
