/* Who may get something: the caller (protocol section 8.2) and this KMS itself (8.1). */
#ifndef UKMS_KMS_RPC_BOOT_CHECK_H
#define UKMS_KMS_RPC_BOOT_CHECK_H

#include "kms/rpc/rpc.h"

enum boot_kind { BOOT_APP, BOOT_KMS };

/* Identity, policy, image. On success *b is the identity and *answer the policy's answer. "No attestation provided" when v is NULL;
 * "Boot denied: <reason>"; "Failed to verify os image hash: Failed to verify os image hash: ...". Sets c->who and c->denied. */
int boot_check(struct rpc_call *c, const struct verified *v, enum boot_kind kind, bool boottime, struct span vm_config, struct boot_info *b,
	       struct auth_decision *answer, struct diag *d);

/* The release gates on platforms that need an explicit yes in the configuration. */
int boot_platform_gate(const struct config *c, enum variant v, struct diag *d);

/* The platform of this KMS, once boot_self_check() has derived it. false: it was not asked. */
bool boot_self_variant(struct kms *k, enum variant *v);

/* Asks policy about this KMS itself, unless the configuration says not to. "KMS self authorization failed: ...". */
int boot_self_check(struct rpc_call *c, struct diag *d);

/* This machine's identity from evidence over 64 zero bytes, at most some seconds old. Contexts: "Failed to get local KMS attestation" and
 * so on. */
int boot_self_info(struct kms *k, struct arena *a, int64_t now, struct boot_info *b, struct diag *d);

/* One question to the policy, counted and timed. */
int boot_ask(const struct kms *k, struct arena *a, enum boot_kind kind, const struct boot_info *b, struct auth_decision *answer,
	     struct diag *d);

/* Whether the image that evidence claims must be borne out by its measurements: as configured, and for SEV-SNP always, since upstream
 * recomputes that measurement while it derives the identity, whatever the setting (attestation 7.3, step 3). */
bool boot_image_counts(const struct config *c, enum variant v);

#endif
