/* Builds the certificates of protocol section 5, byte for byte. */
#ifndef UKMS_CRYPTO_CERT_BUILD_H
#define UKMS_CRYPTO_CERT_BUILD_H

#include "base/arena.h"
#include "base/err.h"
#include "crypto/p256.h"

struct cert_name {
	struct span org; /* .p NULL: no organisation */
	struct span cn;
};

/* What a certificate says. Optional spans are absent when .p is NULL. */
struct cert_spec {
	struct cert_name subject;
	struct span spki; /* DER, copied; the key is on P-256 */
	bool ca;
	uint8_t path_len;             /* of a CA */
	const struct span *alt_names; /* IPv4/IPv6 literals become iPAddress, everything else dNSName */
	size_t alt_name_count;
	bool server_auth, client_auth;
	int64_t not_before, not_after;
	struct span app_id, app_info, usage, attestation; /* custom extensions .3 .9 .4 .8, in this order */
};

/* 1975-01-01 and 3650 days after now. */
enum { CERT_NOT_BEFORE = 157766400, CERT_LIFETIME = 3650 * 86400 };

/* The DER Name of n, in the arena; {NULL,0} when full. */
struct span cert_name_der(struct arena *a, const struct cert_name *n);

/* issuer: DER Name of the signer. *der: in the arena. Errors: ERR_INPUT (an alternative name that is not ASCII, times out of range or
 * reversed, an SPKI that is not of P-256 form), ERR_LIMIT. */
int cert_build(struct arena *a, const struct cert_spec *spec, struct span issuer, const struct p256_key *signer, struct span *der,
	       struct diag *d);

#endif
