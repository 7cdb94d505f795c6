#include "kms/attest/snp_kds.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kms/attest/snp_inner.h"

static const char amd_base[] = "https://kdsintf.amd.com/vcek/v1";

/* A VCEK has about 1,300 bytes, an ASK 1,600. Larger ones are used and not remembered. */
enum { VCEKS = 1024, VCEK_ROOM = 2048, ASK_ROOM = 4096, FETCH_MS = 20000 };

struct vcek_slot {
	enum snp_product product;
	uint8_t chip_id[64];
	uint64_t tcb;
	size_t len; /* 0: empty */
	uint8_t der[VCEK_ROOM];
};

struct snp_kds {
	char *base;
	pthread_mutex_t lock;
	size_t ask_len[SNP_PRODUCTS];
	uint8_t ask[SNP_PRODUCTS][ASK_ROOM];
	size_t next; /* slot that is overwritten next */
	struct vcek_slot vcek[VCEKS];
};

struct snp_kds *snp_kds_open(const char *base_url)
{
	struct snp_kds *k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->base = strdup(base_url ? base_url : amd_base);
	if (!k->base) {
		free(k);
		return NULL;
	}
	for (size_t n = strlen(k->base); n && k->base[n - 1] == '/'; n--)
		k->base[n - 1] = 0;
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void snp_kds_close(struct snp_kds *k)
{
	if (!k)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k->base);
	free(k);
}

static struct vcek_slot *find(struct snp_kds *k, enum snp_product product, const struct snp_report *r)
{
	for (size_t i = 0; i < VCEKS; i++) {
		struct vcek_slot *s = &k->vcek[i];
		if (s->len && s->product == product && s->tcb == r->reported_tcb && memcmp(s->chip_id, r->chip_id, sizeof s->chip_id) == 0)
			return s;
	}
	return NULL;
}

/* {NULL, 0} where nothing is remembered */
static int recall(struct snp_kds *k, struct arena *a, enum snp_product product, const struct snp_report *r, struct span *ask,
		  struct span *vcek, struct diag *d)
{
	*ask = *vcek = (struct span){NULL, 0};
	if (!k)
		return 0;
	pthread_mutex_lock(&k->lock);
	const struct vcek_slot *s = find(k, product, r);
	size_t ask_len = k->ask_len[product];
	if (ask_len)
		*ask = arena_dup(a, SPAN(k->ask[product], ask_len));
	if (s)
		*vcek = arena_dup(a, SPAN(s->der, s->len));
	bool full = (ask_len && !ask->p) || (s && !vcek->p);
	pthread_mutex_unlock(&k->lock);
	return full ? diag_fail(d, ERR_LIMIT, "AMD certificates need more memory than this request may use") : 0;
}

void snp_kds_keep(struct snp_kds *k, enum snp_product product, const struct snp_report *r, struct span ask, struct span vcek)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	if (!k->ask_len[product] && ask.n <= ASK_ROOM) {
		memcpy(k->ask[product], ask.p, ask.n);
		k->ask_len[product] = ask.n;
	}
	if (vcek.n <= VCEK_ROOM && !find(k, product, r)) {
		struct vcek_slot *s = &k->vcek[k->next];
		k->next = (k->next + 1) % VCEKS;
		s->product = product;
		s->tcb = r->reported_tcb;
		memcpy(s->chip_id, r->chip_id, sizeof s->chip_id);
		memcpy(s->der, vcek.p, vcek.n);
		s->len = vcek.n;
	}
	pthread_mutex_unlock(&k->lock);
}

static int fetch(const struct fetcher *f, struct arena *a, const char *url, struct span *body, struct diag *d)
{
	struct fetched got = {0};
	if (!url)
		return diag_fail(d, ERR_LIMIT, "AMD KDS: URL needs more memory than this request may use");
	if (!f->get)
		return diag_fail(d, ERR_IO, "AMD KDS: there is no network, and the evidence carries no certificates");
	int e = f->get(f->self, a, url, FETCH_MS, &got, d);
	if (e)
		return diag_wrap(d, e, "AMD KDS");
	if (got.status != 200)
		return diag_fail(d, ERR_IO, "AMD KDS answered %d for %s", got.status, url_public(a, url));
	*body = got.body;
	return 0;
}

/* .../cert_chain is a PEM text of ASK and ARK; the ARK is built in, so this one is not looked at. */
static int fetch_ask(const char *base, const struct fetcher *f, struct arena *a, enum snp_product product, struct span *ask, struct diag *d)
{
	struct span body;
	int e = fetch(f, a, arena_fmt(a, "%s/%s/cert_chain", base, snp_products[product].name), &body, d);
	if (e)
		return e;
	struct rd text = rd_from(body);
	e = pem_next(a, &text, "CERTIFICATE", ask, d);
	if (e < 0)
		return diag_wrap(d, e, "AMD KDS: certificate chain");
	return e ? 0 : diag_fail(d, ERR_INPUT, "AMD KDS: certificate chain without certificate");
}

static int fetch_vcek(const char *base, const struct fetcher *f, struct arena *a, enum snp_product product, const struct snp_report *r,
		      struct span *vcek, struct diag *d)
{
	const struct snp_product_info *p = &snp_products[product];
	const char *chip = hex_encode_in(a, SPAN(r->chip_id, p->chip_id_len));
	const char *url = chip ? arena_fmt(a, "%s/%s/%s", base, p->name, chip) : NULL;
	for (size_t i = 0; i < p->spls && url; i++)
		url = arena_fmt(a, "%s%c%s=%u", url, i ? '&' : '?', p->spl[i].name, snp_tcb_byte(r->reported_tcb, p->spl[i].byte));
	struct span body;
	int e = fetch(f, a, url, &body, d);
	return e ? e : snp_cert_der(a, body, vcek, d);
}

int snp_kds_get(struct snp_kds *k, const struct fetcher *f, struct arena *a, enum snp_product product, const struct snp_report *r,
		struct span *ask, struct span *vcek, struct diag *d)
{
	const char *base = k ? k->base : amd_base;
	int e = recall(k, a, product, r, ask, vcek, d);
	if (!e && !ask->p)
		e = fetch_ask(base, f, a, product, ask, d);
	if (!e && !vcek->p)
		e = fetch_vcek(base, f, a, product, r, vcek, d);
	return e;
}
