/* A client of a KMS's RPCs, JSON over HTTPS as upstream's clients speak it (protocol section 2.11). */
#ifndef UKMS_KMS_CLIENT_KMS_CLIENT_H
#define UKMS_KMS_CLIENT_KMS_CLIENT_H

#include "kms/client/http_client.h"
#include "kms/wire/messages.h"

struct kms_client {
	const char *base; /* "https://host:port/prpc" */
	enum http_trust trust;
	const struct http_roots *roots;       /* HTTP_TRUST_ROOTS */
	struct span pin_spki;                 /* HTTP_TRUST_PIN */
	const struct http_identity *identity; /* or NULL */
	const struct http_proxies *proxies;   /* or NULL */
	unsigned timeout_ms;                  /* of one call */
};

/* The base of a URL as operators write it: without trailing slashes, with /prpc at the end. NULL when the arena is full. */
const char *kms_client_base(struct arena *a, struct span url);

/* One call; reply (may be NULL) tells the server's certificate. A refusal is ERR_REFUSED with
 * "Request failed with status=400 Bad Request, error=<body>"; the same sentence with ERR_IO if the server says that it is too busy or that
 * there is nobody behind it (429, 502, 503, 504). */
int kms_client_call(const struct kms_client *c, struct arena *a, const char *method, const struct message *request, const void *in,
		    const struct message *response, void *out, struct http_reply *reply, struct diag *d);

#endif
