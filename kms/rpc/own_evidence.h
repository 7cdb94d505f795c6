/* This machine's evidence over 64 zero bytes, which names no key and may be shown to several askers.
 *
 * The page and GetAttestationInfo of the onboard phase, and Bootstrap's question about ourselves, are open to anybody. A quote keeps the
 * TPM busy for tens of milliseconds, so one is made at a time, whoever asks meanwhile gets the same, and it serves for some seconds. */
#ifndef UKMS_KMS_RPC_OWN_EVIDENCE_H
#define UKMS_KMS_RPC_OWN_EVIDENCE_H

#include <pthread.h>

#include "kms/attest/attest.h"
#include "kms/attest/attester.h"

enum {
	OWN_EVIDENCE_KEEP_MS = 10000, /* after it was made */
	OWN_EVIDENCE_RETRY_MS = 1000  /* after it could not be made: the same refusal */
};

struct own_evidence {
	pthread_mutex_t lock;
	unsigned keep_ms, retry_ms;
	/* under lock */
	bool made;            /* the rest says something */
	bool doubted;         /* it did not verify */
	uint64_t finished_us; /* of the monotonic clock, when it was made or failed */
	int error;            /* 0, or why there is none */
	struct diag why;
	struct arena arena;
	struct span container; /* in arena */
};

void own_evidence_init(struct own_evidence *o);

/* *container: a copy in a. Errors are those of the attester, and ERR_LIMIT. */
int own_evidence_get(struct own_evidence *o, const struct attester *by, struct arena *a, struct span *container, struct diag *d);

/* What own_evidence_get() gave, decoded and verified, over zero bytes indeed. What does not pass serves no longer than a failure would.
 * what: for "Failed to decode WHAT: ...", "Failed to verify WHAT: ...". Errors are those of attest_verify(). */
int own_evidence_verify(struct own_evidence *o, const struct attest_ctx *ctx, struct arena *a, struct span container, int64_t now,
			const char *what, struct verified *out, struct diag *d);

/* What is kept no longer counts, and its memory is given back: the machine has measured something, or another phase begins. */
void own_evidence_forget(struct own_evidence *o);

#endif
