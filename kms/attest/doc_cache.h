/* Remembers documents fetched over the network (issuer certificates, revocation lists) by address until they expire. They are signed by
 * their issuers and are verified at each use, so keeping them changes no result. Thread safe. */
#ifndef UKMS_KMS_ATTEST_DOC_CACHE_H
#define UKMS_KMS_ATTEST_DOC_CACHE_H

#include "base/arena.h"

struct doc_cache;

enum { DOC_CACHE_ENTRIES = 64, DOC_CACHE_DOCUMENT_MAX = 256 * 1024 };

/* ERR_LIMIT */
int doc_cache_open(struct doc_cache **out);
void doc_cache_close(struct doc_cache *c);

/* true and a copy in a, if the document of that address is remembered and now is before its expiry. */
bool doc_cache_get(struct doc_cache *c, struct arena *a, struct span uri, int64_t now, struct span *body);
/* Keeps a copy until expires (seconds since the epoch). What is too long is not kept; the entry that expires first gives way. */
void doc_cache_put(struct doc_cache *c, struct span uri, struct span body, int64_t expires);

#endif
