/* DCAP collateral: what Intel signed about platforms, read once and then used for any number of quotes (attestation specification 2.3).
 *
 * A struct collateral is immutable after it was made and may be used by any number of threads. Its signatures were checked when it was
 * made; whether they, and the dates, are good for a verification is asked by dcap_verify, in the order of 2.4. */
#ifndef UKMS_KMS_ATTEST_COLLATERAL_H
#define UKMS_KMS_ATTEST_COLLATERAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "kms/attest/attest.h"

struct collateral;

/* The items as they arrive; texts are exact. */
struct collateral_items {
	struct span root_ca_crl, pck_crl;                      /* DER */
	struct span tcb_info_chain, qe_identity_chain;         /* PEM, leaf first */
	struct span tcb_info, qe_identity;                     /* the signed JSON texts */
	struct span tcb_info_signature, qe_identity_signature; /* r||s; any length, judged later */
	struct span pck_chain;                                 /* PEM, or empty: the quote's own */
};

enum { COLLATERAL_JSON_MAX = 1 << 20 };

/* Reads the JSON form ("QuoteCollateralV3"). ERR_INPUT: not that form, by name of the member. out borrows from a. */
int collateral_items_parse(struct arena *a, struct span json, struct collateral_items *out, struct diag *d);

/* Makes the collateral under the root certificate (DER). It lives in a and borrows nothing else. Items that do not parse or verify are
 * remembered as such, and refuse each verification with their own sentence. ERR_LIMIT: a is full. ERR_INPUT: root_der is no certificate. */
int collateral_make(struct arena *a, const struct collateral_items *items, struct span root_der, const struct collateral **out,
		    struct diag *d);

/* Both steps above. */
int collateral_from_json(struct arena *a, struct span json, struct span root_der, const struct collateral **out, struct diag *d);

/* --- the cache ----------------------------------------------------------------------------------------------------------------------
 *
 * Documents are kept until they expire, asked for again once a day and ahead of expiry, and taken only if they verify under the root. A
 * verification waits for a PCCS only for a platform (FMSPC and CA) that was not seen before, and only when the quote's PCK certificate is
 * Intel's. Thread safe. */

enum { COLLATERAL_ENDPOINTS = 4 };

struct collateral_config {
	const char *endpoint[COLLATERAL_ENDPOINTS]; /* PCCS base URLs, tried in order; each may hold several with blanks between them */
	size_t endpoint_count;                      /* 0: https://pccs.phala.network */
	bool offline;                               /* never ask an endpoint */
	struct span bundle;                         /* JSON form supplied by the operator, or empty: used for its platform while valid */
	bool bundle_for_all;    /* use the bundle whatever platform the quote names (a verifier with collateral from a file) */
	struct span root_der;   /* Intel SGX root CA */
	struct fetcher fetcher; /* must be usable from several threads */
	int timeout_ms;         /* for all documents of one quote; 0: 15 s */
};

/* Opens a cache; the configuration is copied. ERR_CONFIG, ERR_LIMIT, ERR_INPUT (the bundle, the root). */
int collateral_cache_open(const struct collateral_config *c, struct collateral_cache **out, struct diag *d);
/* No verification may be running. */
void collateral_cache_close(struct collateral_cache *cc);

/* Asks again for what expires within ahead seconds or is a day old. To be called by a thread that may wait (the service's timer).
 * now: seconds since the epoch. Returns after how many seconds to call again. */
int collateral_refresh(struct collateral_cache *cc, int64_t now, int ahead);

/* Of the process: quotes judged with collateral that was there, with collateral that had to be fetched first, fetches that failed; and the
 * time (seconds since the epoch) at which the oldest document in use was fetched, 0 if there is none. */
struct collateral_figures {
	atomic_long hits, misses, failures, oldest_fetched;
};
extern struct collateral_figures collateral_figures;

#endif
