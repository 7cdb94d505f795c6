/* Remembers, for a while, which evidence was verified: per SHA-256 of the container bytes, until the earliest expiry among the inputs of
 * the verdict. A hit saves the signatures, chains and collateral; decoding and every comparison is done again. Thread safe. */
#ifndef UKMS_KMS_ATTEST_CACHE_H
#define UKMS_KMS_ATTEST_CACHE_H

#include <stdatomic.h>

#include "kms/attest/attest.h"

struct evidence_cache;

/* room: number of verdicts; the one that expires first gives way. ERR_LIMIT. */
int evidence_cache_open(size_t room, struct evidence_cache **out);
void evidence_cache_close(struct evidence_cache *c);

/* What cannot be read off the evidence itself. Texts are copied; advisories together at most 2 KiB, more is not remembered. */
struct verdict {
	struct span tcb_status, device;
	struct span advisories[ADVISORIES_MAX];
	size_t advisory_count;
	int64_t expires;
};

/* true and the verdict, its texts in a, if this container is remembered and now is before its expiry. */
bool evidence_cache_get(struct evidence_cache *c, struct arena *a, const uint8_t digest[32], int64_t now, struct verdict *out);
void evidence_cache_put(struct evidence_cache *c, const uint8_t digest[32], int64_t now, const struct verdict *v);

/* How often evidence was found remembered, and how often not; of the process. */
extern atomic_long evidence_cache_hits, evidence_cache_misses;

#endif
