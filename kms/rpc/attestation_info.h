/* What an operator registers about this machine; for the RPC and for the page. */
#ifndef UKMS_KMS_RPC_ATTESTATION_INFO_H
#define UKMS_KMS_RPC_ATTESTATION_INFO_H

#include "kms/rpc/rpc.h"

/* Evidence of the last seconds, verified. Spans are in a, or outlive the call. */
int attestation_info(struct kms *k, struct arena *a, int64_t now, struct attestation_info_response *out, struct diag *d);

#endif
