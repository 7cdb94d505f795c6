/* The identity of a KMS on the raw dstack-data partition (or any file), readable by this image on this TPM only.
 *
 * Two slots of SEALED_SLOT bytes at offset 0 hold the same record: header (magic, sequence number, counter value, salt, sealed key),
 * then ChaCha20-Poly1305 over the files, padded to 4096 bytes. Numbers are little endian.
 *
 *   data key    32 random bytes, sealed by the TPM to PCRs {0, boot_pcr, 14} as they are at sealed_store_open(); one per store
 *   record key  HMAC-SHA256(data key, "ukms sealed store 1" || salt), salt 32 fresh random bytes per record, so that the all-zero nonce is
 *               used once per key; the whole header is additional data
 *   write       slot 0, flush, slot 1, flush, TPM counter + 1. Sectors (512 bytes) are taken to be written whole or not at all.
 *   read        the valid slot with the higher sequence number; a slot that is torn or behind is written again
 *   fresh       slot 1 is all zero, and slot 0's header is zero or that of a torn very first record. Anything else unreadable is an error
 *   rollback    a record's counter value must be the TPM counter or one above (cut between flush and count). An older copy of the partition
 * is refused. A wiped partition is fresh: it holds no secret, and its owner could as well start another machine cap         the first event
 * measured after sealed_store_open() changes PCR 14, and nothing can unseal any more in this boot */
#ifndef UKMS_KMS_KEYS_SEALED_STORE_H
#define UKMS_KMS_KEYS_SEALED_STORE_H

#include "drivers/tpm.h"
#include "kms/keys/storage.h"

enum { SEALED_SLOT = 1 << 20, SEALED_STORE_MIN = 2 * SEALED_SLOT, SEALED_COUNTER_NV = 0x01801102 };

struct sealed_store {
	pthread_mutex_t lock;
	struct tpm *tpm;
	int fd;
	bool fresh;  /* nothing was ever stored */
	bool failed; /* a write or flush failed: what is on the disk is unknown until the next start */
	uint64_t sequence;
	int64_t time_floor;
	uint8_t data_key[32];
	uint8_t sealed[TPM_SEALED_MAX];
	size_t sealed_len;
	struct arena scratch; /* one record, for store and load */
};

/* Call right after boot-mr-done was measured, before the next event. fd: open for reading and writing, at least SEALED_STORE_MIN bytes;
 * the store does not close it. Unseals the data key, or makes and seals one when the partition is fresh (nothing is written then).
 * ERR_REFUSED: sealed by another image or to other measurements. ERR_CRYPTO: damaged, or of another TPM. ERR_INPUT: not a store. */
int sealed_store_open(struct sealed_store *s, struct tpm *tpm, int fd, unsigned boot_pcr, struct diag *d);
/* Wipes the data key. s may be all zero. */
void sealed_store_close(struct sealed_store *s);

/* The interface that the service uses; s must outlive it. */
struct key_storage sealed_store_storage(struct sealed_store *s);

/* Seconds since the epoch below which the clock cannot be right: the highest ever stored. 0 when fresh. */
int64_t sealed_store_time_floor(struct sealed_store *s);
/* Raises the floor; a lower value changes nothing. Writes the record (and counts) only if it is raised by at least an hour. */
int sealed_store_raise_time_floor(struct sealed_store *s, int64_t now, struct diag *d);

#endif
