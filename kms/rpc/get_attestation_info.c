#include "kms/rpc/attestation_info.h"

/* Section 9.5 */
int attestation_info(struct kms *k, struct arena *a, int64_t now, struct attestation_info_response *out, struct diag *d)
{
	struct boot_info *b = arena_alloc(a, sizeof *b);
	struct span container, vm_config;
	struct verified v;
	struct auth_info auth;
	struct diag unasked;
	int e;
	if (!b)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if (!k->attester)
		return diag_fail(d, ERR_MISSING, "Failed to get attestation: this machine has no evidence to give");
	if ((e = own_evidence_get(&k->own, k->attester, a, &container, d)))
		return diag_wrap(d, e, "Failed to get attestation");
	if ((e = own_evidence_verify(&k->own, k->attest, a, container, now, "attestation", &v, d)))
		return e;
	if ((e = k->attester->vm_config(k->attester->self, a, &vm_config, d)))
		return diag_wrap(d, e, "Failed to get VM info");
	if ((e = boot_info_derive(a, &v, vm_config, false, b, d)) && e != ERR_REFUSED)
		return diag_wrap(d, e, "Failed to decode app info");
	struct span mode = SPAN_STR(variant_name(b->variant));
	*out = (struct attestation_info_response){.device_id = SPAN_ARR(b->device_id),
						  .mr_aggregated = SPAN_ARR(b->mr_aggregated),
						  .os_image_hash = b->os_image_hash,
						  .attestation_mode = mode,
						  .tee_variant = mode,
						  .site_name = SPAN_STR(k->config->site_name),
						  .ppid = b->ppid};
	if (k->auth.info(k->auth.self, a, &auth, &unasked) == 0) {
		out->eth_rpc_url = auth.eth_rpc_url;
		out->kms_contract_address = auth.kms_contract_address;
	}
	return 0;
}

int rpc_get_attestation_info(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	(void)request;
	return attestation_info(c->kms, c->a, c->now, response, d);
}
