#include "base/wipe.h"
#include "crypto/x25519.h"
#include "kms/rpc/boot_check.h"

enum { APP_ID_LEN = 20 };

/* Section 8.4 */
int rpc_get_app_env_encrypt_pub_key(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct app_id *req = request;
	struct public_key_response *resp = response;
	const struct root_keys *root = &c->kms->id.keys.root;
	uint8_t secret[DERIVED_LEN];
	uint8_t *pub = arena_alloc(c->a, 32), *legacy = arena_alloc(c->a, SECP_SIG_LEN), *v1 = arena_alloc(c->a, SECP_SIG_LEN);
	int e = boot_self_check(c, d);
	if (e)
		return e;
	if (req->app_id.n != APP_ID_LEN)
		return diag_fail(d, ERR_INPUT, "app_id must be 20 bytes");
	if (!pub || !legacy || !v1)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = derive_env_key(root, req->app_id, secret, d)))
		return e;
	x25519_public(secret, pub);
	wipe(secret, sizeof secret);
	if ((e = derive_sign_env(root, req->app_id, pub, legacy, (uint64_t)c->now, v1, d)))
		return e;
	*resp = (struct public_key_response){SPAN(pub, 32), SPAN(legacy, SECP_SIG_LEN), (uint64_t)c->now, SPAN(v1, SECP_SIG_LEN)};
	return 0;
}
