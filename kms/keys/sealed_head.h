/* The head of the audit log beside the sealed store, on the same partition and under the same data key, without the TPM.
 *
 * Two sectors, SEALED_HEAD_AT and one block further, are written in turn, each: 16 bytes "ukms sealed au 1", 32 salt, the ciphertext of
 * {audit_head.h's bytes, u64 TPM count of the store at that time, u64 generation}, 16 tag; zero to 512. The key is HMAC-SHA256(data key,
 * "ukms audit head 1" || salt), additional data the magic and the salt. The one with the higher generation counts.
 *
 * The TPM does not count these writes, so a host can put an older one back; but not one from before the store's last counted change, at
 * most SEALED_FLOOR_STEP and a bit ago while the clock is trusted: then `bounded` is false. */
#ifndef UKMS_KMS_KEYS_SEALED_HEAD_H
#define UKMS_KMS_KEYS_SEALED_HEAD_H

#include "kms/keys/sealed_store.h"

enum { SEALED_HEAD_AT = 2 * SEALED_SLOT, SEALED_HEAD_BODY = AUDIT_HEAD_LEN + 16 };

/* As in struct key_storage; self is a struct sealed_store. */
int sealed_head_load(void *self, struct audit_head *out, struct diag *d);
int sealed_head_save(void *self, const struct audit_head *h, struct diag *d);

/* One sector, apart from the device: its body. ERR_MISSING: zeros; ERR_INPUT: something else; ERR_CRYPTO: of another store, or altered. */
int sealed_head_open(const uint8_t sector[SEALED_SECTOR], const uint8_t data_key[SEALED_KEY_LEN], uint8_t body[SEALED_HEAD_BODY],
		     struct diag *d);
void sealed_head_seal(uint8_t sector[SEALED_SECTOR], const uint8_t data_key[SEALED_KEY_LEN], const uint8_t body[SEALED_HEAD_BODY]);

#endif
