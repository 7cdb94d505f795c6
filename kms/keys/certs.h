/* The certificate profiles of protocol sections 5.4 to 5.7, over the builder. All results are DER in the arena. */
#ifndef UKMS_KMS_KEYS_CERTS_H
#define UKMS_KMS_KEYS_CERTS_H

#include "base/arena.h"
#include "base/err.h"
#include "crypto/cert_build.h"

/* not_after is seconds since the epoch; the usual value is now + CERT_LIFETIME. */
int certs_root_ca(struct arena *a, const struct p256_key *key, int64_t not_after, struct span *der, struct diag *d);
int certs_temp_ca(struct arena *a, const struct p256_key *key, int64_t not_after, struct span *der, struct diag *d);
/* attestation: stripped container, or .p NULL for none. */
int certs_rpc(struct arena *a, const struct p256_key *root, const struct p256_key *key, struct span domain, struct span attestation,
	      int64_t not_after, struct span *der, struct diag *d);
int certs_app_ca(struct arena *a, const struct p256_key *root, const struct p256_key *key, struct span app_id, int64_t not_after,
		 struct span *der, struct diag *d);
/* The RA-TLS client certificate, signed by a temp CA whose DER subject is issuer. */
int certs_ratls_client(struct arena *a, const struct p256_key *temp_ca, struct span issuer, const struct p256_key *key,
		       struct span attestation, int64_t not_after, struct span *der, struct diag *d);

/* DER Name of the app CA, issuer of application leaves. {NULL,0} when full. */
struct span certs_app_ca_name(struct arena *a);
/* DER Name of the temp CA. */
struct span certs_temp_ca_name(struct arena *a);

#endif
