#include "base/json.h"
#include "base/text.h"
#include "kms/attest/dcap_inner.h"

/* For the JSON trees, which are not kept. Intel's documents need some 0.5 MiB. */
enum { SCRATCH = 8 << 20 };

static int full(struct diag *d)
{
	return diag_fail(d, ERR_LIMIT, "collateral needs more memory than it may use");
}

struct fault fault_keep(struct arena *a, int e, const struct diag *d)
{
	const char *text = e ? arena_fmt(a, "%s", d->text) : NULL;
	return (struct fault){e, text ? text : "collateral is faulty"};
}

int fault_tell(const struct fault *f, struct diag *d)
{
	return f->err ? diag_fail(d, (enum err)f->err, "%s", f->text) : 0;
}

/* --- the JSON form ------------------------------------------------------------------------------------------------------------------ */

enum form { TEXT, HEX_BYTES };

static int item(struct arena *a, const struct json *j, const char *key, enum form form, struct span *out, struct diag *d)
{
	struct span s;
	if (json_count(j, key) != 1 || !json_get_str(j, key, &s))
		return diag_fail(d, ERR_INPUT, "Failed to decode collateral: member '%s' is missing, repeated or no string", key);
	*out = form == TEXT ? arena_dup(a, s) : hex_decode_in(a, s);
	if (!out->p)
		return diag_fail(d, ERR_INPUT, "Failed to decode collateral: member '%s' is not hex or too long", key);
	return 0;
}

/* A member that verification does not use, and that the form has all the same. */
static int unused_text(const struct json *j, const char *key, struct diag *d)
{
	struct span s;
	if (json_count(j, key) != 1 || !json_get_str(j, key, &s))
		return diag_fail(d, ERR_INPUT, "Failed to decode collateral: member '%s' is missing, repeated or no string", key);
	return 0;
}

static int optional_chain(struct arena *a, const struct json *j, struct span *out, struct diag *d)
{
	static const char key[] = "pck_certificate_chain";
	const struct json *m = json_get(j, key);
	*out = SPAN(NULL, 0);
	if (!m || (m->type == JSON_NULL && json_count(j, key) == 1))
		return 0;
	return item(a, j, key, TEXT, out, d);
}

int collateral_items_parse(struct arena *a, struct span json, struct collateral_items *out, struct diag *d)
{
	const struct {
		const char *key;
		enum form form;
		struct span *to;
	} members[] = {
		{"root_ca_crl", HEX_BYTES, &out->root_ca_crl},
		{"pck_crl", HEX_BYTES, &out->pck_crl},
		{"tcb_info_issuer_chain", TEXT, &out->tcb_info_chain},
		{"tcb_info", TEXT, &out->tcb_info},
		{"tcb_info_signature", HEX_BYTES, &out->tcb_info_signature},
		{"qe_identity_issuer_chain", TEXT, &out->qe_identity_chain},
		{"qe_identity", TEXT, &out->qe_identity},
		{"qe_identity_signature", HEX_BYTES, &out->qe_identity_signature},
	};
	const struct json *j;
	*out = (struct collateral_items){0};
	if (json.n > COLLATERAL_JSON_MAX)
		return diag_fail(d, ERR_LIMIT, "Failed to decode collateral: longer than %d bytes", COLLATERAL_JSON_MAX);
	int e = json_parse_repeats(a, json, &j, d);
	if (e)
		return diag_wrap(d, e, "Failed to decode collateral");
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if ((e = item(a, j, members[i].key, members[i].form, members[i].to, d)))
			return e;
	e = unused_text(j, "pck_crl_issuer_chain", d);
	return e ? e : optional_chain(a, j, &out->pck_chain, d);
}

/* --- making it ---------------------------------------------------------------------------------------------------------------------- */

static int chain(struct arena *a, struct span pem, struct cert_chain *out, struct diag *d)
{
	struct span der[X509_CHAIN_MAX];
	struct diag why = {0};
	int e = pem_chain(a, pem, der, X509_CHAIN_MAX, &out->count, &why);
	if (e || out->count == 0) {
		out->fault = fault_keep(a, e, &why);
		return 0;
	}
	out->fault = fault_keep(a, x509_parse(der[0], &out->leaf, &why), &why);
	struct x509 *pool = arena_array(a, out->count, sizeof *pool);
	if (!pool)
		return full(d);
	for (size_t i = 1; i < out->count; i++)
		if (x509_parse(der[i], &pool[out->pool_count], &why) == 0)
			out->pool_count++;
	out->pool = pool;
	return 0;
}

int cert_chain_parse(struct arena *a, struct span pem, struct cert_chain *out, struct diag *d)
{
	*out = (struct cert_chain){0};
	return chain(a, pem, out, d);
}

/* A chain that stays: its signatures are hashed once. */
static int lasting_chain(struct arena *a, struct span pem, struct cert_chain *out, struct diag *d)
{
	*out = (struct cert_chain){0};
	struct span copy = arena_dup(a, pem);
	if (!copy.p)
		return full(d);
	int e = chain(a, copy, out, d);
	if (!e && out->count && !out->fault.err)
		e = sigmemo_identify(a, &out->leaf.sig, d);
	struct x509 *pool = (struct x509 *)out->pool;
	for (size_t i = 0; !e && i < out->pool_count; i++)
		e = sigmemo_identify(a, &pool[i].sig, d);
	return e;
}

static int crl(struct arena *a, struct span der, const char *what, struct collateral *c, struct x509_crl *out, struct diag *d)
{
	struct diag why = {0};
	struct span copy = arena_dup(a, der);
	if (!copy.p)
		return full(d);
	int e = x509_crl_parse(copy, out, &why);
	if (e && !c->crl_fault.err) {
		diag_wrap(&why, e, "Failed to parse the %s", what);
		c->crl_fault = fault_keep(a, e, &why);
	}
	return e ? 0 : sigmemo_identify(a, &out->sig, d);
}

static int document(struct arena *a, struct span text, struct span signature, struct span pem, struct signed_json *out, struct diag *d)
{
	out->sig.tbs = arena_dup(a, text);
	out->sig.signature = arena_dup(a, signature);
	out->sig.alg = X509_SIG_ECDSA_SHA256_RAW;
	if (!out->sig.tbs.p || !out->sig.signature.p)
		return full(d);
	int e = sigmemo_identify(a, &out->sig, d);
	return e ? e : lasting_chain(a, pem, &out->chain, d);
}

static int documents(struct arena *a, struct arena *scratch, const struct collateral_items *in, struct collateral *c, struct diag *d)
{
	struct diag why = {0};
	int e = document(a, in->tcb_info, in->tcb_info_signature, in->tcb_info_chain, &c->tcb_doc, d);
	if (!e)
		e = document(a, in->qe_identity, in->qe_identity_signature, in->qe_identity_chain, &c->qe_doc, d);
	if (e)
		return e;
	c->tcb_doc.fault = fault_keep(a, tcb_info_parse(a, scratch, c->tcb_doc.sig.tbs, &c->tcb, &why), &why);
	c->tcb_doc.issue_date = c->tcb.issue_date;
	c->tcb_doc.next_update = c->tcb.next_update;
	arena_reset(scratch);
	c->qe_doc.fault = fault_keep(a, qe_identity_parse(a, scratch, c->qe_doc.sig.tbs, &c->qe, &why), &why);
	c->qe_doc.issue_date = c->qe.issue_date;
	c->qe_doc.next_update = c->qe.next_update;
	return 0;
}

int collateral_make(struct arena *a, const struct collateral_items *items, struct span root_der, const struct collateral **out,
		    struct diag *d)
{
	struct arena scratch;
	struct collateral *c = arena_alloc(a, sizeof *c);
	struct sigmemo *memo = arena_alloc(a, sizeof *memo);
	struct span root = arena_dup(a, root_der);
	*out = NULL;
	if (!c || !memo || !root.p)
		return full(d);
	sigmemo_init(memo);
	c->memo = memo;
	int e = x509_parse(root, &c->root, d);
	if (e)
		return diag_wrap(d, e, "Intel SGX root certificate");
	if ((e = crl(a, items->root_ca_crl, "root CRL", c, &c->root_crl, d)) || (e = crl(a, items->pck_crl, "PCK CRL", c, &c->pck_crl, d)))
		return e;
	c->crls[0] = &c->root_crl;
	c->crls[1] = &c->pck_crl;
	if (items->pck_chain.n) {
		c->has_pck_chain = true;
		if ((e = lasting_chain(a, items->pck_chain, &c->pck_chain, d)))
			return e;
	}
	if (arena_open(&scratch, SCRATCH))
		return full(d);
	e = documents(a, &scratch, items, c, d);
	arena_close(&scratch);
	if (!e)
		*out = c;
	return e;
}

int collateral_from_json(struct arena *a, struct span json, struct span root_der, const struct collateral **out, struct diag *d)
{
	struct collateral_items items;
	int e = collateral_items_parse(a, json, &items, d);
	return e ? e : collateral_make(a, &items, root_der, out, d);
}
