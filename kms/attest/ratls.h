/* Attestation inside an X.509 certificate (attestation specification 1.6, protocol specification 6.4). */
#ifndef UKMS_KMS_ATTEST_RATLS_H
#define UKMS_KMS_ATTEST_RATLS_H

#include "kms/attest/attest.h"

enum ratls_form {
	RATLS_NONE,      /* no attestation: the request goes on without one */
	RATLS_CONTAINER, /* extension .8 */
	RATLS_LEGACY     /* extensions .1 and .2 */
};

struct ratls_evidence {
	enum ratls_form form;
	struct span container;        /* RATLS_CONTAINER */
	struct span quote, event_log; /* RATLS_LEGACY */
	struct span spki;             /* SubjectPublicKeyInfo, byte for byte; always set */
};

/* Finds the attestation of a certificate; nothing is decoded or verified but the extension values' OCTET STRING. out borrows from
 * cert_der. ERR_INPUT or ERR_REFUSED: not a certificate, an extension twice, a quote without event log ("TDX event log missing"). */
int ratls_extract(struct span cert_der, struct ratls_evidence *out, struct diag *d);

/* Decodes what ratls_extract found; form must not be RATLS_NONE. Nothing is verified. Errors of the decoders, behind "Failed to decode
 * attestation from cert extension" or "Failed to create attestation from TDX quote". */
int ratls_decode(const struct attest_rules *rules, struct arena *a, const struct ratls_evidence *e, struct evidence **out, struct diag *d);

/* Verifies what ratls_extract found and binds it to the certificate's key; form must not be RATLS_NONE. Errors of ratls_decode,
 * attest_check_key and attest_verify. */
int ratls_verify(const struct attest_ctx *ctx, struct arena *a, const struct ratls_evidence *e, int64_t now, struct verified *out,
		 struct diag *d);

#endif
