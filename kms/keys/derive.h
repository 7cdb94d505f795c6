/* Key derivation (protocol section 4): everything an application gets, from the two root keys. */
#ifndef UKMS_KMS_KEYS_DERIVE_H
#define UKMS_KMS_KEYS_DERIVE_H

#include "crypto/p256.h"
#include "crypto/secp.h"

enum { DERIVED_LEN = 32 };

/* The identity of a KMS. */
struct root_keys {
	struct p256_key ca;         /* signs certificates; parent of disk, env and app CA keys */
	uint8_t k256[SECP_KEY_LEN]; /* parent of app k256 keys; signs them */
};

/* HKDF-SHA256 with salt "RATLS" and the parts joined without separators. */
void derive_key(struct span ikm, const struct span *parts, size_t count, uint8_t *out, size_t n);
/* A P-256 key below parent. ERR_CRYPTO "failed to decode derived secret key" (about one in 2^32). */
int derive_p256(const struct p256_key *parent, const struct span *parts, size_t count, struct p256_key *out, struct diag *d);
/* SHA-256 of the PKCS#8 form of derive_p256(). */
int derive_dh(const struct p256_key *parent, const struct span *parts, size_t count, uint8_t out[DERIVED_LEN], struct diag *d);

/* Section 4.5. app_id: 20 bytes; instance_id: 0 or 20. Errors carry upstream's contexts. */
int derive_disk_key(const struct root_keys *r, struct span app_id, struct span instance_id, uint8_t out[DERIVED_LEN], struct diag *d);
int derive_env_key(const struct root_keys *r, struct span app_id, uint8_t out[DERIVED_LEN], struct diag *d);
int derive_app_ca(const struct root_keys *r, struct span app_id, struct p256_key *out, struct diag *d);
/* The app's k256 key, and the root's signature over "dstack-kms-issued:" app_id public_key. */
int derive_k256(const struct root_keys *r, struct span app_id, uint8_t key[SECP_KEY_LEN], uint8_t sig[SECP_SIG_LEN], struct diag *d);

/* Signatures over "dstack-env-encrypt-pubkey:" app_id [timestamp, 8 bytes big endian] env_public_key (section 4.6). */
int derive_sign_env(const struct root_keys *r, struct span app_id, const uint8_t env_pub[32], uint8_t legacy[SECP_SIG_LEN],
		    uint64_t timestamp, uint8_t v1[SECP_SIG_LEN], struct diag *d);

/* 64 bytes of report data for the Bootstrap attestation of both root public keys (section 9.2 step 5). */
void derive_bootstrap_report_data(struct span ca_spki, const uint8_t k256_pub[SECP_PUB_LEN], uint8_t out[64]);

#endif
