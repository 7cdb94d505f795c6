/* The certificate chain of a GCP attestation key, up to Google's root (attestation specification 4.5). */
#ifndef UKMS_KMS_ATTEST_AK_CHAIN_H
#define UKMS_KMS_ATTEST_AK_CHAIN_H

#include "crypto/x509.h"
#include "kms/attest/attest.h"

enum { AK_ROUNDS_MAX = 10, AK_FETCH_TIMEOUT_MS = 5000, AK_DOCUMENT_MAX = 1024 * 1024 };

/* Fetches what ak's certificates name (issuers, revocation lists) through ctx->fetcher and verifies the path from ak to
 * ctx->anchors.google_ek_root at time now. *expires: the first second at which it no longer holds.
 * ERR_IO ("failed to download CRL ...", "failed to download certificate ..."), ERR_REFUSED ("AK certificate chain: ..."), ERR_INPUT,
 * ERR_LIMIT. */
int ak_chain_verify(const struct attest_ctx *ctx, struct arena *a, const struct x509 *ak, int64_t now, int64_t *expires, struct diag *d);

#endif
