/* The client of an application: its keys from a KMS, over RA-TLS (protocol section 2.11; image specification 5.9). */
#ifndef UKMS_KMS_CLIENT_GET_KEYS_H
#define UKMS_KMS_CLIENT_GET_KEYS_H

#include "kms/attest/attester.h"
#include "kms/client/http_client.h"

struct get_keys {
	const char *url;                    /* of the KMS, with or without /prpc */
	const struct http_roots *root;      /* the KMS's root CA, known beforehand; NULL: the first answer is believed */
	struct span root_pem;               /* its text, or empty; must then equal what the KMS says by key */
	const struct http_proxies *proxies; /* or NULL */
	struct attester attester;
	struct span app_id;  /* 20 bytes, or empty: extension 1.3 is left out */
	unsigned timeout_ms; /* of one call */
};

/* One attempt: GetTempCaCert, an RA-TLS certificate, GetAppKey to a server whose chain ends in the CA of the first answer and whose
 * certificate says "kms:rpc". *json: the text of app_keys.json, in the arena. ERR_IO and ERR_TIMEOUT are worth another attempt; ERR_REFUSED
 * is the KMS's no; ERR_CRYPTO: the server is not the KMS that it should be. */
int get_keys(const struct get_keys *g, struct arena *a, int64_t now, struct span *json, struct diag *d);

#endif
