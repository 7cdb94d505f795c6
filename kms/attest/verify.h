/* The steps behind attest_verify, for tools that look at decoded evidence. */
#ifndef UKMS_KMS_ATTEST_VERIFY_H
#define UKMS_KMS_ATTEST_VERIFY_H

#include "kms/attest/evidence.h"

/* Fills ev->measured from the evidence as it stands, unverified. */
int evidence_measure(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, struct diag *d);

/* Verifies decoded evidence: steps 2 to 4 of section 0. */
int evidence_verify(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, int64_t now, struct verified *out, struct diag *d);

/* What evidence says without verification; see attest_preview. */
int evidence_preview(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, struct verified *out, struct diag *d);

/* The part of a NitroTPM or enclave module id that device_id is taken over. */
struct span nitro_device(enum variant v, struct span module_id);

#endif
