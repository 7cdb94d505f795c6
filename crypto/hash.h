/* SHA-2 in one call, over BearSSL. For long or split input use the br_sha*_context directly. */
#ifndef UKMS_CRYPTO_HASH_H
#define UKMS_CRYPTO_HASH_H

#include "base/span.h"

enum { SHA256_LEN = 32, SHA384_LEN = 48, SHA512_LEN = 64, HASH_MAX = 64 };

void sha256(struct span in, uint8_t out[SHA256_LEN]);
void sha384(struct span in, uint8_t out[SHA384_LEN]);
void sha512(struct span in, uint8_t out[SHA512_LEN]);

/* H(a || b) */
void sha256_2(struct span a, struct span b, uint8_t out[SHA256_LEN]);
void sha384_2(struct span a, struct span b, uint8_t out[SHA384_LEN]);

/* true if SHA-256, here and inside BearSSL, runs on the processor's own instructions. */
bool sha256_fast_here(void);
/* Set by tests, to run the code of other processors. */
extern bool sha256_portable_only;

#endif
