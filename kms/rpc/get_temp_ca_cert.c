#include "kms/rpc/boot_check.h"

/* Section 8.6: open to everybody by design, private key included; what the temp CA signs proves nothing but the evidence inside it. */
int rpc_get_temp_ca_cert(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	struct get_temp_ca_cert_response *resp = response;
	struct kms *k = c->kms;
	enum variant own;
	(void)request;
	int e = boot_self_check(c, d);
	if (!e && boot_self_variant(k, &own))
		e = boot_platform_gate(k->config, own, d);
	if (e)
		return e;
	*resp = (struct get_temp_ca_cert_response){k->id.temp_ca_pem, k->id.temp_ca_key_pem, k->id.root_ca_pem};
	return 0;
}
