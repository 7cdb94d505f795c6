/* P-256 key pairs: creation, the byte-exact PKCS#8 template, SubjectPublicKeyInfo, signing (protocol sections 4.2, 4.3, 5.1). */
#ifndef UKMS_CRYPTO_P256_H
#define UKMS_CRYPTO_P256_H

#include "base/err.h"
#include "base/span.h"

enum { P256_SCALAR_LEN = 32, P256_POINT_LEN = 65, P256_COMPRESSED_LEN = 33, P256_SPKI_LEN = 91, P256_PKCS8_LEN = 138, P256_SIG_MAX = 72 };

struct p256_key {
	uint8_t scalar[P256_SCALAR_LEN]; /* big endian */
	uint8_t point[P256_POINT_LEN];   /* 04 || x || y */
};

/* scalar must be in [1, n-1], else ERR_CRYPTO. */
int p256_from_scalar(struct p256_key *k, const uint8_t scalar[P256_SCALAR_LEN]);
void p256_generate(struct p256_key *k);
void p256_wipe(struct p256_key *k);

void p256_spki(const uint8_t point[P256_POINT_LEN], uint8_t out[P256_SPKI_LEN]);
/* 02 or 03 and x (SEC 1, 2.3.4) as 04 || x || y. false if that is no point. Not for secrets. */
bool p256_decompress(const uint8_t in[P256_COMPRESSED_LEN], uint8_t out[P256_POINT_LEN]);
/* The form that is hashed for DH secrets and written to key files: no inner parameters, public key present. */
void p256_pkcs8(const struct p256_key *k, uint8_t out[P256_PKCS8_LEN]);
/* Reads PKCS#8 v1/v2 or SEC1 ECPrivateKey DER, strict DER otherwise; a public key, if there is one, must belong to the private key.
 * ERR_INPUT malformed, ERR_UNSUPPORTED another curve or algorithm, ERR_CRYPTO a bad scalar or public key. */
int p256_read_private(struct p256_key *k, struct span der, struct diag *d);

/* ECDSA with SHA-256 over msg, DER, deterministic nonce (RFC 6979). Returns the length, at most P256_SIG_MAX. */
size_t p256_sign(const struct p256_key *k, struct span msg, uint8_t sig[P256_SIG_MAX]);

#endif
