/* Intel DCAP: full verification of SGX and TDX quotes (attestation specification 2.4 to 2.8). */
#ifndef UKMS_KMS_ATTEST_DCAP_H
#define UKMS_KMS_ATTEST_DCAP_H

#include "kms/attest/collateral.h"
#include "kms/attest/quote.h"

/* In order of severity. */
enum tcb_status {
	TCB_UP_TO_DATE,
	TCB_SW_HARDENING_NEEDED,
	TCB_CONFIGURATION_NEEDED,
	TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
	TCB_OUT_OF_DATE,
	TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
	TCB_REVOKED
};
enum { TCB_STATUSES = 7 };
/* "UpToDate", ... */
const char *tcb_status_name(enum tcb_status s);

/* All false: production, August rules. */
struct dcap_options {
	bool allow_debug;
	bool allow_service_td;
	bool january; /* no vendor id check, levels in document order, no TDX module identity, any bit of attribute byte 0 is debug */
};

/* Spans point into the quote or the arena. */
struct dcap_result {
	struct quote quote;
	enum tcb_status status;          /* merged */
	enum tcb_status platform_status; /* with the TDX module's merged in */
	enum tcb_status qe_status;
	struct span advisories[ADVISORIES_MAX]; /* platform, module, QE; no repeats */
	size_t advisory_count;
	size_t platform_advisory_count;            /* how many of them, from the front, are the platform's and the module's */
	struct span qe_advisories[ADVISORIES_MAX]; /* the QE's own, those that the platform has too included */
	size_t qe_advisory_count;
	struct span ppid;  /* 16 */
	struct span fmspc; /* 6 */
	int64_t expires;   /* first second at which the verdict may no longer hold */
};

/* Verifies a quote with given collateral at time now (seconds since the epoch). The root is the one the collateral was made under.
 * ERR_INPUT, ERR_CRYPTO or ERR_REFUSED, with the step's sentence; ERR_LIMIT. */
int dcap_verify(struct arena *a, struct span quote, const struct collateral *c, int64_t now, const struct dcap_options *o,
		struct dcap_result *out, struct diag *d);

/* The same with collateral from a cache. ERR_IO, ERR_TIMEOUT too: no PCCS gave valid collateral, and none is cached. */
int dcap_verify_cached(struct arena *a, struct span quote, struct collateral_cache *cc, int64_t now, const struct dcap_options *o,
		       struct dcap_result *out, struct diag *d);

/* What dstack adds (validate_tcb): no debug, mr_signer_seam and mr_service_td zero. TD quotes only. ERR_REFUSED. */
int dcap_check_dstack(const struct quote *q, struct diag *d);

/* The Intel SGX extension of a PCK certificate (2.6). */
struct pck_info {
	struct span ppid;    /* 16 */
	struct span cpu_svn; /* 16 */
	uint16_t pce_svn;
	struct span pce_id; /* 2 */
	struct span fmspc;  /* 6 */
};
/* value: extnValue. ERR_INPUT. */
int pck_extension_parse(struct span value, struct pck_info *out, struct diag *d);

#endif
