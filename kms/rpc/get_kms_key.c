#include "base/wipe.h"
#include "crypto/pem.h"
#include "kms/rpc/boot_check.h"

/* Section 8.6: the root keys, for another KMS that policy allows. */
int rpc_get_kms_key(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct get_kms_key_request *req = request;
	struct kms_key_response *resp = response;
	const struct kms *k = c->kms;
	struct boot_info *b = arena_alloc(c->a, sizeof *b);
	struct kms_keys *keys = arena_alloc(c->a, sizeof *keys);
	struct auth_decision answer;
	uint8_t der[P256_PKCS8_LEN];
	int e;
	if (!b || !keys)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = boot_self_check(c, d)) ||
	    (e = boot_check(c, c->attested ? &c->caller : NULL, BOOT_KMS, false, req->vm_config, b, &answer, d)) ||
	    (e = boot_platform_gate(k->config, b->variant, d)))
		return e;
	p256_pkcs8(&k->id.keys.root.ca, der);
	keys->ca_key = pem_encode(c->a, "PRIVATE KEY", SPAN_ARR(der));
	keys->k256_key = SPAN_ARR(k->id.keys.root.k256);
	wipe(der, sizeof der);
	if (!keys->ca_key.p)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	*resp = (struct kms_key_response){.temp_ca_key = k->id.temp_ca_key_pem, .keys = {keys, 1}};
	return 0;
}
