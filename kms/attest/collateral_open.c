/* Opening and closing the collateral cache. */
#include "base/civil.h"
#include "kms/attest/collateral_inner.h"

enum { WAIT_MS = 15000 /* for all documents of one quote */ };

static const char default_pccs[] = "https://pccs.phala.network";

/* First second at which one of the documents is expired. */
static bool valid_until(const struct collateral *c, int64_t *out)
{
	int64_t tcb, qe;
	if (!rfc3339_parse(c->tcb.next_update, &tcb) || !rfc3339_parse(c->qe.next_update, &qe))
		return false;
	*out = tcb < qe ? tcb + 1 : qe + 1;
	for (size_t i = 0; i < 2; i++)
		if (c->crls[i]->next_update < *out)
			*out = c->crls[i]->next_update;
	return true;
}

/* The operator's collateral stands for its own platform, or for all. */
static int pin_bundle(struct collateral_cache *cc, const struct collateral_config *cfg, struct diag *d)
{
	struct collateral_items items;
	struct arena scratch;
	struct set *s = &cc->set[0];
	if (arena_open(&scratch, SCRATCH) || arena_open(&s->mem, SET_MEMORY))
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	s->used = s->pinned = true;
	s->expires = INT64_MAX;
	int e = collateral_items_parse(&scratch, cfg->bundle, &items, d);
	if (!cfg->bundle_for_all)
		items.pck_chain = SPAN(NULL, 0); /* of one machine; others share the rest */
	if (!e)
		e = collateral_make(&s->mem, &items, cfg->root_der, &s->c, d);
	arena_close(&scratch);
	if (e || cfg->bundle_for_all)
		return e;
	if (fault_tell(&s->c->crl_fault, d) || fault_tell(&s->c->tcb_doc.fault, d) || fault_tell(&s->c->qe_doc.fault, d))
		return diag_wrap(d, ERR_CONFIG, "supplied collateral");
	if (s->c->tcb.fmspc.n != FMSPC_LEN)
		return diag_fail(d, ERR_CONFIG, "supplied collateral names no FMSPC");
	if (!valid_until(s->c, &s->expires))
		return diag_fail(d, ERR_CONFIG, "supplied collateral has malformed dates");
	memcpy(s->platform.fmspc, s->c->tcb.fmspc.p, FMSPC_LEN);
	s->platform.tdx = span_is(s->c->tcb.id, "TDX");
	s->platform.platform_ca = pccs_is_platform_ca(s->c->pck_crl.issuer);
	return 0;
}

/* One base URL, or several with blanks between them. */
static int add_endpoints(struct sources *s, const char *urls, struct diag *d)
{
	static const char blanks[] = " \t\r\n";
	for (urls += strspn(urls, blanks); *urls; urls += strspn(urls, blanks)) {
		size_t n = strcspn(urls, blanks);
		char url[PCCS_URL_MAX];
		if (s->base_count == COLLATERAL_ENDPOINTS || n >= sizeof url)
			return diag_fail(d, ERR_CONFIG, "more than %d PCCS endpoints, or one that is too long", COLLATERAL_ENDPOINTS);
		memcpy(url, urls, n);
		url[n] = '\0';
		int e = pccs_normalise(url, s->base[s->base_count], d);
		if (e)
			return e;
		s->base_count++;
		urls += n;
	}
	return 0;
}

static int set_up(struct collateral_cache *cc, const struct collateral_config *cfg, struct diag *d)
{
	struct sources *s = &cc->sources;
	int e = 0;
	cc->bundle_for_all = cfg->bundle_for_all;
	cc->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : WAIT_MS;
	s->fetcher = cfg->fetcher;
	s->offline = cfg->offline || !cfg->fetcher.get;
	for (size_t i = 0; !e && i < cfg->endpoint_count; i++)
		e = add_endpoints(s, cfg->endpoint[i], d);
	if (!e && s->base_count == 0)
		e = add_endpoints(s, default_pccs, d);
	struct span root = arena_dup(&cc->self, cfg->root_der);
	if (!e && !root.p)
		e = diag_fail(d, ERR_LIMIT, "no memory for collateral");
	if (!e && (e = x509_parse(root, &s->root, d)))
		diag_wrap(d, e, "Intel SGX root certificate");
	if (e)
		return e;
	if (!x509_crl_uri(&s->root, 0, &s->root_crl_uri))
		s->root_crl_uri = SPAN(NULL, 0);
	return cfg->bundle.n ? pin_bundle(cc, cfg, d) : 0;
}

int collateral_cache_open(const struct collateral_config *cfg, struct collateral_cache **out, struct diag *d)
{
	struct arena self;
	pthread_condattr_t attr;
	*out = NULL;
	if (arena_open(&self, sizeof(struct collateral_cache) + (1 << 16)))
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	struct collateral_cache *cc = arena_alloc(&self, sizeof *cc);
	if (!cc)
		return diag_fail(d, ERR_INTERNAL, "arena is smaller than it was asked to be");
	pthread_mutex_init(&cc->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cc->idle, &attr);
	pthread_condattr_destroy(&attr);
	cc->self = self;
	int e = cfg->bundle_for_all && !cfg->bundle.n ? diag_fail(d, ERR_CONFIG, "no collateral is supplied") : set_up(cc, cfg, d);
	if (e)
		collateral_cache_close(cc);
	else
		*out = cc;
	return e;
}

void collateral_cache_close(struct collateral_cache *cc)
{
	if (!cc)
		return;
	for (size_t i = 0; i < SETS; i++)
		if (cc->set[i].used)
			arena_close(&cc->set[i].mem);
	sources_close(&cc->sources);
	pthread_cond_destroy(&cc->idle);
	pthread_mutex_destroy(&cc->lock);
	struct arena self = cc->self;
	arena_close(&self);
}
