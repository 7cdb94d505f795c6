/* The webhook backend: upstream's auth API over HTTP (protocol sections 10.1 to 10.4). */
#ifndef UKMS_KMS_AUTH_WEBHOOK_H
#define UKMS_KMS_AUTH_WEBHOOK_H

#include "kms/auth/auth.h"
#include "kms/client/http_client.h"

struct auth_webhook {
	const char *url;
	unsigned timeout_ms;                /* for one call, everything included */
	const struct http_roots *roots;     /* for https; NULL: https is refused */
	const struct http_proxies *proxies; /* NULL: none */
};

/* w must outlive the backend. */
struct auth_backend auth_webhook_backend(struct auth_webhook *w);

/* The answers, taken apart; separate so that they can be tested and fuzzed. ERR_INPUT: not the JSON that is due. */
int auth_webhook_read_decision(struct arena *a, struct span body, struct auth_decision *out, struct diag *d);
int auth_webhook_read_info(struct arena *a, struct span body, struct auth_info *out, struct diag *d);

#endif
