#include "kms/rpc/rpc.h"

/* Section 8.5 */
int rpc_get_meta(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	struct get_meta_response *resp = response;
	const struct kms *k = c->kms;
	struct bootstrap_response *info = NULL;
	struct auth_info auth;
	(void)request;
	if (k->id.bootstrap_info.n) {
		struct diag unread;
		info = arena_alloc(c->a, sizeof *info);
		if (!info)
			return diag_fail(d, ERR_LIMIT, "out of memory");
		if (message_from_json(&message_bootstrap_response, c->a, k->id.bootstrap_info, info, &unread))
			info = NULL;
	}
	int e = k->auth.info(k->auth.self, c->a, &auth, d);
	if (e)
		return e;
	*resp = (struct get_meta_response){
		.ca_cert = k->id.root_ca_pem,
		.allow_any_upgrade = k->auth.is_dev,
		.k256_pubkey = SPAN_ARR(k->id.k256_pub),
		.bootstrap_info = info,
		.is_dev = k->auth.is_dev,
		.gateway_app_id = auth.gateway_app_id,
		.kms_contract_address = auth.kms_contract_address,
		.chain_id = {auth.has_chain_id, auth.chain_id},
		.app_auth_implementation = auth.app_implementation,
	};
	return 0;
}
