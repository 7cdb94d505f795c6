#include "kms/attest/ak_chain.h"

#include "kms/attest/doc_cache.h"

/* One URI per certificate is enough in practice; a certificate that lists more gets this many tries. What was fetched is kept for a day. */
enum { CRL_TRIES_MAX = 8, KEEP_MAX = 24 * 3600 };

struct ak_doc {
	struct span uri, body;
	bool fresh;         /* from the network, not from memory */
	struct span issuer; /* of a list: the issuer of the certificate that names it */
};

struct ak_docs {
	struct x509 chain[AK_ROUNDS_MAX]; /* without the attestation key's own */
	size_t chain_len;
	struct ak_doc issuers[AK_ROUNDS_MAX + 1]; /* what chain was parsed from, and a self-signed end that is not in it */
	size_t issuer_count;
	struct ak_doc crls[AK_ROUNDS_MAX + 2]; /* of the key, its issuers and the root */
	size_t crl_count;
};

/* Visible ASCII; what stands in a certificate that nobody has verified yet goes into messages and requests. */
static bool is_address(struct span uri)
{
	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] <= ' ' || uri.p[i] > '~')
			return false;
	return uri.n > 0 && uri.n <= 2048;
}

static int download(const struct attest_ctx *ctx, struct arena *a, struct span uri, int64_t now, struct ak_doc *out, struct diag *d)
{
	*out = (struct ak_doc){.uri = uri};
	if (!is_address(uri))
		return diag_fail(d, ERR_INPUT, "the address is malformed");
	if (ctx->docs && doc_cache_get(ctx->docs, a, uri, now, &out->body))
		return 0;
	const char *url = arena_fmt(a, "%.*s", SPAN_FMT(uri));
	struct fetched got = {0};
	if (!url)
		return diag_fail(d, ERR_LIMIT, "no memory left to fetch");
	if (!ctx->fetcher.get)
		return diag_fail(d, ERR_IO, "%s: this verifier has no network", url);
	int e = ctx->fetcher.get(ctx->fetcher.self, a, url, AK_FETCH_TIMEOUT_MS, &got, d);
	if (e)
		return diag_wrap(d, e, "%s", url);
	if (got.status < 200 || got.status > 299)
		return diag_fail(d, ERR_IO, "%s: status %d", url, got.status);
	if (got.body.n > AK_DOCUMENT_MAX)
		return diag_fail(d, ERR_LIMIT, "%s: longer than %d bytes", url, (int)AK_DOCUMENT_MAX);
	out->body = got.body;
	out->fresh = true;
	return 0;
}

/* Follows caIssuers from the attestation key's certificate upwards. */
static int fetch_issuers(const struct attest_ctx *ctx, struct arena *a, const struct x509 *ak, int64_t now, struct ak_docs *docs,
			 struct diag *d)
{
	struct span uri;
	const struct x509 *current = ak;
	while (x509_ca_issuers_uri(current, &uri)) {
		if (docs->chain_len == AK_ROUNDS_MAX)
			return diag_fail(d, ERR_REFUSED, "AK certificate chain: longer than %d certificates", (int)AK_ROUNDS_MAX);
		struct x509 *next = &docs->chain[docs->chain_len];
		struct ak_doc *doc = &docs->issuers[docs->issuer_count];
		int e = download(ctx, a, uri, now, doc, d);
		if (e)
			return diag_wrap(d, e, "failed to download certificate");
		/* the end adds nothing, so that it is a certificate of any kind suffices */
		if (x509_self_issued(doc->body)) {
			docs->issuer_count++;
			return 0;
		}
		e = x509_parse(doc->body, next, d);
		if (e)
			return diag_wrap(d, e, "AK certificate chain: %.*s", SPAN_FMT(uri));
		docs->issuer_count++;
		docs->chain_len++;
		current = next;
	}
	return 0;
}

/* The first list that downloads; a certificate that names none adds none. */
static int fetch_crl(const struct attest_ctx *ctx, struct arena *a, const struct x509 *c, int64_t now, struct ak_docs *docs, struct diag *d)
{
	struct span uri;
	int e = 0;
	for (size_t i = 0; i < CRL_TRIES_MAX && x509_crl_uri(c, i, &uri); i++) {
		struct ak_doc *doc = &docs->crls[docs->crl_count];
		e = download(ctx, a, uri, now, doc, d);
		if (e)
			continue;
		doc->issuer = c->issuer;
		docs->crl_count++;
		return 0;
	}
	return e ? diag_wrap(d, e, "failed to download CRL") : 0;
}

/* The root against the list that it names itself (2.4, step 1). A list that an intermediate names comes from the same issuer and may be
 * older. */
static int check_root(const struct x509 *root, const struct x509_crl *own, int64_t now, struct diag *d)
{
	if (!span_eq(own->issuer, root->issuer))
		return diag_fail(d, ERR_REFUSED, "root CRL: of another issuer");
	if (!x509_signature_ok(&own->sig, &root->key))
		return diag_fail(d, ERR_CRYPTO, "root CRL: signature verification failed");
	if (now >= own->next_update)
		return diag_fail(d, ERR_REFUSED, "root CRL: expired");
	if (x509_crl_lists(own, root->serial))
		return diag_fail(d, ERR_REFUSED, "the root is revoked");
	return 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Keeps what the verified path rests on: certificates in it, and lists signed by the issuer of the certificate that names them. The
 * addresses are plain http: another list, which "unknown passes" lets through once, would hide revocations for as long as it is kept. */
static void keep(const struct attest_ctx *ctx, const struct ak_docs *docs, const struct x509_crl *crls, const struct x509 *root,
		 const struct x509_path *path, int64_t now)
{
	int64_t until = now + KEEP_MAX;
	for (size_t i = 0; ctx->docs && i < docs->issuer_count; i++) {
		const struct ak_doc *doc = &docs->issuers[i];
		if (doc->fresh && span_eq(doc->body, root->der))
			doc_cache_put(ctx->docs, doc->uri, doc->body, until);
		for (size_t k = 0; k < path->n; k++)
			if (doc->fresh && span_eq(doc->body, path->cert[k]->der))
				doc_cache_put(ctx->docs, doc->uri, doc->body, earlier(until, path->cert[k]->not_after));
	}
	for (size_t i = 0; ctx->docs && i < docs->crl_count; i++) {
		for (size_t k = 1; k <= path->n; k++) {
			const struct x509 *issuer = k < path->n ? path->cert[k] : root;
			if (docs->crls[i].fresh && span_eq(crls[i].issuer, docs->crls[i].issuer) &&
			    span_eq(crls[i].issuer, issuer->subject) && x509_signature_ok(&crls[i].sig, &issuer->key))
				doc_cache_put(ctx->docs, docs->crls[i].uri, docs->crls[i].body, earlier(until, crls[i].next_update));
		}
	}
}

int ak_chain_verify(const struct attest_ctx *ctx, struct arena *a, const struct x509 *ak, int64_t now, int64_t *expires, struct diag *d)
{
	struct x509 root;
	struct x509_path path;
	int e = x509_parse(ctx->anchors.google_ek_root, &root, d);
	if (e)
		return diag_wrap(d, e, "Google EK/AK root certificate");
	struct ak_docs *docs = arena_alloc(a, sizeof *docs);
	struct x509_crl *crls = arena_array(a, AK_ROUNDS_MAX + 2, sizeof *crls);
	if (!docs || !crls)
		return diag_fail(d, ERR_LIMIT, "no memory left for the AK certificate chain");
	e = fetch_issuers(ctx, a, ak, now, docs, d);
	if (!e)
		e = fetch_crl(ctx, a, ak, now, docs, d);
	for (size_t i = 0; !e && i < docs->chain_len; i++)
		e = fetch_crl(ctx, a, &docs->chain[i], now, docs, d);
	size_t of_chain = docs->crl_count;
	if (!e)
		e = fetch_crl(ctx, a, &root, now, docs, d);
	if (e)
		return e;
	const struct x509_crl *list[AK_ROUNDS_MAX + 2];
	for (size_t i = 0; i < docs->crl_count; i++) {
		e = x509_crl_parse(docs->crls[i].body, &crls[i], d);
		if (e)
			return diag_wrap(d, e, "AK certificate chain: CRL");
		list[i] = &crls[i];
	}
	if (docs->crl_count > of_chain) {
		e = check_root(&root, &crls[of_chain], now, d);
		if (e)
			return diag_wrap(d, e, "AK certificate chain");
	}
	const struct x509_policy policy = {
		.anchor = &root,
		.now = now,
		.purpose = x509_tcg_aik,
		.revocation = X509_REVOCATION_UNKNOWN_PASSES,
		.crls = list,
		.crl_count = docs->crl_count,
	};
	e = x509_path_verify(ak, docs->chain, docs->chain_len, &policy, &path, d);
	if (e)
		return diag_wrap(d, e, "AK certificate chain");
	keep(ctx, docs, crls, &root, &path, now);
	*expires = path.expires;
	for (size_t i = 0; i < docs->crl_count; i++)
		if (crls[i].next_update > now && crls[i].next_update < *expires)
			*expires = crls[i].next_update;
	return 0;
}
