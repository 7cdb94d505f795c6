/* secp256k1 over libsecp256k1: keys, recoverable signatures over Keccak-256 (protocol section 4.6). */
#ifndef UKMS_CRYPTO_SECP_H
#define UKMS_CRYPTO_SECP_H

#include "base/span.h"

enum { SECP_KEY_LEN = 32, SECP_PUB_LEN = 33, SECP_SIG_LEN = 65 };

/* A uniformly random valid private key (big endian). */
void secp_generate(uint8_t key[SECP_KEY_LEN]);
/* Compressed SEC1 public key; false if key is zero or not below the order. */
bool secp_public(const uint8_t key[SECP_KEY_LEN], uint8_t pub[SECP_PUB_LEN]);
/* r || s || v over Keccak-256(msg): nonce by RFC 6979 with HMAC-SHA-256, s in the lower half, v the recovery id. false: bad key. */
bool secp_sign(const uint8_t key[SECP_KEY_LEN], struct span msg, uint8_t sig[SECP_SIG_LEN]);
/* The compressed key that signed; false for a malformed signature. */
bool secp_recover(struct span msg, const uint8_t sig[SECP_SIG_LEN], uint8_t pub[SECP_PUB_LEN]);

#endif
