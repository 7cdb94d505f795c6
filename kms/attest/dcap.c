#include "kms/attest/dcap.h"

#include "base/civil.h"
#include "crypto/hash.h"
#include "kms/attest/dcap_inner.h"

enum { KEY_TYPE_ECDSA_P256 = 2, QE_AUTH_DATA_LEN = 32, ATTESTATION_KEY_LEN = 64, DOCUMENT_SIGNATURE_LEN = 64 };

static const uint8_t intel_qe_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
					       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct x509_policy policy(const struct collateral *c, int64_t now)
{
	return (struct x509_policy){
		.anchor = &c->root,
		.now = now,
		.purpose = x509_server_auth,
		.revocation = X509_REVOCATION_REQUIRED,
		.crls = c->crls,
		.crl_count = 2,
		.verify = sigmemo_verify,
		.self = c->memo,
	};
}

int dcap_chain_verify(const struct collateral *c, const struct cert_chain *chain, int64_t now, int64_t *expires, struct diag *d)
{
	struct x509_policy p = policy(c, now);
	struct x509_path path = {0};
	int e = fault_tell(&chain->fault, d);
	if (!e)
		e = x509_path_verify(&chain->leaf, chain->pool, chain->pool_count, &p, &path, d);
	if (!e)
		*expires = earlier(*expires, path.expires);
	return e;
}

/* Step 1. */
static int check_root(const struct collateral *c, int64_t now, int64_t *expires, struct diag *d)
{
	struct x509_policy p = policy(c, now);
	int64_t crl_expires;
	int e = fault_tell(&c->crl_fault, d);
	if (!e && (e = x509_anchor_not_revoked(&p, &crl_expires, d)))
		diag_wrap(d, e, "Failed to check the root CA against its CRL");
	if (!e)
		*expires = earlier(*expires, crl_expires);
	return e;
}

/* Step 2, after decoding. */
static int check_header(const struct quote *q, bool january, struct diag *d)
{
	if (q->version < 3 || q->version > 5)
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported quote version: %u", q->version);
	if (!january && !span_eq(q->qe_vendor_id, SPAN_ARR(intel_qe_vendor_id)))
		return diag_fail(d, ERR_REFUSED, "Unknown QE vendor ID");
	if (q->tee_type == QUOTE_TEE_SGX && q->version != 3)
		return diag_fail(d, ERR_REFUSED, "SGX TEE quote must have version 3");
	if (q->tee_type == QUOTE_TEE_TDX && q->version < 4)
		return diag_fail(d, ERR_REFUSED, "TDX TEE quote must have version 4 or 5");
	if (q->tee_type != QUOTE_TEE_SGX && q->tee_type != QUOTE_TEE_TDX)
		return diag_fail(d, ERR_REFUSED, "Unsupported TEE type: 0x%x", q->tee_type);
	if ((q->tee_type == QUOTE_TEE_SGX) != (q->body == QUOTE_BODY_SGX))
		return diag_fail(d, ERR_REFUSED, "Body of the quote does not fit its TEE type");
	if (q->key_type != KEY_TYPE_ECDSA_P256)
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported DCAP attestation key type: %u", q->key_type);
	return 0;
}

/* Names of one kind of document, as upstream's sentences have them. */
struct document_words {
	const char *dates, *subject, *issuer, *member;
};
static const struct document_words tcb_words = {"TCB Info", "TCBInfo", "TCB Info", "tcb_info"};
static const struct document_words qe_words = {"QE Identity", "QE Identity", "QE Identity", "qe_identity"};

/* Steps 3 and 5: dates, chain, signature. */
static int check_document(const struct collateral *c, const struct signed_json *doc, const struct document_words *w, int64_t now,
			  int64_t *expires, struct diag *d)
{
	int64_t issued, next;
	int e = fault_tell(&doc->fault, d);
	if (e)
		return e;
	if (!rfc3339_parse(doc->issue_date, &issued))
		return diag_fail(d, ERR_INPUT, "Failed to parse %s issue date", w->dates);
	if (!rfc3339_parse(doc->next_update, &next))
		return diag_fail(d, ERR_INPUT, "Failed to parse %s next update", w->dates);
	if (now < issued)
		return diag_fail(d, ERR_REFUSED, "%s issue date is in the future", w->subject);
	if (now > next)
		return diag_fail(d, ERR_REFUSED, "%s expired", w->subject);
	if (!doc->chain.fault.err && doc->chain.count < 2)
		return diag_fail(d, ERR_REFUSED, "Certificate chain is too short for %s", w->issuer);
	if ((e = dcap_chain_verify(c, &doc->chain, now, expires, d)))
		return diag_wrap(d, e, "Failed to verify the %s issuer chain", w->issuer);
	if (doc->sig.signature.n != DOCUMENT_SIGNATURE_LEN || doc->chain.leaf.key.type != X509_KEY_P256 ||
	    !sigmemo_verify(c->memo, &doc->sig, &doc->chain.leaf.key))
		return diag_fail(d, ERR_CRYPTO, "Signature is invalid for %s in quote_collateral", w->member);
	*expires = earlier(*expires, next + 1);
	return 0;
}

static int check_qe_id(const struct qe_identity *id, bool tdx, struct diag *d)
{
	bool ok = tdx ? span_is(id->id, "TD_QE") && (id->version == 2 || id->version == 3) : span_is(id->id, "QE") && id->version == 2;
	return ok ? 0 : diag_fail(d, ERR_REFUSED, "Unsupported QE Identity id/version for the quote TEE type");
}

/* Step 6. The chain may point into the arena or the collateral. */
static int check_pck(struct arena *a, const struct collateral *c, const struct quote *q, struct span pem, int64_t now, int64_t *expires,
		     struct cert_chain *own, const struct cert_chain **chain, struct pck_info *info, struct diag *d)
{
	int e;
	*chain = &c->pck_chain;
	if (pem.n || !c->has_pck_chain) {
		if (!pem.n && q->cert_type != QUOTE_CERT_PCK_CHAIN)
			return diag_fail(d, ERR_UNSUPPORTED, "Unsupported DCAP PCK cert format: type %u", q->cert_type);
		if ((e = cert_chain_parse(a, pem.n ? pem : q->cert_data, own, d)))
			return e;
		*chain = own;
	}
	if (!(*chain)->fault.err && (*chain)->count < 2)
		return diag_fail(d, ERR_REFUSED, "Certificate chain is too short for PCK");
	if ((e = dcap_chain_verify(c, *chain, now, expires, d)))
		return diag_wrap(d, e, "Failed to verify the PCK certificate chain");
	return pck_info_read(&(*chain)->leaf, info, d);
}

static bool p256_signed(const struct x509_key *key, struct span text, struct span rs)
{
	struct x509_signed s = {.tbs = text, .alg = X509_SIG_ECDSA_SHA256_RAW, .signature = rs};
	return key->type == X509_KEY_P256 && x509_signature_ok(&s, key);
}

/* Step 8: the QE vouches for the attestation key. */
static int check_key_binding(const struct quote *q, struct diag *d)
{
	uint8_t hash[SHA256_LEN];
	if (q->qe_auth_data.n != QE_AUTH_DATA_LEN)
		return diag_fail(d, ERR_REFUSED, "Invalid QE auth data length: %zu", q->qe_auth_data.n);
	sha256_2(q->attestation_key, q->qe_auth_data, hash);
	if (memcmp(hash, q->qe_report.report_data.p, sizeof hash) != 0)
		return diag_fail(d, ERR_CRYPTO, "QE report hash mismatch");
	return 0;
}

/* Step 10. */
static int check_quote_signature(const struct quote *q, struct diag *d)
{
	uint8_t point[1 + ATTESTATION_KEY_LEN] = {0x04};
	memcpy(point + 1, q->attestation_key.p, ATTESTATION_KEY_LEN);
	struct x509_key key = {.type = X509_KEY_P256, .point = SPAN_ARR(point)};
	if (!p256_signed(&key, q->signed_part, q->signature))
		return diag_fail(d, ERR_CRYPTO, "ISV enclave report signature is invalid");
	return 0;
}

static int add_advisories(struct arena *a, const struct tcb_verdict *v, struct span *list, size_t *n, struct diag *d)
{
	for (size_t i = 0; i < v->advisory_count; i++) {
		bool known = false;
		for (size_t k = 0; k < *n && !known; k++)
			known = span_eq(list[k], v->advisory[i]);
		if (known)
			continue;
		struct span copy = arena_dup(a, v->advisory[i]);
		if (*n == ADVISORIES_MAX || !copy.p)
			return diag_fail(d, ERR_LIMIT, "too many advisories");
		list[(*n)++] = copy;
	}
	return 0;
}

/* Step 13. */
static int merge(struct arena *a, struct dcap_result *out, const struct tcb_verdict *v, enum tcb_status *status, struct diag *d)
{
	if (v->status > *status)
		*status = v->status;
	return add_advisories(a, v, out->advisories, &out->advisory_count, d);
}

static int judge(struct arena *a, const struct collateral *c, const struct pck_info *pck, const struct tcb_verdict *qe, bool january,
		 struct dcap_result *out, struct diag *d)
{
	const struct tcb_verdict *platform, *module;
	int e = dcap_platform_check(&c->tcb, &out->quote, pck, january, &platform, &module, d);
	if (e)
		return e;
	if ((e = merge(a, out, platform, &out->platform_status, d)) || (module && (e = merge(a, out, module, &out->platform_status, d))))
		return e;
	out->platform_advisory_count = out->advisory_count;
	if ((e = merge(a, out, qe, &out->qe_status, d)) || (e = add_advisories(a, qe, out->qe_advisories, &out->qe_advisory_count, d)))
		return e;
	out->status = out->platform_status > out->qe_status ? out->platform_status : out->qe_status;
	if (out->status == TCB_REVOKED)
		return diag_fail(d, ERR_REFUSED, "TCB status is invalid: Revoked");
	out->ppid = arena_dup(a, pck->ppid);
	out->fmspc = arena_dup(a, pck->fmspc);
	return out->ppid.p && out->fmspc.p ? 0 : diag_fail(d, ERR_LIMIT, "quote needs more memory than this request may use");
}

int dcap_verify(struct arena *a, struct span quote, const struct collateral *c, int64_t now, const struct dcap_options *o,
		struct dcap_result *out, struct diag *d)
{
	return dcap_verify_chain(a, quote, c, SPAN(NULL, 0), now, o, out, d);
}

int dcap_verify_chain(struct arena *a, struct span quote, const struct collateral *c, struct span pck_chain, int64_t now,
		      const struct dcap_options *o, struct dcap_result *out, struct diag *d)
{
	static const struct dcap_options production;
	const struct quote *q = &out->quote;
	struct cert_chain own;
	const struct cert_chain *chain;
	const struct tcb_verdict *qe;
	struct pck_info pck;
	int e;

	if (!o)
		o = &production;
	*out = (struct dcap_result){.expires = INT64_MAX};
	if ((e = check_root(c, now, &out->expires, d)) || (e = quote_parse(quote, &out->quote, d)) ||
	    (e = check_header(q, o->january, d)) || (e = check_document(c, &c->tcb_doc, &tcb_words, now, &out->expires, d)) ||
	    (e = check_document(c, &c->qe_doc, &qe_words, now, &out->expires, d)) ||
	    (e = check_qe_id(&c->qe, q->tee_type == QUOTE_TEE_TDX, d)) ||
	    (e = check_pck(a, c, q, pck_chain, now, &out->expires, &own, &chain, &pck, d)))
		return e;
	if (!p256_signed(&chain->leaf.key, q->qe_report.raw, q->qe_report_signature))
		return diag_fail(d, ERR_CRYPTO, "Signature is invalid for qe_report in quote");
	if ((e = check_key_binding(q, d)) || (e = dcap_qe_check(&c->qe, &q->qe_report, &qe, d)) || (e = check_quote_signature(q, d)) ||
	    (e = judge(a, c, &pck, qe, o->january, out, d)))
		return e;
	return dcap_attributes_check(q, o, d);
}
