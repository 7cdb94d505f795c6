/* The certificate signing requests of SignCert, SCALE, versions 1 and 2 (protocol section 7). */
#ifndef UKMS_KMS_WIRE_CSR_H
#define UKMS_KMS_WIRE_CSR_H

#include "base/arena.h"
#include "base/err.h"

struct csr_time {
	bool set;
	uint64_t seconds; /* since the epoch */
};

struct csr {
	struct span confirm;  /* must be csr_confirm_word; checked after the signature */
	struct span pubkey;   /* SubjectPublicKeyInfo, DER; not looked at while decoding */
	struct span org_name; /* .p NULL: none */
	struct span subject;
	const struct span *alt_names;
	size_t alt_name_count;
	bool server_auth, client_auth, ext_quote;
	/* version 2 */
	bool ext_app_info;
	struct csr_time not_before, not_after;
	struct span attestation; /* container bytes, to the end of the request */
	/* version 1 */
	struct span quote, event_log;
};

extern const char csr_confirm_word[];

/* Decodes all of bytes; non-canonical forms are refused, so that the signature can be checked over bytes as received.
 * out borrows from bytes and a. ERR_INPUT, ERR_LIMIT. */
int csr_decode_v1(struct arena *a, struct span bytes, struct csr *out, struct diag *d);
int csr_decode_v2(struct arena *a, struct span bytes, struct csr *out, struct diag *d);

/* Checks an ECDSA P-256/SHA-256 signature (DER) by the CSR's own key over bytes, then the confirm word, in the order and words of 7.3.
 * ERR_CRYPTO, ERR_INPUT, ERR_UNSUPPORTED; without the context "Failed to verify csr signature". */
int csr_verify(const struct csr *csr, struct span bytes, struct span signature, struct diag *d);

#endif
