/* Bootstrap (protocol section 9.2): a new KMS with fresh root keys. */
#include "base/wipe.h"
#include "kms/rpc/onboard_store.h"
#include "kms/rpc/rpc.h"

/* Steps 4 to 6, under the set-up lock. */
static int make(struct rpc_call *c, struct span domain, const struct identity_keys *keys, struct bootstrap_response *out, struct diag *d)
{
	struct kms *k = c->kms;
	struct key_files files;
	uint8_t data[64];
	uint8_t *spki = arena_alloc(c->a, P256_SPKI_LEN), *pub = arena_alloc(c->a, SECP_PUB_LEN);
	if (!spki || !pub)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	int e = identity_issue(keys, domain, k->config->attest_rpc_cert ? k->attester : NULL, c->now, c->a, &files, d);
	if (e)
		return diag_wrap(d, e, "Failed to generate keys");
	p256_spki(keys->root.ca.point, spki);
	if (!secp_public(keys->root.k256, pub))
		return diag_fail(d, ERR_INTERNAL, "Failed to generate keys");
	*out = (struct bootstrap_response){SPAN(spki, P256_SPKI_LEN), SPAN(pub, SECP_PUB_LEN), SPAN_LIT("")};
	if (k->attester) {
		derive_bootstrap_report_data(out->ca_pubkey, pub, data);
		if ((e = k->attester->attest(k->attester->self, c->a, data, &out->attestation, d)))
			return diag_wrap(d, e, "Failed to get quote");
	}
	files.file[KEY_BOOTSTRAP_INFO] = message_to_json(&message_bootstrap_response, c->a, out);
	if (!files.file[KEY_BOOTSTRAP_INFO].p)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	return onboard_store(k, &files, d);
}

int rpc_bootstrap(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct bootstrap_request *req = request;
	struct identity_keys keys;
	int e = identity_check_domain(req->domain, d);
	if (e || (e = onboard_begin(c->kms, c->a, "KMS has already been bootstrapped", d)))
		return e;
	if (!(e = onboard_self_check(c->kms, c->a, c->now, "bootstrap", d))) {
		identity_generate(&keys);
		e = make(c, req->domain, &keys, response, d);
		wipe(&keys, sizeof keys);
	}
	onboard_end(c->kms);
	return e;
}
