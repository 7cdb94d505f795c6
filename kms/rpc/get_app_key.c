#include "kms/rpc/boot_check.h"

/* Section 8.3 */
int rpc_get_app_key(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct get_app_key_request *req = request;
	struct app_key_response *resp = response;
	const struct kms *k = c->kms;
	struct boot_info *b = arena_alloc(c->a, sizeof *b);
	uint8_t *disk = arena_alloc(c->a, DERIVED_LEN), *env = arena_alloc(c->a, DERIVED_LEN);
	uint8_t *key = arena_alloc(c->a, SECP_KEY_LEN), *sig = arena_alloc(c->a, SECP_SIG_LEN);
	struct auth_decision answer;
	int e;
	if (req->api_version > 1)
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported API version: %u", req->api_version);
	if (!b || !disk || !env || !key || !sig)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = boot_self_check(c, d)))
		return e;
	if ((e = boot_check(c, c->attested ? &c->caller : NULL, BOOT_APP, false, req->vm_config, b, &answer, d)))
		return diag_wrap(d, e, "App not allowed");
	if ((e = boot_platform_gate(k->config, b->variant, d)) ||
	    (e = derive_disk_key(&k->id.keys.root, b->app_id, b->instance_id, disk, d)) ||
	    (e = derive_env_key(&k->id.keys.root, b->app_id, env, d)) || (e = derive_k256(&k->id.keys.root, b->app_id, key, sig, d)))
		return e;
	*resp = (struct app_key_response){
		.ca_cert = k->id.root_ca_pem,
		.disk_crypt_key = SPAN(disk, DERIVED_LEN),
		.env_crypt_key = SPAN(env, DERIVED_LEN),
		.k256_key = SPAN(key, SECP_KEY_LEN),
		.k256_signature = SPAN(sig, SECP_SIG_LEN),
		.tproxy_app_id = answer.gateway_app_id,
		.gateway_app_id = answer.gateway_app_id,
		.os_image_hash = b->os_image_hash,
	};
	return 0;
}
