/* A slot of the sealed store as the host may write it. The digests are made good, so that what is behind them is reached; the data key is
 * known here, so that records with a good tag can be in the seeds. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "kms/keys/sealed_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	_Alignas(16) static uint8_t slot[SEALED_SLOT];
	static const uint8_t key[SEALED_KEY_LEN] = {1};
	struct sealed_meta meta;
	struct key_files files;
	struct diag d = {0};
	uint64_t floor;
	uint8_t digest[SHA256_LEN];
	if (n > 64 * SEALED_BLOCK)
		return 0;
	memset(slot, 0, 64 * SEALED_BLOCK);
	memcpy(slot, p, n);
	(void)sealed_record_check(SPAN(slot, n), &meta);
	sha256(SPAN(slot, 480), digest);
	memcpy(slot + 480, digest, sizeof digest);
	if (sealed_record_check(SPAN_ARR(slot), &meta) != SLOT_TORN && meta.record_len == 0)
		return 0;
	sha256_2(SPAN(slot, 72), SPAN(slot + SEALED_SECTOR, meta.record_len - SEALED_SECTOR), digest);
	memcpy(slot + 72, digest, sizeof digest);
	sha256(SPAN(slot, 480), digest);
	memcpy(slot + 480, digest, sizeof digest);
	size_t len = sealed_record_len(slot);
	if (sealed_record_check(SPAN_ARR(slot), &meta) != SLOT_VALID || len != meta.record_len ||
	    sealed_record_check(SPAN(slot, len), &meta) != SLOT_VALID)
		abort();
	(void)sealed_record_open(slot, &meta, key, &files, &floor, &d);
	memset(slot, 0, meta.record_len);
	return 0;
}
