/* What the RPCs of one KMS share. Made by service.c; read by many worker threads at once. */
#ifndef UKMS_KMS_RPC_KMS_H
#define UKMS_KMS_RPC_KMS_H

#include <pthread.h>

#include "kms/attest/attest.h"
#include "kms/attest/attester.h"
#include "kms/auth/auth.h"
#include "kms/config/config.h"
#include "kms/keys/identity.h"
#include "kms/rpc/audit.h"
#include "kms/rpc/audit_keep.h"
#include "kms/rpc/own_evidence.h"

/* The identity of this KMS itself, derived once from its own evidence. */
struct self_boot {
	pthread_mutex_t lock;
	bool known;
	struct arena arena;
	struct boot_info info;
};

struct kms {
	const struct config *config;
	const struct attester *attester;
	const struct key_storage *storage;
	const struct attest_ctx *attest;
	const struct http_proxies *proxies; /* for the source of onboarding; NULL: none */
	struct auth_backend auth;
	struct identity id; /* main phase only */
	struct own_evidence own;
	struct self_boot self;
	struct audit audit;
	struct audit_keep audit_keep;
	pthread_mutex_t setup; /* Bootstrap and Onboard, one at a time */
	bool set_up;           /* an identity was stored in this phase; under setup */
};

#endif
