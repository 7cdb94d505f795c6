/* Where the audit log stood, as storage keeps it from one process to the next. It holds no secret. Bytes, numbers little endian:
 *
 *      0  16  "ukms audit head1"
 *     16   8  number of the newest record, below 2^53
 *     24  32  its hash (kms/rpc/audit.h)
 *     56   1  1: the process ended properly, and this was its last record; 0: it was still running
 *     57   7  zero
 *     64  32  SHA-256 of bytes 0..63: tells a torn file from a whole one, and nothing else */
#ifndef UKMS_KMS_KEYS_AUDIT_HEAD_H
#define UKMS_KMS_KEYS_AUDIT_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { AUDIT_HEAD_LEN = 96 };

struct audit_head {
	uint64_t n;
	uint8_t hash[32];
	bool clean;
	/* Not in the bytes; set by who reads them back: it cannot be older than the storage's last change of keys or of its time floor. */
	bool bounded;
};

void audit_head_encode(const struct audit_head *h, uint8_t out[AUDIT_HEAD_LEN]);
/* ERR_INPUT unless in is exactly what audit_head_encode() writes. */
int audit_head_decode(struct span in, struct audit_head *out, struct diag *d);

#endif
