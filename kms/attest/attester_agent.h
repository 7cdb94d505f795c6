/* struct attester over a dstack guest agent: plain HTTP on a unix socket, TCP or vsock (protocol section 9.7). Process mode only. */
#ifndef UKMS_KMS_ATTEST_ATTESTER_AGENT_H
#define UKMS_KMS_ATTEST_ATTESTER_AGENT_H

#include <pthread.h>

#include "kms/attest/attester.h"

struct attester_agent {
	char url[256];
	pthread_mutex_t lock;
};

/* address: DSTACK_AGENT_ADDRESS ("unix:/path", "http://...", "vsock://cid:port/..."), or NULL or "" for the usual sockets.
 * ERR_CONFIG if it is too long. */
int attester_agent_init(struct attester_agent *g, const char *address, struct diag *d);
/* g must outlive it. */
struct attester attester_agent_attester(struct attester_agent *g);

#endif
