#include "crypto/x509_inner.h"

#include "crypto/der.h"

/* Bounds on hostile pools: webpki's number of signatures, fewer steps. */
enum { SIGNATURES_MAX = 100, STEPS_MAX = 10000 };

const struct span x509_server_auth = SPAN_LIT("\x2b\x06\x01\x05\x05\x07\x03\x01");
const struct span x509_client_auth = SPAN_LIT("\x2b\x06\x01\x05\x05\x07\x03\x02");
const struct span x509_tcg_aik = SPAN_LIT("\x67\x81\x05\x08\x01");

struct search {
	const struct x509_policy *p;
	const struct x509 *pool;
	size_t pool_count;
	size_t max_intermediates;
	struct x509_path path;
	unsigned signatures, steps;
	const char *reason; /* the most telling refusal so far */
};

static const char unknown_issuer[] = "UnknownIssuer", budget[] = "MaximumSignatureChecksExceeded";

/* Any reason says more than that no issuer was found. */
static bool refuse(struct search *s, const char *reason)
{
	if (s->reason == unknown_issuer)
		s->reason = reason;
	return false;
}

static bool purpose_ok(const struct x509 *c, struct span purpose)
{
	struct rd list = rd_from(c->eku);
	while (list.left)
		if (span_eq(der_take(&list, DER_OID), purpose) && rd_ok(&list))
			return true;
	return false;
}

/* What does not depend on who issued it; below: CA certificates under it in the path. */
static bool independent_ok(struct search *s, const struct x509 *c, bool leaf, size_t below)
{
	if (s->p->now < c->not_before)
		return refuse(s, "CertNotValidYet");
	if (s->p->now > c->not_after)
		return refuse(s, "CertExpired");
	if (leaf && c->is_ca)
		return refuse(s, "CaUsedAsEndEntity");
	if (!leaf && !c->is_ca)
		return refuse(s, "EndEntityUsedAsCa");
	if (!leaf && c->path_len != X509_NO_PATH_LEN && below > (size_t)c->path_len)
		return refuse(s, "PathLenConstraintViolated");
	if (c->has_eku && s->p->purpose.n && !purpose_ok(c, s->p->purpose))
		return refuse(s, "RequiredEkuNotFound");
	if (c->has_name_constraints)
		return refuse(s, "name constraints are not supported");
	return true;
}

static bool signature_ok(struct search *s, const struct x509_signed *sig, const struct x509_key *key)
{
	if (s->signatures == SIGNATURES_MAX) {
		s->reason = budget;
		return false;
	}
	s->signatures++;
	if (s->p->verify ? s->p->verify(s->p->self, sig, key) : x509_signature_ok(sig, key))
		return true;
	return refuse(s, sig->alg == X509_SIG_OTHER ? "UnsupportedSignatureAlgorithm" : "InvalidSignatureForPublicKey");
}

static bool names_share_uri(struct span a, struct span b)
{
	struct rd ra = rd_from(a);
	struct span ua, ub;
	while (x509_next_uri(&ra, &ua)) {
		struct rd rb = rd_from(b);
		while (x509_next_uri(&rb, &ub))
			if (span_eq(ua, ub))
				return true;
	}
	return false;
}

static bool authoritative(const struct x509_crl *crl, const struct x509 *c, bool leaf)
{
	if (!span_eq(crl->issuer, c->issuer))
		return false;
	if (!crl->has_idp)
		return true;
	if ((crl->only_user && !leaf) || (crl->only_ca && leaf))
		return false;
	if (!c->has_crl_points)
		return true;
	struct rd points = rd_from(c->crl_points);
	while (points.left) {
		struct crl_point p = x509_next_crl_point(&points);
		if (rd_ok(&points) && !p.has_reasons && !p.has_crl_issuer && names_share_uri(crl->idp_names, p.full_name))
			return true;
	}
	return false;
}

static bool crl_passes(struct search *s, const struct x509_crl *crl, const struct x509 *c, const struct x509_key *key)
{
	if (!signature_ok(s, &crl->sig, key))
		return false;
	if (s->p->now >= crl->next_update)
		return refuse(s, "CrlExpired");
	if (x509_crl_lists(crl, c->serial))
		return refuse(s, "CertRevoked");
	if (crl->next_update < s->path.expires)
		s->path.expires = crl->next_update;
	return true;
}

/* issuer: NULL for the anchor, whose keyUsage is not looked at. */
static bool not_revoked(struct search *s, const struct x509 *c, bool leaf, const struct x509_key *key, const struct x509 *issuer)
{
	const struct x509_crl *crl = NULL;
	for (size_t i = 0; i < s->p->crl_count && !crl; i++)
		if (authoritative(s->p->crls[i], c, leaf))
			crl = s->p->crls[i];
	if (!crl)
		return s->p->revocation == X509_REVOCATION_UNKNOWN_PASSES || refuse(s, "UnknownRevocationStatus");
	if (issuer && issuer->has_key_usage && !(issuer->key_usage & X509_KU_CRL_SIGN))
		return refuse(s, "IssuerNotCrlSigner");
	return crl_passes(s, crl, c, key);
}

/* Signatures and revocation of the whole path, from the anchor down. */
static bool chain_ok(struct search *s)
{
	const struct x509_key *key = &s->p->anchor->key;
	const struct x509 *issuer = NULL;
	s->path.expires = INT64_MAX;
	for (size_t i = s->path.n; i-- > 0;) {
		const struct x509 *c = s->path.cert[i];
		if (!signature_ok(s, &c->sig, key))
			return false;
		if (s->p->revocation != X509_REVOCATION_OFF && !not_revoked(s, c, i == 0, key, issuer))
			return false;
		if (c->not_after < s->path.expires)
			s->path.expires = c->not_after + 1;
		key = &c->key;
		issuer = c;
	}
	return true;
}

static bool in_path(const struct search *s, const struct x509 *c)
{
	for (size_t i = 0; i < s->path.n; i++)
		if (span_eq(s->path.cert[i]->subject, c->subject) && span_eq(s->path.cert[i]->spki, c->spki))
			return true;
	return false;
}

static bool extend(struct search *s, const struct x509 *c)
{
	bool leaf = s->path.n == 0;
	size_t below = leaf ? 0 : s->path.n - 1;
	if (s->steps == STEPS_MAX) {
		s->reason = budget;
		return false;
	}
	s->steps++;
	if (!independent_ok(s, c, leaf, below))
		return false;
	s->path.cert[s->path.n++] = c;
	if (span_eq(c->issuer, s->p->anchor->subject) && chain_ok(s))
		return true;
	if (s->path.n <= s->max_intermediates)
		for (size_t i = 0; i < s->pool_count && s->reason != budget; i++)
			if (span_eq(s->pool[i].subject, c->issuer) && !in_path(s, &s->pool[i]) && extend(s, &s->pool[i]))
				return true;
	s->path.n--;
	return false;
}

int x509_path_verify(const struct x509 *leaf, const struct x509 *pool, size_t pool_count, const struct x509_policy *p,
		     struct x509_path *out, struct diag *d)
{
	struct search s = {.p = p, .pool = pool, .pool_count = pool_count, .reason = unknown_issuer};
	s.max_intermediates = p->max_intermediates == 0                       ? X509_INTERMEDIATES_MAX
			      : p->max_intermediates == X509_NO_INTERMEDIATES ? 0
									      : p->max_intermediates;
	if (s.max_intermediates > X509_INTERMEDIATES_MAX)
		s.max_intermediates = X509_INTERMEDIATES_MAX;
	if (p->anchor->has_name_constraints)
		return diag_fail(d, ERR_REFUSED, "name constraints are not supported");
	if (!extend(&s, leaf))
		return diag_fail(d, ERR_REFUSED, "%s", s.reason);
	if (out)
		*out = s.path;
	return 0;
}

int x509_anchor_not_revoked(const struct x509_policy *p, int64_t *expires, struct diag *d)
{
	struct search s = {.p = p, .reason = unknown_issuer, .path.expires = INT64_MAX};
	const struct x509_crl *crl = NULL;
	for (size_t i = 0; i < p->crl_count && !crl; i++)
		if (span_eq(p->crls[i]->issuer, p->anchor->issuer))
			crl = p->crls[i];
	if (!crl)
		return diag_fail(d, ERR_REFUSED, "UnknownRevocationStatus");
	if (!crl_passes(&s, crl, p->anchor, &p->anchor->key))
		return diag_fail(d, ERR_REFUSED, "%s", s.reason);
	*expires = s.path.expires;
	return 0;
}
