/* Keccak-256 with the original padding byte 0x01, as Ethereum uses it (not SHA3-256). */
#ifndef UKMS_CRYPTO_KECCAK_H
#define UKMS_CRYPTO_KECCAK_H

#include "base/span.h"

enum { KECCAK256_LEN = 32, KECCAK256_RATE = 136 };

void keccak256(struct span in, uint8_t out[KECCAK256_LEN]);

#endif
