/* One document from one PCCS, by the URL forms of version 4 (attestation specification 2.3). Nothing is verified here. */
#ifndef UKMS_KMS_ATTEST_PCCS_H
#define UKMS_KMS_ATTEST_PCCS_H

#include "kms/attest/attest.h"
#include "kms/attest/quote.h"

enum pccs_kind { PCCS_ROOT_CRL, PCCS_PCK_CRL, PCCS_TCB_INFO, PCCS_QE_IDENTITY, PCCS_PCK_CERT };

enum { PCCS_URL_MAX = 256, PCCS_PATH_MAX = 1280 };

/* What is asked for; members are used by kind. */
struct pccs_request {
	enum pccs_kind kind;
	bool tdx;                  /* TCB info, QE identity */
	bool platform_ca;          /* PCK CRL: "platform", else "processor" */
	struct span fmspc;         /* TCB info: 6 bytes */
	const struct quote *quote; /* PCK certificate: certification data of type 2 or 3 */
	struct span root_crl_uri;  /* root CRL: where the root itself says it is; used at Intel's own service, and when a PCCS does not
				    * answer */
};

/* In the arena. */
struct pccs_document {
	struct span body;      /* CRL: DER; TCB info, QE identity: the JSON text as served; PCK certificate: PEM chain, leaf first */
	struct span signature; /* TCB info, QE identity: raw bytes */
	struct span chain;     /* PEM of the issuers, percent-decoded; empty for the root CRL and PCK certificate */
};

/* Copies a base URL without trailing slashes and version path. ERR_CONFIG: empty or too long. */
int pccs_normalise(const char *url, char out[PCCS_URL_MAX], struct diag *d);

/* Path and query under the base; it names the document. ERR_INPUT: the quote's certification data has another size. */
int pccs_path(const struct pccs_request *q, char out[PCCS_PATH_MAX], struct diag *d);

/* Gets it within timeout_ms. ERR_IO: no answer, or a status outside 2xx; ERR_INPUT: another form than specified. */
int pccs_get(const struct fetcher *f, struct arena *a, const char *base, const struct pccs_request *q, int timeout_ms,
	     struct pccs_document *out, struct diag *d);

/* The CA that a PCK issuer's Name (whole element) stands for: "platform", else "processor". */
bool pccs_is_platform_ca(struct span name);

/* JSON without white space between its tokens. {NULL,0} when the arena is full. */
struct span pccs_compact_json(struct arena *a, struct span text);

#endif
