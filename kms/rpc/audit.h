/* The audit log: each release, each denial and each start of the service is a record in a hash chain, of which the newest are kept in
 *memory.
 *
 *	hash(0) = 32 zero bytes;  hash(n) = SHA-256(hash(n-1) || record(n)), record(n) being the bytes of its line
 *
 * The newest hash is signed with the k256 root over "ukms-audit-head:" || n (8 bytes, big endian) || hash(n), as in protocol section 4.6,
 * so that whoever kept an earlier head can show that nothing was cut out.
 * The chain goes on across restarts from the last head that storage knows: the first record of a process says which that was, or that none
 * was known. Records hold no secret. */
#ifndef UKMS_KMS_RPC_AUDIT_H
#define UKMS_KMS_RPC_AUDIT_H

#include <pthread.h>

#include "crypto/secp.h"
#include "kms/attest/attest.h"
#include "kms/keys/audit_head.h"

enum { AUDIT_RECORDS = 1024, AUDIT_RECORD_MAX = 2560 };

struct audit_record {
	uint16_t len;
	uint8_t text[AUDIT_RECORD_MAX];
	uint8_t hash[32];
};

struct audit {
	pthread_mutex_t lock;
	uint64_t base;             /* the newest record of earlier processes; 0: none known */
	uint64_t count;            /* the newest record */
	uint8_t head[32];          /* hash(count) */
	uint8_t before[32];        /* hash of the record that left the ring last */
	struct audit_record *ring; /* AUDIT_RECORDS */
};

/* ERR_LIMIT */
int audit_open(struct audit *l);
void audit_close(struct audit *l);

/* The first record of this process. previous: the head to go on from; NULL: none is known, and why says it (or is empty). */
void audit_begin(struct audit *l, int64_t now, const struct audit_head *previous, const char *why);
/* Where the log stands now; not clean. */
void audit_head_now(struct audit *l, struct audit_head *out);
/* Where it ends: whoever wants to record something afterwards waits for ever, before his answer is out. The process is about to end. */
void audit_stop(struct audit *l, struct audit_head *out);

/* One outcome. method: "GetAppKey"; who: what is known of the caller, or NULL; reason: NULL for a release, else the sentence of refusal. */
void audit_add(struct audit *l, int64_t now, const char *method, const struct boot_info *who, struct span peer, const char *reason);

/* Lines: first a JSON object with the signed head ("sequence", "hash", "signature", "k256_pubkey", "first", "before_first"), then the
 * records from number "first" on, each line exactly as hashed. {NULL,0} when the arena is full. */
struct span audit_export(struct audit *l, struct arena *a, const uint8_t k256_root[SECP_KEY_LEN]);

#endif
