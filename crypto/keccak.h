/* The Keccak family (FIPS 202); keccak256 is the original one that Ethereum uses, not SHA3-256. */
#ifndef UKMS_CRYPTO_KECCAK_H
#define UKMS_CRYPTO_KECCAK_H

#include "base/span.h"

enum { KECCAK256_LEN = 32 };

/* The padding byte tells the original submission from the standard. */
enum keccak_padding { KECCAK_ORIGINAL = 0x01, KECCAK_SHA3 = 0x06 };
/* bits: 256, 384 or 512. The input is the parts, one after the other; out gets bits / 8 bytes. */
void keccak(unsigned bits, enum keccak_padding padding, const struct span *parts, size_t n, uint8_t *out);

void keccak256(struct span in, uint8_t out[KECCAK256_LEN]);

#endif
