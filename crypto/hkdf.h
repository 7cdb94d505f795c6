/* HKDF with SHA-256 (RFC 5869). */
#ifndef UKMS_CRYPTO_HKDF_H
#define UKMS_CRYPTO_HKDF_H

#include "base/span.h"

enum { HKDF_SHA256_MAX = 255 * 32 };

/* Expand(Extract(salt, ikm), info[0] || info[1] || ..., n). n is at most HKDF_SHA256_MAX. */
void hkdf_sha256(struct span salt, struct span ikm, const struct span *info, size_t parts, uint8_t *out, size_t n);

#endif
