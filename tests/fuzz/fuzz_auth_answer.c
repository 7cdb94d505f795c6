/* Answers of the auth API. A decision that is not complete never allows. */
#include <stdlib.h>

#include "kms/auth/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct auth_decision r;
	struct auth_info i;
	struct diag d;
	if (arena_open(&a, 1 << 22))
		abort();
	if (auth_webhook_read_decision(&a, SPAN(data, size), &r, &d) && r.allowed)
		abort();
	auth_webhook_read_info(&a, SPAN(data, size), &i, &d);
	arena_close(&a);
	return 0;
}
