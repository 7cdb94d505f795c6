/* One slot of the sealed store as bytes: no device, no TPM. See sealed_store.h for what it is for.
 *
 *      0  16  "ukms sealed st 1"
 *     16   8  sequence number, from 1
 *     24   8  value of the TPM counter once this record is committed
 *     32   4  length of the sealed data key
 *     36   4  length of the ciphertext
 *     40  32  salt
 *     72  32  SHA-256 of bytes 0..71 and 512..end: tells a torn record, and nothing else
 *    104 376  zero
 *    480  32  SHA-256 of bytes 0..479: tells a header from anything else
 *    512      the sealed data key, zero padded to 1024
 *   1536      ciphertext of: u64 time floor, u32 number of files, per file u32 length and bytes; zero padding
 *    end  16  Poly1305 tag; additional data is bytes 0..1535 with both digests zero
 *
 * The whole is a multiple of 4096. Numbers are little endian. */
#ifndef UKMS_KMS_KEYS_SEALED_RECORD_H
#define UKMS_KMS_KEYS_SEALED_RECORD_H

#include "drivers/tpm.h"
#include "kms/keys/storage.h"

enum {
	SEALED_SLOT = 1 << 20,
	SEALED_SECTOR = 512, /* what the disk writes whole or not at all */
	SEALED_BLOCK = 4096,
	SEALED_KEY_LEN = 32
};

struct sealed_meta {
	uint64_t sequence;
	uint64_t counter;
	struct span sealed_key; /* borrows from the record */
	size_t record_len;
};

enum slot_state {
	SLOT_ZERO,    /* all of it */
	SLOT_FOREIGN, /* something that this program did not write */
	SLOT_TORN,    /* a good header (meta is filled) over another body */
	SLOT_VALID    /* complete; who wrote it shows only by opening it */
};

/* A key for one purpose and one salt: HMAC-SHA256(data key, label || salt). */
void sealed_derive(const uint8_t data_key[SEALED_KEY_LEN], const char *label, const uint8_t salt[32], uint8_t out[32]);

/* Bytes of the record that a good header says it begins, at most SEALED_SLOT; 0 if it is no good header. */
size_t sealed_record_len(const uint8_t header[SEALED_SECTOR]);

/* What slot holds: SEALED_SLOT bytes, or only the sealed_record_len() of it if that is not 0. */
enum slot_state sealed_record_check(struct span slot, struct sealed_meta *meta);

/* Writes a record into out. meta: sequence, counter and sealed_key are read, record_len is set. Files may be empty spans.
 * ERR_LIMIT if they do not fit. */
int sealed_record_encode(uint8_t out[SEALED_SLOT], struct sealed_meta *meta, const uint8_t data_key[SEALED_KEY_LEN],
			 const struct key_files *files, uint64_t time_floor, struct diag *d);

/* Decrypts a SLOT_VALID record in place: record is overwritten, and the files borrow from it. ERR_CRYPTO: wrong tag; ERR_INPUT: another
 * layout inside. */
int sealed_record_open(uint8_t record[SEALED_SLOT], const struct sealed_meta *meta, const uint8_t data_key[SEALED_KEY_LEN],
		       struct key_files *files, uint64_t *time_floor, struct diag *d);

#endif
