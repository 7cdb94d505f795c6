#include <time.h>

#include "base/civil.h"
#include "base/json.h"
#include "base/text.h"
#include "kms/attest/collateral_inner.h"

enum { DOC_OVERHEAD = 256 };

/* Of a document: when it was issued, and the first second at which it is of no use. */
struct validity {
	int64_t issued, expires;
};

int64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- is a document any good? -------------------------------------------------------------------------------------------------------- */

/* Only signatures and dates under the root: revocation is looked at when a quote is verified. */
static int trusted_leaf(const struct sources *s, const struct cert_chain *chain, int64_t now, struct validity *v, struct diag *d)
{
	struct x509_policy p = {.anchor = &s->root, .now = now, .purpose = x509_server_auth, .revocation = X509_REVOCATION_OFF};
	struct x509_path path = {0};
	int e = fault_tell(&chain->fault, d);
	if (!e && chain->count == 0)
		e = diag_fail(d, ERR_INPUT, "issuer chain is empty");
	if (!e)
		e = x509_path_verify(&chain->leaf, chain->pool, chain->pool_count, &p, &path, d);
	if (!e && path.expires < v->expires)
		v->expires = path.expires;
	return e;
}

static int check_crl(const struct x509_crl *crl, const struct x509_key *key, int64_t now, struct validity *v, struct diag *d)
{
	if (now >= crl->next_update)
		return diag_fail(d, ERR_REFUSED, "CrlExpired");
	if (!x509_signature_ok(&crl->sig, key))
		return diag_fail(d, ERR_CRYPTO, "CRL signature is invalid");
	if (crl->next_update < v->expires)
		v->expires = crl->next_update;
	v->issued = crl->this_update;
	return 0;
}

static int check_root_crl(const struct sources *s, const struct pccs_document *doc, int64_t now, struct validity *v, struct diag *d)
{
	struct x509_crl crl;
	int e = x509_crl_parse(doc->body, &crl, d);
	return e ? e : check_crl(&crl, &s->root.key, now, v, d);
}

static int check_pck_crl(const struct sources *s, struct arena *a, bool platform_ca, const struct pccs_document *doc, int64_t now,
			 struct validity *v, struct diag *d)
{
	struct x509_crl crl;
	struct cert_chain chain;
	int e = x509_crl_parse(doc->body, &crl, d);
	if (!e)
		e = cert_chain_parse(a, doc->chain, &chain, d);
	if (!e)
		e = fault_tell(&chain.fault, d);
	if (e)
		return e;
	if (chain.count == 0 || !span_eq(chain.leaf.issuer, s->root.subject) || !x509_signature_ok(&chain.leaf.sig, &s->root.key) ||
	    !span_eq(chain.leaf.subject, crl.issuer))
		return diag_fail(d, ERR_REFUSED, "issuer of the PCK CRL is not known to the root");
	if (pccs_is_platform_ca(crl.issuer) != platform_ca)
		return diag_fail(d, ERR_REFUSED, "PCK CRL of the other CA");
	return check_crl(&crl, &chain.leaf.key, now, v, d);
}

/* The served text may have been re-indented on the way: then its compact form is what was signed. */
static int check_signed(const struct sources *s, struct arena *a, struct pccs_document *doc, int64_t now, struct validity *v,
			struct diag *d)
{
	struct cert_chain chain;
	int e = cert_chain_parse(a, doc->chain, &chain, d);
	if (!e)
		e = trusted_leaf(s, &chain, now, v, d);
	if (e)
		return e;
	struct x509_signed sig = {.tbs = doc->body, .alg = X509_SIG_ECDSA_SHA256_RAW, .signature = doc->signature};
	if (x509_signature_ok(&sig, &chain.leaf.key))
		return 0;
	sig.tbs = pccs_compact_json(a, doc->body);
	if (!sig.tbs.p || !x509_signature_ok(&sig, &chain.leaf.key))
		return diag_fail(d, ERR_CRYPTO, "signature is invalid");
	doc->body = sig.tbs;
	return 0;
}

/* Valid now, and what was asked for. */
static int check_content(struct arena *a, const struct pccs_request *q, struct span text, int64_t now, struct validity *v, struct diag *d)
{
	const struct json *j;
	struct span issued_text, next_text, id, fmspc;
	int64_t issued, next;
	int e = json_parse_repeats(a, text, &j, d);
	if (e)
		return e;
	if (!json_get_str(j, "issueDate", &issued_text) || !rfc3339_parse(issued_text, &issued) ||
	    !json_get_str(j, "nextUpdate", &next_text) || !rfc3339_parse(next_text, &next))
		return diag_fail(d, ERR_INPUT, "dates are missing or malformed");
	if (now < issued || now > next)
		return diag_fail(d, ERR_REFUSED, "not valid now");
	if (next + 1 < v->expires)
		v->expires = next + 1;
	v->issued = issued;
	bool tcb = q->kind == PCCS_TCB_INFO;
	const char *want = tcb ? (q->tdx ? "TDX" : "SGX") : (q->tdx ? "TD_QE" : "QE");
	if (!json_get_str(j, "id", &id) || !span_is(id, want))
		return diag_fail(d, ERR_REFUSED, "not the %s document", want);
	if (tcb && (!json_get_str(j, "fmspc", &fmspc) || !span_eq(hex_decode_in(a, fmspc), q->fmspc)))
		return diag_fail(d, ERR_REFUSED, "for another FMSPC");
	return 0;
}

static int check_pck(const struct sources *s, struct arena *a, const struct pccs_document *doc, int64_t now, struct validity *v,
		     struct diag *d)
{
	struct cert_chain chain;
	int e = cert_chain_parse(a, doc->body, &chain, d);
	return e ? e : trusted_leaf(s, &chain, now, v, d);
}

static int check(const struct sources *s, struct arena *a, const struct pccs_request *q, struct pccs_document *doc, int64_t now,
		 struct validity *v, struct diag *d)
{
	int e;
	*v = (struct validity){INT64_MIN, INT64_MAX};
	switch (q->kind) {
	case PCCS_ROOT_CRL:
		return check_root_crl(s, doc, now, v, d);
	case PCCS_PCK_CRL:
		return check_pck_crl(s, a, q->platform_ca, doc, now, v, d);
	case PCCS_PCK_CERT:
		return check_pck(s, a, doc, now, v, d);
	default:
		e = check_signed(s, a, doc, now, v, d);
		return e ? e : check_content(a, q, doc->body, now, v, d);
	}
}

/* --- keeping documents -------------------------------------------------------------------------------------------------------------- */

static struct doc *find(struct sources *s, const char *path)
{
	for (size_t i = 0; i < DOCS; i++)
		if (strcmp(s->doc[i].path, path) == 0)
			return &s->doc[i];
	return NULL;
}

static void forget(struct doc *doc)
{
	if (doc->path[0])
		arena_close(&doc->mem);
	doc->path[0] = '\0';
}

/* The slot of that path, a free one, or the one asked for longest ago. */
static struct doc *slot_for(struct sources *s, const char *path)
{
	struct doc *best = find(s, path);
	for (size_t i = 0; !best && i < DOCS; i++)
		if (!s->doc[i].path[0])
			best = &s->doc[i];
	if (best)
		return best;
	best = &s->doc[0];
	for (size_t i = 1; i < DOCS; i++)
		if (s->doc[i].used < best->used)
			best = &s->doc[i];
	return best;
}

static int keep(struct sources *s, const char *path, const struct pccs_document *got, const struct validity *v, int64_t now,
		const struct doc **out, struct diag *d)
{
	struct arena mem;
	if (arena_open(&mem, got->body.n + got->signature.n + got->chain.n + DOC_OVERHEAD))
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	struct pccs_document copy = {arena_dup(&mem, got->body), arena_dup(&mem, got->signature), arena_dup(&mem, got->chain)};
	if (!copy.body.p || !copy.signature.p || !copy.chain.p) {
		arena_close(&mem);
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	}
	struct doc *doc = slot_for(s, path);
	forget(doc);
	*doc = (struct doc){.mem = mem, .d = copy, .issued = v->issued, .expires = v->expires, .fetched = now, .used = ++s->clock};
	memcpy(doc->path, path, strlen(path) + 1);
	*out = doc;
	return 0;
}

/* have: a valid one to be replaced, or NULL. What was issued before it is no answer: nobody on the way brings back an older state. */
static int ask(struct sources *s, struct arena *scratch, const struct pccs_request *q, const char *path, const struct doc *have,
	       const struct freshness *f, const struct doc **out, struct diag *d)
{
	int e = diag_fail(d, ERR_IO, "offline, and %.100s is not at hand", path);
	for (size_t i = 0; i < s->base_count && !s->offline; i++) {
		struct pccs_document got;
		struct validity v;
		int64_t left = f->deadline_ms - monotonic_ms();
		arena_reset(scratch);
		if (left <= 0)
			return diag_fail(d, ERR_TIMEOUT, "no PCCS answered in time");
		e = pccs_get(&s->fetcher, scratch, s->base[i], q, (int)left, &got, d);
		if (!e) {
			e = check(s, scratch, q, &got, f->now, &v, d);
			if (!e && have && v.issued < have->issued)
				e = diag_fail(d, ERR_REFUSED, "issued before the one at hand");
			if (!e)
				return keep(s, path, &got, &v, f->now, out, d);
			diag_wrap(d, e, "%.100s%.100s", url_public(scratch, s->base[i]), path);
		}
	}
	return e;
}

int sources_get(struct sources *s, struct arena *scratch, const struct pccs_request *q, const struct freshness *f, const struct doc **out,
		struct diag *d)
{
	char path[PCCS_PATH_MAX];
	int e = pccs_path(q, path, d);
	if (e)
		return e;
	struct doc *have = find(s, path);
	if (have)
		have->used = ++s->clock;
	bool valid = have && f->now < have->expires;
	*out = have;
	if (valid && have->expires > f->expires_after && have->fetched > f->fetched_after)
		return 0;
	e = ask(s, scratch, q, path, valid ? have : NULL, f, out, d);
	return e && valid ? 0 : e;
}

int sources_collateral(struct sources *s, struct arena *mem, struct arena *scratch, const struct platform *p, const struct freshness *f,
		       const struct collateral **out, int64_t *expires, int64_t *fetched, struct diag *d)
{
	enum { ROOT_CRL, PCK_CRL, TCB, QE, PARTS };
	struct span fmspc = SPAN_ARR(p->fmspc);
	const struct pccs_request request[PARTS] = {
		[ROOT_CRL] = {.kind = PCCS_ROOT_CRL, .root_crl_uri = s->root_crl_uri},
		[PCK_CRL] = {.kind = PCCS_PCK_CRL, .platform_ca = p->platform_ca},
		[TCB] = {.kind = PCCS_TCB_INFO, .tdx = p->tdx, .fmspc = fmspc},
		[QE] = {.kind = PCCS_QE_IDENTITY, .tdx = p->tdx},
	};
	const struct doc *part[PARTS];
	*expires = *fetched = INT64_MAX;
	for (size_t i = 0; i < PARTS; i++) {
		int e = sources_get(s, scratch, &request[i], f, &part[i], d);
		if (e)
			return e;
		if (part[i]->expires < *expires)
			*expires = part[i]->expires;
		if (part[i]->fetched < *fetched)
			*fetched = part[i]->fetched;
	}
	struct collateral_items items = {
		.root_ca_crl = part[ROOT_CRL]->d.body,
		.pck_crl = part[PCK_CRL]->d.body,
		.tcb_info_chain = part[TCB]->d.chain,
		.tcb_info = part[TCB]->d.body,
		.tcb_info_signature = part[TCB]->d.signature,
		.qe_identity_chain = part[QE]->d.chain,
		.qe_identity = part[QE]->d.body,
		.qe_identity_signature = part[QE]->d.signature,
	};
	return collateral_make(mem, &items, s->root.der, out, d);
}

void sources_close(struct sources *s)
{
	for (size_t i = 0; i < DOCS; i++)
		forget(&s->doc[i]);
}
