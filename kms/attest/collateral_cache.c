#include <time.h>

#include "kms/attest/collateral_inner.h"

enum {
	MISS_MS = 5000,     /* a platform that failed is not asked for again sooner */
	PCK_REST_MS = 1000, /* after a PCK certificate was asked for in vain, none is asked for that long */
	PCK_WAIT_MS = 5000, /* for a PCK certificate */
	DAY = 86400,
	NEXT_LEAST = 60,
	NEXT_MOST = 3600
};

struct collateral_figures collateral_figures;

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

/* The lock is held. */
static void note_oldest(const struct collateral_cache *cc)
{
	int64_t oldest = 0;
	for (size_t i = 0; i < SETS; i++) {
		const struct set *s = &cc->set[i];
		if (s->used && !s->retired && !s->pinned && (oldest == 0 || s->fetched < oldest))
			oldest = s->fetched;
	}
	atomic_store_explicit(&collateral_figures.oldest_fetched, (long)oldest, memory_order_relaxed);
}

static void count(atomic_long *figure)
{
	atomic_fetch_add_explicit(figure, 1, memory_order_relaxed);
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
	note_oldest(cc);
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
	if (e)
		count(&collateral_figures.failures);
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
	s = find_set(cc, &p, now);
	count(s ? &collateral_figures.hits : &collateral_figures.misses);
	if (!s) {
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
