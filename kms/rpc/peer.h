/* What the client certificate of a connection says, verified (protocol section 2.5, steps 2 to 4). */
#ifndef UKMS_KMS_RPC_PEER_H
#define UKMS_KMS_RPC_PEER_H

#include "kms/rpc/rpc.h"

/* Sets c->attested and c->caller. No certificate, or one without evidence, is no error. Errors are the caller's fault and are answered on
 * every method: "invalid quote: ...", or what does not decode. */
int peer_check(struct rpc_call *c, struct diag *d);

#endif
