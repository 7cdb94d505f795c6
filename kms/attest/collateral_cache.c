#include <time.h>

#include "base/civil.h"
#include "kms/attest/collateral_inner.h"

enum {
	SETS = 32,            /* platforms at once; with those still in use behind a newer one */
	MISSES = 16,          /* platforms remembered as failing */
	MISS_MS = 5000,       /* a platform that failed is not asked for again sooner */
	SET_MEMORY = 8 << 20, /* address space; what is used is some 100 KiB */
	SCRATCH = 32 << 20,   /* the same, while fetching */
	PCK_REST_MS = 1000,   /* after a PCK certificate was asked for in vain, none is asked for that long */
	PCK_WAIT_MS = 5000,   /* for a PCK certificate */
	WAIT_MS = 15000,      /* for all documents of one quote */
	DAY = 86400,
	NEXT_LEAST = 60,
	NEXT_MOST = 3600
};

static const char default_pccs[] = "https://pccs.phala.network";

/* Collateral of one platform. */
struct set {
	bool used, retired, pinned;
	struct platform platform;
	struct arena mem;
	const struct collateral *c;
	int64_t expires, fetched;
	unsigned readers;
	uint64_t last_use;
};

struct miss {
	struct platform platform;
	int64_t until_ms;
	int err;
	struct diag why;
};

struct collateral_cache {
	struct arena self;
	pthread_mutex_t lock; /* of everything but sources, which belongs to whoever has set `fetching` */
	pthread_cond_t idle;
	bool fetching;
	bool bundle_for_all;
	int timeout_ms;
	uint64_t clock;
	struct set set[SETS];
	struct miss miss[MISSES];
	size_t next_miss;
	int64_t pck_after_ms; /* of the monotonic clock */
	struct sources sources;
};

static bool same_platform(const struct platform *a, const struct platform *b)
{
	return memcmp(a->fmspc, b->fmspc, FMSPC_LEN) == 0 && a->platform_ca == b->platform_ca && a->tdx == b->tdx;
}

/* --- sets; the lock is held --------------------------------------------------------------------------------------------------------- */

static void drop(struct set *s)
{
	if (s->used && s->readers == 0) {
		arena_close(&s->mem);
		*s = (struct set){0};
	} else {
		s->retired = true;
	}
}

static struct set *find_set(struct collateral_cache *cc, const struct platform *p, int64_t now)
{
	for (size_t i = 0; i < SETS; i++) {
		struct set *s = &cc->set[i];
		if (s->used && !s->retired && now < s->expires && same_platform(&s->platform, p))
			return s;
	}
	return NULL;
}

/* A free slot, or the one of the platform that was not asked for longest. NULL: all are being read. */
static struct set *free_set(struct collateral_cache *cc)
{
	struct set *oldest = NULL;
	for (size_t i = 0; i < SETS; i++) {
		struct set *s = &cc->set[i];
		if (!s->used)
			return s;
		if (s->readers == 0 && !s->pinned && (!oldest || s->last_use < oldest->last_use))
			oldest = s;
	}
	if (oldest)
		drop(oldest);
	return oldest;
}

/* Takes over mem. */
static int add_set(struct collateral_cache *cc, const struct set *fresh, struct set **out, struct diag *d)
{
	for (size_t i = 0; i < SETS; i++)
		if (cc->set[i].used && !cc->set[i].pinned && same_platform(&cc->set[i].platform, &fresh->platform))
			drop(&cc->set[i]);
	*out = free_set(cc);
	if (!*out)
		return diag_fail(d, ERR_LIMIT, "collateral of too many platforms is in use");
	**out = *fresh;
	(*out)->used = true;
	(*out)->last_use = ++cc->clock;
	return 0;
}

static const struct collateral *read_set(struct collateral_cache *cc, struct set *s)
{
	s->readers++;
	s->last_use = ++cc->clock;
	return s->c;
}

static void release(struct collateral_cache *cc, const struct collateral *c)
{
	pthread_mutex_lock(&cc->lock);
	for (size_t i = 0; i < SETS; i++) {
		struct set *s = &cc->set[i];
		if (!s->used || s->c != c)
			continue;
		s->readers--;
		if (s->retired)
			drop(s);
		break;
	}
	pthread_mutex_unlock(&cc->lock);
}

/* --- one fetcher at a time; the lock is held ------------------------------------------------------------------------------------------ */

static int begin_fetching(struct collateral_cache *cc, int64_t deadline_ms, struct diag *d)
{
	struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
	while (cc->fetching)
		if (pthread_cond_timedwait(&cc->idle, &cc->lock, &until))
			return diag_fail(d, ERR_TIMEOUT, "collateral of another platform is being fetched");
	cc->fetching = true;
	return 0;
}

static void end_fetching(struct collateral_cache *cc)
{
	cc->fetching = false;
	pthread_cond_broadcast(&cc->idle);
}

static int recent_miss(struct collateral_cache *cc, const struct platform *p, struct diag *d)
{
	int64_t now = monotonic_ms();
	for (size_t i = 0; i < MISSES; i++) {
		const struct miss *m = &cc->miss[i];
		if (now < m->until_ms && same_platform(&m->platform, p))
			return diag_fail(d, (enum err)m->err, "%s", m->why.text);
	}
	return 0;
}

static void remember_miss(struct collateral_cache *cc, const struct platform *p, int e, const struct diag *d)
{
	cc->miss[cc->next_miss++ % MISSES] = (struct miss){*p, monotonic_ms() + MISS_MS, e, *d};
}

/* `fetching` is set, the lock is not held. */
static int make_set(struct collateral_cache *cc, const struct platform *p, const struct freshness *f, struct set *out, struct diag *d)
{
	struct arena scratch;
	*out = (struct set){.platform = *p};
	if (arena_open(&scratch, SCRATCH))
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	int e = arena_open(&out->mem, SET_MEMORY) ? diag_fail(d, ERR_LIMIT, "no memory for collateral") : 0;
	if (!e) {
		e = sources_collateral(&cc->sources, &out->mem, &scratch, p, f, &out->c, &out->expires, &out->fetched, d);
		if (e)
			arena_close(&out->mem);
	}
	arena_close(&scratch);
	return e;
}

/* --- what a quote needs ------------------------------------------------------------------------------------------------------------- */

static int fetch_pck_chain(struct collateral_cache *cc, struct arena *a, const struct quote *q, const struct freshness *f, struct span *pem,
			   struct diag *d)
{
	struct pccs_request request = {.kind = PCCS_PCK_CERT, .quote = q};
	const struct doc *doc;
	struct arena scratch;
	if (arena_open(&scratch, SCRATCH))
		return diag_fail(d, ERR_LIMIT, "no memory for collateral");
	int e = sources_get(&cc->sources, &scratch, &request, f, &doc, d);
	if (!e)
		*pem = arena_dup(a, doc->d.body);
	if (!e && !pem->p)
		e = diag_fail(d, ERR_LIMIT, "PCK certificate chain needs more memory than this request may use");
	arena_close(&scratch);
	return e;
}

/* The PCK chain of a quote that does not carry it. Such a quote may be anybody's invention: it must not keep others waiting for long. */
static int ask_pck_chain(struct collateral_cache *cc, struct arena *a, const struct quote *q, const struct freshness *f, struct span *pem,
			 struct diag *d)
{
	struct freshness soon = *f;
	if (monotonic_ms() + PCK_WAIT_MS < soon.deadline_ms)
		soon.deadline_ms = monotonic_ms() + PCK_WAIT_MS;
	pthread_mutex_lock(&cc->lock);
	int e = begin_fetching(cc, f->deadline_ms, d);
	if (!e && monotonic_ms() < cc->pck_after_ms) {
		e = diag_fail(d, ERR_IO, "a PCK certificate was asked for in vain a moment ago");
		end_fetching(cc);
	} else if (!e) {
		pthread_mutex_unlock(&cc->lock);
		e = fetch_pck_chain(cc, a, q, &soon, pem, d);
		pthread_mutex_lock(&cc->lock);
		if (e)
			cc->pck_after_ms = monotonic_ms() + PCK_REST_MS;
		end_fetching(cc);
	}
	pthread_mutex_unlock(&cc->lock);
	return e;
}

static int identify(struct collateral_cache *cc, struct arena *a, const struct quote *q, const struct freshness *f, struct span *pem,
		    struct cert_chain *chain, struct platform *out, struct diag *d)
{
	struct pck_info pck;
	int e = 0;
	*pem = SPAN(NULL, 0);
	if (q->cert_type == QUOTE_CERT_PPID_2048 || q->cert_type == QUOTE_CERT_PPID_3072)
		e = ask_pck_chain(cc, a, q, f, pem, d);
	else if (q->cert_type != QUOTE_CERT_PCK_CHAIN)
		e = diag_fail(d, ERR_UNSUPPORTED, "Unsupported DCAP PCK cert format: type %u", q->cert_type);
	if (!e)
		e = cert_chain_parse(a, pem->n ? *pem : q->cert_data, chain, d);
	if (!e)
		e = fault_tell(&chain->fault, d);
	if (!e && chain->count < 2)
		e = diag_fail(d, ERR_REFUSED, "Certificate chain is too short for PCK");
	if (!e)
		e = pck_info_read(&chain->leaf, &pck, d);
	if (e)
		return e;
	*out = (struct platform){.platform_ca = pccs_is_platform_ca(chain->leaf.issuer), .tdx = q->tee_type == QUOTE_TEE_TDX};
	memcpy(out->fmspc, pck.fmspc.p, FMSPC_LEN);
	return 0;
}

/* Only Intel's platforms make us ask anybody: anyone can write down an FMSPC. */
static int is_intels(const struct collateral_cache *cc, const struct cert_chain *chain, int64_t now, struct diag *d)
{
	struct x509_policy p = {.anchor = &cc->sources.root, .now = now, .purpose = x509_server_auth, .revocation = X509_REVOCATION_OFF};
	int e = x509_path_verify(&chain->leaf, chain->pool, chain->pool_count, &p, NULL, d);
	return e ? diag_wrap(d, e, "Failed to verify the PCK certificate chain") : 0;
}

/* The lock is held; it is let go while fetching. */
static int fill(struct collateral_cache *cc, const struct platform *p, const struct freshness *f, struct set **out, struct diag *d)
{
	struct set fresh;
	int e = begin_fetching(cc, f->deadline_ms, d);
	if (e)
		return e;
	*out = find_set(cc, p, f->now); /* another thread may have brought it meanwhile */
	if (!*out && !(e = recent_miss(cc, p, d))) {
		pthread_mutex_unlock(&cc->lock);
		e = make_set(cc, p, f, &fresh, d);
		pthread_mutex_lock(&cc->lock);
		if (e)
			remember_miss(cc, p, e, d);
		else if ((e = add_set(cc, &fresh, out, d)))
			arena_close(&fresh.mem);
	}
	end_fetching(cc);
	return e ? diag_wrap(d, e, "Failed to get collateral") : 0;
}

static int get(struct collateral_cache *cc, struct arena *a, const struct quote *q, int64_t now, const struct collateral **out,
	       struct span *pem, struct diag *d)
{
	struct freshness f = {now, now, INT64_MIN, monotonic_ms() + cc->timeout_ms};
	struct cert_chain chain;
	struct platform p;
	struct set *s = NULL;
	int e = 0;

	*pem = SPAN(NULL, 0);
	if (cc->bundle_for_all) {
		pthread_mutex_lock(&cc->lock);
		*out = read_set(cc, &cc->set[0]);
		pthread_mutex_unlock(&cc->lock);
		return 0;
	}
	if ((e = identify(cc, a, q, &f, pem, &chain, &p, d)))
		return e;
	pthread_mutex_lock(&cc->lock);
	if (!(s = find_set(cc, &p, now))) {
		pthread_mutex_unlock(&cc->lock);
		if ((e = is_intels(cc, &chain, now, d)))
			return e;
		pthread_mutex_lock(&cc->lock);
		e = fill(cc, &p, &f, &s, d);
	}
	if (!e)
		*out = read_set(cc, s);
	pthread_mutex_unlock(&cc->lock);
	return e;
}

int dcap_verify_cached(struct arena *a, struct span quote, struct collateral_cache *cc, int64_t now, const struct dcap_options *o,
		       struct dcap_result *out, struct diag *d)
{
	const struct collateral *c;
	struct span pem;
	int e = quote_parse(quote, &out->quote, d);
	if (!e)
		e = get(cc, a, &out->quote, now, &c, &pem, d);
	if (e)
		return e;
	e = dcap_verify_chain(a, quote, c, pem, now, o, out, d);
	release(cc, c);
	return e;
}

/* --- keeping it fresh --------------------------------------------------------------------------------------------------------------- */

/* The lock is held; it is let go while fetching. Old collateral stays when nothing newer is to be had. */
static void renew(struct collateral_cache *cc, const struct platform *p, int64_t now, int ahead)
{
	struct freshness f = {now, now + ahead, now - DAY, monotonic_ms() + cc->timeout_ms};
	struct set fresh, *added;
	struct diag why = {0};
	if (begin_fetching(cc, f.deadline_ms, &why))
		return;
	pthread_mutex_unlock(&cc->lock);
	int e = make_set(cc, p, &f, &fresh, &why);
	pthread_mutex_lock(&cc->lock);
	const struct set *old = find_set(cc, p, now);
	bool nothing_new = !e && old && old->fetched == fresh.fetched && old->expires == fresh.expires;
	if (!e && (nothing_new || add_set(cc, &fresh, &added, &why)))
		arena_close(&fresh.mem);
	end_fetching(cc);
}

int collateral_refresh(struct collateral_cache *cc, int64_t now, int ahead)
{
	int64_t next = now + NEXT_MOST;
	pthread_mutex_lock(&cc->lock);
	for (size_t i = 0; i < SETS; i++) {
		struct set *s = &cc->set[i];
		if (!s->used || s->retired || s->pinned)
			continue;
		struct platform p = s->platform;
		if (s->expires - ahead <= now || s->fetched + DAY <= now)
			renew(cc, &p, now, ahead);
		s = find_set(cc, &p, now);
		int64_t due = !s ? now : s->expires - ahead < s->fetched + DAY ? s->expires - ahead : s->fetched + DAY;
		if (due < next)
			next = due;
	}
	pthread_mutex_unlock(&cc->lock);
	return next - now < NEXT_LEAST ? NEXT_LEAST : (int)(next - now);
}

/* --- opening ------------------------------------------------------------------------------------------------------------------------ */

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
