/* The head of the audit log as a file or as the sector of a partition that the host may write. The data key is known here, so that sectors
 * with a good tag can be in the seeds; the digest inside is made good, so that what is behind it is reached. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "kms/keys/sealed_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void decode(struct span in)
{
	struct audit_head h;
	struct diag d = {0};
	uint8_t again[AUDIT_HEAD_LEN];
	if (audit_head_decode(in, &h, &d))
		return;
	audit_head_encode(&h, again);
	if (!span_eq(in, SPAN_ARR(again)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t key[SEALED_KEY_LEN] = {1};
	uint8_t sector[SEALED_SECTOR] = {0}, body[SEALED_HEAD_BODY], head[AUDIT_HEAD_LEN];
	struct diag d = {0};
	decode(SPAN(p, n));
	if (n == sizeof head) {
		memcpy(head, p, sizeof head);
		sha256(SPAN(head, 64), head + 64);
		decode(SPAN_ARR(head));
	}
	if (n > sizeof sector)
		return 0;
	memcpy(sector, p, n);
	if (!sealed_head_open(sector, key, body, &d))
		decode(SPAN(body, AUDIT_HEAD_LEN));
	return 0;
}
