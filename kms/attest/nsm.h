/* Documents of the Nitro Security Module: COSE_Sign1 around a CBOR map (attestation specification 5.2 to 5.5), for enclaves and NitroTPM.
 */
#ifndef UKMS_KMS_ATTEST_NSM_H
#define UKMS_KMS_ATTEST_NSM_H

#include "kms/attest/attest.h"

enum { NSM_DOC_MAX = 10 * 1024 * 1024 /* a container may be as long */, NSM_PCRS_MAX = 64, NSM_CABUNDLE_MAX = 32, NSM_PCR_LEN = 48 };

struct nsm_pcr {
	uint64_t index;
	struct span value; /* 48 bytes */
};

struct nsm_optional {
	bool present; /* absent and null are the same */
	struct span bytes;
};

struct nsm_doc {
	struct span protected_header, payload, signature; /* contents of the byte strings */
	struct span module_id, digest;
	uint64_t timestamp_ms; /* since the epoch */
	struct nsm_pcr pcrs[NSM_PCRS_MAX];
	size_t pcr_count;
	struct span certificate; /* DER leaf */
	struct span cabundle[NSM_CABUNDLE_MAX];
	size_t cabundle_count;
	struct nsm_optional public_key, user_data, nonce;
	struct span member_names[16]; /* of the payload, in the order of the document; the first 16 */
	size_t member_count;
};

/* Takes a document apart and checks its form: algorithm, critical headers, types, PCR lengths. Nothing is verified. out borrows from
 * bytes and a. ERR_INPUT, ERR_UNSUPPORTED (algorithm, critical header, digest), ERR_LIMIT. */
int nsm_parse(struct arena *a, struct span bytes, struct nsm_doc *out, struct diag *d);

/* Signature, chain to the root (DER) at time now, and freshness unless any_age. *expires: the first second at which it no longer holds.
 * ERR_CRYPTO "signature verification failed", ERR_REFUSED (chain; "stale"; "in the future"). */
int nsm_verify(struct arena *a, const struct nsm_doc *doc, struct span root_der, int64_t now, bool any_age, int64_t *expires,
	       struct diag *d);

/* The value of that PCR; {NULL, 0} if the document has none. */
struct span nsm_pcr(const struct nsm_doc *doc, uint64_t index);

/* user_data is there and is these 64 bytes. ERR_REFUSED. */
int nsm_check_user_data(const struct nsm_doc *doc, const uint8_t report_data[64], struct diag *d);

/* SHA-256(PCR0 || PCR1 || PCR2). debug: all three are zero. ERR_REFUSED "PCR n not found". */
int nsm_image_hash(const struct nsm_doc *doc, uint8_t out[32], bool *debug, struct diag *d);

#endif
