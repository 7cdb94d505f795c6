/* The audit log's head in storage, so that the chain goes on where an earlier process left it. */
#ifndef UKMS_KMS_RPC_AUDIT_KEEP_H
#define UKMS_KMS_RPC_AUDIT_KEEP_H

#include "kms/keys/storage.h"
#include "kms/rpc/audit.h"

enum { AUDIT_KEEP_SECONDS = 60 }; /* between two writes, if there are records to tell of */

struct audit_keep {
	pthread_mutex_t lock;
	struct audit *log;
	const struct key_storage *storage; /* it and log: NULL before audit_keep_begin() */
	bool ended;
};

/* First of all: from then on whoever ends the process may call audit_keep_end(). */
void audit_keep_init(struct audit_keep *k);

/* Reads the last head, makes the record of this start and keeps it. A head that cannot be trusted is none, and the record says why. An
 * error only if storage goes on saying that the process before ended properly: a later start would believe it of this one. */
int audit_keep_begin(struct audit_keep *k, struct audit *log, const struct key_storage *storage, int64_t now, struct diag *d);
/* Keeps the head as it is now. What fails is logged, and tried again the next time. */
void audit_keep_save(struct audit_keep *k);
/* Ends the log (audit_stop) and keeps its last head, marked as such. Once; does nothing while it has not begun. */
void audit_keep_end(struct audit_keep *k);

#endif
