/* X25519 (RFC 7748). */
#ifndef UKMS_CRYPTO_X25519_H
#define UKMS_CRYPTO_X25519_H

#include <stdint.h>

/* The public key of a private key: clamped scalar times the base point 9. Both little endian; key itself is left unclamped. */
void x25519_public(const uint8_t key[32], uint8_t pub[32]);

#endif
