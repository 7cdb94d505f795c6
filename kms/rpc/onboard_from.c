/* Onboard (protocol section 9.4): takes the root keys of a running KMS.
 *
 * The source proves in its TLS certificate what it is; policy is asked about exactly that evidence; and the keys are fetched over a
 * session that only the attested key can serve. Nobody in the middle can replace the keys on the way. */
#include "base/wipe.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "kms/attest/ratls.h"
#include "kms/client/kms_client.h"
#include "kms/keys/certs.h"
#include "kms/rpc/boot_check.h"
#include "kms/rpc/onboard_store.h"

enum { CALL_MS = 60000 };

struct onboarding {
	struct rpc_call *c;
	struct kms_client source;
	struct span spki; /* of the source, attested */
	struct get_temp_ca_cert_response temp;
	struct p256_key temp_key;
	struct x509 temp_ca;
	struct p256_key client_key;
	struct span client_cert;
};

static int read_key(struct arena *a, struct span pem, struct p256_key *k, struct diag *d)
{
	struct span der = pem_decode(a, "PRIVATE KEY", pem);
	return der.p ? p256_read_private(k, der, d) : diag_fail(d, ERR_INPUT, "no private key in PEM form");
}

/* Is the source a KMS that our own policy allows? old_style: its certificate shows a bare quote. */
static int authorize_source(struct onboarding *o, const struct verified *v, bool old_style, struct diag *d)
{
	struct rpc_call *c = o->c;
	struct kms *k = c->kms;
	struct boot_info b, self;
	struct auth_decision answer;
	int e = boot_info_derive(c->a, v, SPAN_LIT(""), false, &b, d);
	if (e)
		return diag_wrap(d, e, "failed to build KMS boot info from attestation");
	if (b.os_image_hash.n == 0 && old_style) {
		/* A certificate of the old style cannot name an image; hardware still vouches for mrAggregated. One that can and does not
		 * is judged by what it says, or saying nothing would pass where a wrong claim is refused. */
		if ((e = boot_self_info(k, c->a, c->now, &self, d)))
			return diag_wrap(d, e, "failed to get local KMS boot info for os_image_hash fallback");
		b.os_image_hash = self.os_image_hash;
	} else if (boot_image_counts(k->config, v->variant) && (e = image_check(k->attest, c->a, v, SPAN_LIT(""), d))) {
		return diag_wrap(d, e, "Failed to verify os image hash");
	}
	if ((e = boot_ask(k, c->a, BOOT_KMS, &b, &answer, d)))
		return diag_wrap(d, e, "failed to call KMS auth check");
	return answer.allowed ? 0 : diag_fail(d, ERR_REFUSED, "boot denied: %.*s", SPAN_FMT(answer.reason));
}

/* First call: whoever answers shows a certificate, its key is proved by the handshake, and the evidence in it must name that key. */
static int meet(struct onboarding *o, struct diag *d)
{
	struct rpc_call *c = o->c;
	struct http_reply reply = {0};
	struct ratls_evidence evidence;
	struct verified *v = arena_alloc(c->a, sizeof *v);
	if (!v)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	static const char no_certificate[] = "Source KMS did not present a TLS certificate";
	if (strncmp(o->source.base, "http://", 7) == 0)
		return diag_fail(d, ERR_REFUSED, no_certificate);
	o->source.trust = HTTP_TRUST_CAPTURE;
	int e = kms_client_call(&o->source, c->a, "GetTempCaCert", &message_empty, NULL, &message_get_temp_ca_cert_response, &o->temp,
				&reply, d);
	if (e)
		return e;
	if (!reply.leaf.n)
		return diag_fail(d, ERR_REFUSED, no_certificate);
	if ((e = ratls_extract(reply.leaf, &evidence, d)))
		return e;
	if (evidence.form == RATLS_NONE)
		return diag_fail(d, ERR_REFUSED, "Source KMS certificate does not contain attestation");
	if (!span_eq(evidence.spki, reply.spki))
		return diag_fail(d, ERR_CRYPTO, "Source KMS certificate does not match the TLS session");
	if ((e = ratls_verify(c->kms->attest, c->a, &evidence, c->now, v, d)))
		return diag_wrap(d, e, "invalid quote");
	o->spki = reply.spki;
	e = authorize_source(o, v, evidence.form == RATLS_LEGACY, d);
	return e ? diag_wrap(d, e, "Source KMS is not allowed for onboarding") : 0;
}

/* Our RA-TLS certificate under the source's temp CA. */
static int introduce(struct onboarding *o, struct diag *d)
{
	struct rpc_call *c = o->c;
	uint8_t spki[P256_SPKI_LEN];
	struct span evidence;
	int e = read_key(c->a, o->temp.temp_ca_key, &o->temp_key, d);
	if (e)
		return diag_wrap(d, e, "Failed to parse tmp CA key");
	struct span der = pem_decode(c->a, "CERTIFICATE", o->temp.temp_ca_cert);
	if ((e = der.p ? x509_parse(der, &o->temp_ca, d) : diag_fail(d, ERR_INPUT, "no certificate in PEM form")))
		return diag_wrap(d, e, "Failed to parse tmp CA certificate");
	p256_spki(o->temp_key.point, spki);
	if (!span_eq(o->temp_ca.spki, SPAN_ARR(spki)))
		return diag_fail(d, ERR_CRYPTO, "tmp CA certificate does not match private key");
	if (!c->kms->attester)
		return diag_fail(d, ERR_MISSING, "Failed to get quote: this machine has no evidence to give");
	p256_generate(&o->client_key);
	if ((e = identity_evidence(c->kms->attester, &o->client_key, c->a, &evidence, d)))
		return e;
	e = certs_ratls_client(c->a, &o->temp_key, o->temp_ca.subject, &o->client_key, evidence, c->now + CERT_LIFETIME, &o->client_cert,
			       d);
	return e ? diag_wrap(d, e, "Failed to sign certificate") : 0;
}

/* Second call: only the attested key is talked to. */
static int fetch_keys(struct onboarding *o, struct identity_keys *keys, struct diag *d)
{
	struct rpc_call *c = o->c;
	struct http_identity self = {.chain = &o->client_cert, .chain_len = 1};
	struct get_kms_key_request req;
	struct kms_key_response resp;
	int e = c->kms->attester->vm_config(c->kms->attester->self, c->a, &req.vm_config, d);
	if (e)
		return diag_wrap(d, e, "Failed to get info");
	memcpy(self.key, o->client_key.scalar, sizeof self.key);
	o->source.trust = HTTP_TRUST_PIN;
	o->source.pin_spki = o->spki;
	o->source.identity = &self;
	e = kms_client_call(&o->source, c->a, "GetKmsKey", &message_get_kms_key_request, &req, &message_kms_key_response, &resp, NULL, d);
	wipe(&self, sizeof self);
	o->source.identity = NULL;
	if (e)
		return e;
	if (resp.keys.count != 1)
		return diag_fail(d, ERR_INPUT, "Invalid keys");
	const struct kms_keys *got = resp.keys.items;
	if ((e = read_key(c->a, got->ca_key, &keys->root.ca, d)))
		return diag_wrap(d, e, "Failed to parse CA key");
	if ((e = read_key(c->a, resp.temp_ca_key, &keys->temp_ca, d)))
		return diag_wrap(d, e, "Failed to parse tmp CA key");
	uint8_t pub[SECP_PUB_LEN];
	if (got->k256_key.n != SECP_KEY_LEN || !secp_public(got->k256_key.p, pub))
		return diag_fail(d, ERR_INPUT, "Failed to parse ECDSA key");
	memcpy(keys->root.k256, got->k256_key.p, SECP_KEY_LEN);
	p256_generate(&keys->rpc);
	return 0;
}

static int onboard(struct onboarding *o, struct span domain, struct onboard_response *resp, struct diag *d)
{
	struct rpc_call *c = o->c;
	struct kms *k = c->kms;
	struct identity_keys keys = {0};
	struct key_files files;
	uint8_t *pub = arena_alloc(c->a, SECP_PUB_LEN);
	int e = pub ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
	if (e || (e = meet(o, d)) || (e = introduce(o, d)) || (e = fetch_keys(o, &keys, d)))
		goto done;
	if ((e = identity_issue(&keys, domain, k->config->attest_rpc_cert ? k->attester : NULL, c->now, c->a, &files, d))) {
		diag_prefix(d, "Failed to generate keys");
		goto done;
	}
	if (!(e = onboard_store(k, &files, d)) && secp_public(keys.root.k256, pub))
		resp->k256_pubkey = SPAN(pub, SECP_PUB_LEN);
done:
	wipe(&keys, sizeof keys);
	return e;
}

int rpc_onboard_from(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	const struct onboard_request *req = request;
	struct onboarding *o = arena_alloc(c->a, sizeof *o);
	int e = identity_check_domain(req->domain, d);
	if (e)
		return e;
	if (!o)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = onboard_begin(c->kms, c->a, "KMS has already been onboarded", d)))
		return e;
	o->c = c;
	o->source = (struct kms_client){.base = kms_client_base(c->a, req->source_url), .proxies = c->kms->proxies, .timeout_ms = CALL_MS};
	e = o->source.base ? onboard(o, req->domain, response, d) : diag_fail(d, ERR_LIMIT, "out of memory");
	onboard_end(c->kms);
	return e ? diag_wrap(d, e, "Failed to onboard") : 0;
}
