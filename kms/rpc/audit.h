/* The audit log: each release and each denial is a record in a hash chain, kept in a bounded ring.
 *
 *	hash(0) = 32 zero bytes;  hash(n) = SHA-256(hash(n-1) || record(n)), record(n) being the bytes of its line
 *
 * The newest hash is signed with the k256 root over "ukms-audit-head:" || n (8 bytes, big endian) || hash(n), as in protocol section 4.6,
 *so that whoever kept an earlier head can show that nothing was cut out. Records hold no secret. */
#ifndef UKMS_KMS_RPC_AUDIT_H
#define UKMS_KMS_RPC_AUDIT_H

#include <pthread.h>

#include "crypto/secp.h"
#include "kms/attest/attest.h"

enum { AUDIT_RECORDS = 1024, AUDIT_RECORD_MAX = 2560 };

struct audit_record {
	uint16_t len;
	uint8_t text[AUDIT_RECORD_MAX];
	uint8_t hash[32];
};

struct audit {
	pthread_mutex_t lock;
	uint64_t count;            /* records ever made; the newest has this number */
	uint8_t head[32];          /* hash(count) */
	uint8_t before[32];        /* hash of the record that left the ring last */
	struct audit_record *ring; /* AUDIT_RECORDS */
};

/* ERR_LIMIT */
int audit_open(struct audit *l);
void audit_close(struct audit *l);

/* One outcome. method: "GetAppKey"; who: what is known of the caller, or NULL; reason: NULL for a release, else the sentence of refusal. */
void audit_add(struct audit *l, int64_t now, const char *method, const struct boot_info *who, struct span peer, const char *reason);

/* Lines: first a JSON object with the signed head ("sequence", "hash", "signature", "k256_pubkey", "first", "before_first"), then the
 * records from number "first" on, each line exactly as hashed. {NULL,0} when the arena is full. */
struct span audit_export(struct audit *l, struct arena *a, const uint8_t k256_root[SECP_KEY_LEN]);

#endif
