/* SignCert (protocol section 7.4): a certificate under the app's own CA for a key that evidence names. */
#include "crypto/hash.h"
#include "crypto/pem.h"
#include "kms/attest/evidence.h"
#include "kms/attest/ratls.h"
#include "kms/keys/certs.h"
#include "kms/rpc/boot_check.h"
#include "kms/wire/app_info.h"
#include "kms/wire/csr.h"

enum { CHAIN = 3 };

struct signing {
	struct rpc_call *c;
	const struct sign_cert_request *req;
	struct csr csr;
	struct ratls_evidence evidence;
	struct verified preview; /* decoded, not verified */
	struct verified verified;
	struct boot_info *who;
};

/* Steps 2 to 5: version, decoding, signature, conversion. */
static int read_csr(struct signing *s, struct diag *d)
{
	const struct sign_cert_request *req = s->req;
	struct arena *a = s->c->a;
	const struct attest_ctx *ctx = s->c->kms->attest;
	int e;
	if (req->api_version != 1 && req->api_version != 2)
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported API version: %u", req->api_version);
	bool v1 = req->api_version == 1;
	e = (v1 ? csr_decode_v1 : csr_decode_v2)(a, req->csr, &s->csr, d);
	/* Upstream decodes a version 2 attestation together with the request. */
	if (!e && !v1)
		e = attest_preview(ctx, a, s->csr.attestation, &s->preview, d);
	if (e)
		return diag_wrap(d, e, "Failed to parse csr");
	if ((e = csr_verify(&s->csr, req->csr, req->signature, d)))
		return diag_wrap(d, e, "Failed to verify csr signature");
	if (v1 && (e = attest_preview_legacy(ctx, a, s->csr.quote, s->csr.event_log, &s->preview, d)))
		return diag_wrap(d, e, "Failed to upgrade csr v1 to v2");
	s->evidence = (struct ratls_evidence){.form = v1 ? RATLS_LEGACY : RATLS_CONTAINER,
					      .container = s->csr.attestation,
					      .quote = s->csr.quote,
					      .event_log = s->csr.event_log,
					      .spki = s->csr.pubkey};
	return 0;
}

/* Extension 1.9, from the evidence as embedded: neither the request's vm_config nor a device id (section 7.5). */
static int make_app_info(struct signing *s, struct span *out, struct diag *d)
{
	struct boot_info b;
	uint8_t no_device[SHA256_LEN];
	int e = boot_info_derive(s->c->a, &s->preview, SPAN_LIT(""), false, &b, d);
	if (e && e != ERR_REFUSED)
		return e;
	sha256(SPAN_LIT(""), no_device);
	struct app_info i = {.app_id = b.app_id,
			     .compose_hash = b.compose_hash,
			     .instance_id = b.instance_id,
			     .device_id = SPAN_ARR(no_device),
			     .mr_system = SPAN_ARR(b.mr_system),
			     .mr_aggregated = SPAN_ARR(b.mr_aggregated),
			     .os_image_hash = b.os_image_hash,
			     .key_provider_info = b.key_provider_info};
	*out = app_info_encode(s->c->a, &i);
	return out->p ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
}

/* Extension 1.8: the request's evidence as a stripped container. */
static int make_attestation(struct signing *s, struct span *out, struct diag *d)
{
	struct arena *a = s->c->a;
	struct span container = s->csr.attestation;
	if (s->req->api_version == 1) {
		struct evidence *ev;
		int e = evidence_from_legacy(a, s->csr.quote, s->csr.event_log, &ev, d);
		if (e)
			return e;
		container = evidence_encode(a, ev, 0, d);
		if (!container.p)
			return ERR_LIMIT;
	}
	*out = container_strip(a, container, d);
	return out->p ? 0 : ERR_LIMIT;
}

static int time_of(struct csr_time t, int64_t otherwise, int64_t *out, struct diag *d)
{
	if (t.set && t.seconds > INT64_MAX)
		return diag_fail(d, ERR_INPUT, "validity does not fit an X.509 time");
	*out = t.set ? (int64_t)t.seconds : otherwise;
	return 0;
}

static int issue_leaf(struct signing *s, const struct p256_key *ca, struct span *der, struct diag *d)
{
	const struct csr *csr = &s->csr;
	struct cert_spec spec = {.subject = {csr->org_name, csr->subject},
				 .spki = csr->pubkey,
				 .alt_names = csr->alt_names,
				 .alt_name_count = csr->alt_name_count,
				 .server_auth = csr->server_auth,
				 .client_auth = csr->client_auth,
				 .app_id = s->who->app_id,
				 .usage = SPAN_LIT("app:custom")};
	struct span issuer = certs_app_ca_name(s->c->a);
	int e;
	if (!issuer.p)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((csr->ext_app_info && (e = make_app_info(s, &spec.app_info, d))) ||
	    (csr->ext_quote && (e = make_attestation(s, &spec.attestation, d))) ||
	    (e = time_of(csr->not_before, CERT_NOT_BEFORE, &spec.not_before, d)) ||
	    (e = time_of(csr->not_after, s->c->now + CERT_LIFETIME, &spec.not_after, d)))
		return e;
	return cert_build(s->c->a, &spec, issuer, ca, der, d);
}

int rpc_sign_cert(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	struct sign_cert_response *resp = response;
	const struct kms *k = c->kms;
	struct signing *s = arena_alloc(c->a, sizeof *s);
	struct boot_info *who = arena_alloc(c->a, sizeof *who);
	struct span *chain = arena_array(c->a, CHAIN, sizeof *chain), leaf, ca_der;
	struct auth_decision answer;
	struct p256_key ca;
	int e;
	if (!s || !who || !chain)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	s->c = c;
	s->req = request;
	s->who = who;
	if ((e = boot_self_check(c, d)) || (e = read_csr(s, d)))
		return e;
	if ((e = ratls_verify(k->attest, c->a, &s->evidence, c->now, &s->verified, d)))
		return diag_wrap(d, e, "Quote verification failed");
	if ((e = boot_check(c, &s->verified, BOOT_APP, true, s->req->vm_config, who, &answer, d)) ||
	    (e = boot_platform_gate(k->config, who->variant, d)) || (e = derive_app_ca(&k->id.keys.root, who->app_id, &ca, d)))
		return e;
	if ((e = certs_app_ca(c->a, &k->id.keys.root.ca, &ca, who->app_id, c->now + CERT_LIFETIME, &ca_der, d)) ||
	    (e = issue_leaf(s, &ca, &leaf, d))) {
		diag_prefix(d, "Failed to sign certificate");
		goto done;
	}
	chain[0] = pem_encode(c->a, "CERTIFICATE", leaf);
	chain[1] = pem_encode(c->a, "CERTIFICATE", ca_der);
	chain[2] = k->id.root_ca_pem;
	if (!chain[0].p || !chain[1].p)
		e = diag_fail(d, ERR_LIMIT, "out of memory");
	resp->certificate_chain = (struct list){chain, CHAIN};
done:
	p256_wipe(&ca);
	return e;
}
