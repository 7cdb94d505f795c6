/* Storing an identity exactly once: what Bootstrap, Onboard and auto-bootstrap share (protocol sections 9.1 to 9.4). */
#ifndef UKMS_KMS_RPC_ONBOARD_STORE_H
#define UKMS_KMS_RPC_ONBOARD_STORE_H

#include "kms/rpc/kms.h"

/* Takes the set-up lock; refuses with `refusal` if an identity, or part of one, is already stored. On error the lock is not held. */
int onboard_begin(struct kms *k, struct arena *a, const char *refusal, struct diag *d);
/* Stores the set and notes that this KMS is set up. */
int onboard_store(struct kms *k, const struct key_files *files, struct diag *d);
/* Gives the lock back. */
void onboard_end(struct kms *k);

/* Policy's leave for a new KMS on this machine, from fresh evidence, unless the configuration does not ask for it:
 * "<who> is not allowed to <verb>: boot denied: <reason>". */
int onboard_self_check(struct kms *k, struct arena *a, int64_t now, const char *verb, struct diag *d);

/* Generates keys for domain and stores them, without HTTP (section 9.3). */
int onboard_auto_bootstrap(struct kms *k, struct arena *a, int64_t now, struct span domain, struct diag *d);

#endif
