#include "kms/rpc/rpc.h"

/* Section 9.5: answers, then the onboard listener ends and the service goes on. */
int rpc_finish(struct rpc_call *c, const void *request, void *response, struct diag *d)
{
	(void)request;
	(void)response;
	(void)d;
	c->finish = true;
	return 0;
}
