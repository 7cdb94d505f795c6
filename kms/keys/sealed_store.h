/* The identity of a KMS on the raw dstack-data partition (or any file), readable by this image on this TPM only.
 *
 * Two slots of SEALED_SLOT bytes from offset 0 hold the same record (sealed_record.h).
 *
 *   data key    32 random bytes, sealed by the TPM to PCRs {0, boot_pcr, 14} as they are at sealed_store_open(); one per store. An object
 * that somebody else sealed to the same values is refused: the TPM vouches for the PCRs at its creation (tpm_seal.c) record key
 * HMAC-SHA256(data key, "ukms sealed store 1" || salt), the salt 32 fresh random bytes per record, so that ChaCha20-Poly1305's all-zero
 * nonce is used once per key; the whole header is additional data write       slot 0, then slot 1, each: header sector, flush, rest, flush;
 * then TPM counter + 1. Sectors (512 bytes) are taken to be written whole or not at all, in any order between flushes read        the
 * complete slot with the higher sequence number; the other one is made equal to it fresh       slot 1 is all zero, and slot 0 is all zero
 * or a torn record number 1. Anything else unreadable is an error rollback    a record's counter value must be that of the TPM, or one more
 * (power lost before the count, which is then made up for). An older copy of the partition is refused. A wiped partition is fresh: it gives
 * no secret away, and who can wipe it can as well start another machine cap         the first event measured after sealed_store_open()
 * changes PCR 14, and nothing can unseal any more in this boot */
#ifndef UKMS_KMS_KEYS_SEALED_STORE_H
#define UKMS_KMS_KEYS_SEALED_STORE_H

#include "kms/keys/sealed_record.h"

enum { SEALED_STORE_MIN = 2 * SEALED_SLOT, SEALED_COUNTER_NV = 0x01801102, SEALED_FLOOR_STEP = 3600 };

struct sealed_store {
	pthread_mutex_t lock;
	struct tpm *tpm; /* NULL when not open */
	int fd;
	bool fresh;  /* nothing was ever stored */
	bool failed; /* a write failed: what is on the disk is known again after the next start */
	uint64_t sequence;
	uint64_t counter;
	uint64_t time_floor;
	uint8_t data_key[SEALED_KEY_LEN];
	uint8_t sealed_key[TPM_SEALED_MAX];
	size_t sealed_key_len;
	/* sealed_head.c */
	uint64_t head_generation;
	bool head_kept; /* head is what the newest sector holds */
	uint8_t head[AUDIT_HEAD_LEN + 16];
	struct arena scratch; /* holds the next two */
	uint8_t *record;      /* SEALED_SLOT bytes: the record being read or written */
	uint8_t *other;       /* SEALED_SLOT bytes */
};

/* Call right after boot-mr-done was measured, before the next event. fd: open for reading and writing, at least SEALED_STORE_MIN bytes;
 * the store does not close it. Unseals the data key, or makes and seals one when the partition is fresh (nothing is written then). Ends
 * what a crash has left half done.
 * ERR_REFUSED: sealed by another image or with another configuration, or rolled back. ERR_CRYPTO: damaged, or of another TPM. ERR_INPUT:
 * the partition holds something else. ERR_LIMIT: it is too small. ERR_IO. */
int sealed_store_open(struct sealed_store *s, struct tpm *tpm, int fd, unsigned boot_pcr, struct diag *d);
/* Wipes the keys. s may be all zero. */
void sealed_store_close(struct sealed_store *s);

/* The interface that the service uses; s must outlive it. */
struct key_storage sealed_store_storage(struct sealed_store *s);

/* Seconds since the epoch below which the clock cannot be right: the highest ever stored. 0 when fresh. */
int64_t sealed_store_time_floor(struct sealed_store *s);
/* Raises the floor. Writes the record only if that raises it by SEALED_FLOOR_STEP seconds or more; a lower time changes nothing. */
int sealed_store_raise_time_floor(struct sealed_store *s, int64_t now, struct diag *d);

#endif
