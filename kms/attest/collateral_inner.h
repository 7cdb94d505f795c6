/* Shared by the cache and its fetching side. */
#ifndef UKMS_KMS_ATTEST_COLLATERAL_INNER_H
#define UKMS_KMS_ATTEST_COLLATERAL_INNER_H

#include "kms/attest/dcap_inner.h"
#include "kms/attest/pccs.h"

/* A document that verified under the root, kept until it expires. */
struct doc {
	char path[PCCS_PATH_MAX]; /* "": free */
	struct arena mem;
	struct pccs_document d;
	int64_t issued;
	int64_t expires; /* first second at which it is of no use */
	int64_t fetched; /* seconds since the epoch */
	uint64_t used;   /* sources.clock when last asked for */
};
enum { DOCS = 64 };

/* Where documents come from and the ones at hand. Used by one thread at a time. */
struct sources {
	struct fetcher fetcher;
	char base[COLLATERAL_ENDPOINTS][PCCS_URL_MAX];
	size_t base_count;
	bool offline;
	struct x509 root;
	struct span root_crl_uri;
	uint64_t clock;
	struct doc doc[DOCS];
};

/* Which collateral a quote needs. */
struct platform {
	uint8_t fmspc[FMSPC_LEN];
	bool platform_ca, tdx;
};

/* When to be content with a document at hand. */
struct freshness {
	int64_t now;
	int64_t expires_after; /* it must be good until then; now: any valid one will do */
	int64_t fetched_after; /* and must have been fetched since; INT64_MIN: at any time */
	int64_t deadline_ms;   /* of the monotonic clock */
};

int64_t monotonic_ms(void);

/* The document, at hand or from the first endpoint that has a valid one; an older one that is still valid when no endpoint has.
 * scratch is used freely. The result stays until the next call that fetches. ERR_IO, ERR_TIMEOUT, or what was wrong with it. */
int sources_get(struct sources *s, struct arena *scratch, const struct pccs_request *q, const struct freshness *f, const struct doc **out,
		struct diag *d);

/* All documents of a platform, made into collateral. Each of them is genuine and current; whether one revokes the signer of another is
 * asked at every verification, so that collateral which does replaces older collateral which does not. *expires: the
 * first that does; *fetched: the oldest. */
int sources_collateral(struct sources *s, struct arena *mem, struct arena *scratch, const struct platform *p, const struct freshness *f,
		       const struct collateral **out, int64_t *expires, int64_t *fetched, struct diag *d);

void sources_close(struct sources *s);

enum {
	SETS = 32,            /* platforms at once; with those still in use behind a newer one */
	MISSES = 16,          /* platforms remembered as failing */
	SET_MEMORY = 8 << 20, /* address space; what is used is some 100 KiB */
	SCRATCH = 32 << 20    /* the same, while fetching */
};

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

#endif
