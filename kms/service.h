/* The service: from a configuration and the means of this machine to a running KMS.
 *
 * service_run() walks through upstream's start sequence (protocol section 1): onboarding over plain HTTP if there are no keys yet, then
 * renewal of certificates, then HTTPS on the same port, until a fatal error. */
#ifndef UKMS_KMS_SERVICE_H
#define UKMS_KMS_SERVICE_H

#include "kms/attest/attest.h"
#include "kms/attest/attester.h"
#include "kms/config/config.h"
#include "kms/keys/storage.h"

enum service_phase {
	SERVICE_ONBOARDING, /* plain HTTP is being served, waiting for Bootstrap or Onboard */
	SERVICE_READY       /* HTTPS is being served */
};

struct running;

struct service {
	/* Filled by the caller; everything outlives service_run(). */
	const struct config *config;
	const struct attester *attester;
	const struct key_storage *storage;
	const struct http_proxies *proxies; /* NULL: none */
	struct attest_ctx attest;           /* anchors, gcp and rules; collateral and fetcher are set up by service_run() */
	bool measured;                      /* in the image: paths in the configuration mean nothing, web_roots is PEM text */
	/* Called once when the listener of that phase accepts connections; may be NULL. */
	void (*on_phase)(void *ctx, enum service_phase phase);
	/* Called after keys were stored or found, before HTTPS; PID 1 emits its key-provider event and caps the sealing policy here.
	 * root_spki: DER SubjectPublicKeyInfo of the root CA. An error ends the service. May be NULL. */
	int (*on_keys)(void *ctx, struct span root_spki, struct diag *d);
	void *hook_ctx;
	/* Of service_run(); NULL before. */
	_Atomic(struct running *) running;
};

/* Returns only on a fatal error (a negative enum err, d says why). */
int service_run(struct service *s, struct diag *d);

/* For whoever ends the process or the machine, from any ordinary thread: keeps what the next start must know. Nothing is released
 * afterwards. Does nothing before service_run() has begun and when it was called before. */
void service_end(struct service *s);

#endif
