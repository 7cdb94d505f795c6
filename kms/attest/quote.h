/* SGX and TDX quotes, versions 3, 4 and 5 (attestation specification 2.2): bytes into fields, nothing verified. */
#ifndef UKMS_KMS_ATTEST_QUOTE_H
#define UKMS_KMS_ATTEST_QUOTE_H

#include "base/err.h"
#include "base/span.h"

enum { QUOTE_TEE_SGX = 0, QUOTE_TEE_TDX = 0x81 };
enum { QUOTE_CERT_PPID_2048 = 2, QUOTE_CERT_PPID_3072 = 3, QUOTE_CERT_PCK_CHAIN = 5 };
enum { SGX_REPORT_LEN = 384, TD_REPORT10_LEN = 584, TD_REPORT15_LEN = 648 };

enum quote_body { QUOTE_BODY_SGX, QUOTE_BODY_TD10, QUOTE_BODY_TD15 };

/* Spans have the sizes of the specification's tables. */
struct sgx_report {
	struct span raw;
	struct span cpu_svn; /* 16 */
	uint32_t misc_select;
	struct span attributes;            /* 16 */
	struct span mr_enclave, mr_signer; /* 32 */
	uint16_t isv_prod_id, isv_svn;
	struct span report_data; /* 64 */
};

struct td_report {
	struct span raw;
	struct span tee_tcb_svn;                                    /* 16 */
	struct span mr_seam, mr_signer_seam;                        /* 48 */
	struct span seam_attributes, td_attributes, xfam;           /* 8 */
	struct span mr_td, mr_config_id, mr_owner, mr_owner_config; /* 48 */
	struct span rtmr[4];                                        /* 48 */
	struct span report_data;                                    /* 64 */
	struct span tee_tcb_svn2;                                   /* 16; empty in TD 1.0 */
	struct span mr_service_td;                                  /* 48; empty in TD 1.0 */
};

struct quote {
	uint16_t version;
	uint16_t key_type;
	uint32_t tee_type;
	uint16_t qe_svn, pce_svn;
	struct span qe_vendor_id; /* 16 */
	struct span user_data;    /* 20 */
	enum quote_body body;
	struct sgx_report sgx;   /* QUOTE_BODY_SGX */
	struct td_report td;     /* otherwise */
	struct span signed_part; /* header and body, and the body descriptor of version 5 */

	struct span signature;       /* 64, r||s */
	struct span attestation_key; /* 64, x||y */
	struct sgx_report qe_report;
	struct span qe_report_signature; /* 64, r||s */
	struct span qe_auth_data;
	uint16_t cert_type;
	struct span cert_data;
	size_t used; /* bytes up to the end of the authentication data; what follows is padding */
};

/* Takes a quote apart; bytes behind the authentication data are ignored. out borrows from raw.
 * ERR_INPUT "Failed to decode quote: ...". */
int quote_parse(struct span raw, struct quote *out, struct diag *d);

/* Bits of td_attributes */
bool td_attribute(const struct td_report *r, unsigned bit);

#endif
