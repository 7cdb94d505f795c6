/* Who may boot: one interface for every backend of policy. Decisions are asked anew for each request and never cached. */
#ifndef UKMS_KMS_AUTH_AUTH_H
#define UKMS_KMS_AUTH_AUTH_H

#include "kms/attest/attest.h"

struct auth_decision {
	bool allowed;
	struct span gateway_app_id;
	struct span reason; /* the policy's words, passed on as they are */
};

/* What GetMeta and GetAttestationInfo show. An absent text has .p NULL. */
struct auth_info {
	struct span gateway_app_id, kms_contract_address, app_implementation, eth_rpc_url;
	bool has_chain_id;
	uint64_t chain_id;
};

/* Calls block, at most for the configured time, and run on many threads at once. Results are in the arena. An error (ERR_IO, ERR_TIMEOUT,
 * ERR_INPUT) is a refusal; its sentence is shown to callers. */
struct auth_backend {
	int (*allow_app)(void *self, struct arena *a, const struct boot_info *b, struct auth_decision *out, struct diag *d);
	int (*allow_kms)(void *self, struct arena *a, const struct boot_info *b, struct auth_decision *out, struct diag *d);
	int (*info)(void *self, struct arena *a, struct auth_info *out, struct diag *d);
	bool is_dev; /* allows everything */
	void *self;
};

#endif
