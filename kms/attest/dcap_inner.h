/* Shared by the files of the DCAP module only. */
#ifndef UKMS_KMS_ATTEST_DCAP_INNER_H
#define UKMS_KMS_ATTEST_DCAP_INNER_H

#include "crypto/sigmemo.h"
#include "crypto/x509.h"
#include "kms/attest/dcap.h"

enum { TCB_COMPONENTS = 16, CPU_SVN_LEN = 16, FMSPC_LEN = 6, PPID_LEN = 16 };

struct tcb_verdict {
	enum tcb_status status;
	const struct span *advisory;
	size_t advisory_count;
};

/* One level of a platform. */
struct tcb_level {
	struct span sgx, tdx; /* component SVNs, a byte each; any count */
	uint16_t pce_svn;
	struct tcb_verdict verdict;
};

/* One level of an enclave or module. */
struct svn_level {
	uint16_t isv_svn;
	struct tcb_verdict verdict;
};

struct tdx_module {
	struct span id;                          /* empty for tdxModule itself */
	struct span mr_signer, attributes, mask; /* 48, 8, 8 */
	const struct svn_level *level;
	size_t level_count;
};

struct tcb_info {
	struct span id;
	unsigned version;
	struct span issue_date, next_update; /* text */
	struct span fmspc;
	const struct tcb_level *level; /* document order */
	const uint16_t *sorted;        /* places in level, in the order of 2.4 step 4 */
	size_t level_count;
	bool has_module;
	struct tdx_module module;
	const struct tdx_module *identity;
	size_t identity_count;
};

struct qe_identity {
	struct span id;
	unsigned version;
	struct span issue_date, next_update;
	uint32_t misc_select, misc_mask;
	struct span attributes, attributes_mask; /* 16 */
	struct span mr_signer;                   /* 32 */
	uint16_t isv_prod_id;
	const struct svn_level *level;
	size_t level_count;
};

/* text must outlive out. scratch is for the JSON tree only. ERR_INPUT "Failed to decode TcbInfo: ...", ERR_LIMIT. */
int tcb_info_parse(struct arena *a, struct arena *scratch, struct span text, struct tcb_info *out, struct diag *d);
/* ERR_INPUT "Failed to decode QeIdentity: ...", ERR_LIMIT. */
int qe_identity_parse(struct arena *a, struct arena *scratch, struct span text, struct qe_identity *out, struct diag *d);

/* The extension out of a certificate that has it exactly once. ERR_INPUT. */
int pck_info_read(const struct x509 *cert, struct pck_info *out, struct diag *d);

/* What went wrong while making collateral, to be told in its turn. */
struct fault {
	int err; /* 0: nothing */
	const char *text;
};
/* Keeps e and d's sentence (in a). */
struct fault fault_keep(struct arena *a, int e, const struct diag *d);
int fault_tell(const struct fault *f, struct diag *d);

struct cert_chain {
	struct fault fault; /* the PEM text, or the leaf, does not parse */
	size_t count;       /* certificates in the text */
	struct x509 leaf;
	const struct x509 *pool; /* those of the others that parse */
	size_t pool_count;
};
/* Text: PEM, leaf first. Faults are kept in out. ERR_LIMIT. */
int cert_chain_parse(struct arena *a, struct span pem, struct cert_chain *out, struct diag *d);

/* A signed JSON document: dates, issuer, signature. */
struct signed_json {
	struct fault fault; /* of the JSON text */
	struct x509_signed sig;
	struct span issue_date, next_update;
	struct cert_chain chain;
};

struct collateral {
	struct x509 root;
	struct fault crl_fault;
	struct x509_crl root_crl, pck_crl;
	const struct x509_crl *crls[2];
	struct signed_json tcb_doc, qe_doc;
	struct tcb_info tcb;
	struct qe_identity qe;
	bool has_pck_chain;
	struct cert_chain pck_chain;
	struct sigmemo *memo;
};

/* Verifies c's chain under the root and CRLs of the collateral; *expires is lowered to the path's. */
int dcap_chain_verify(const struct collateral *c, const struct cert_chain *chain, int64_t now, int64_t *expires, struct diag *d);

/* dcap_verify with a PCK chain (PEM) in place of the quote's; empty: the collateral's or the quote's. */
int dcap_verify_chain(struct arena *a, struct span quote, const struct collateral *c, struct span pck_chain, int64_t now,
		      const struct dcap_options *o, struct dcap_result *out, struct diag *d);

/* 2.4 step 9: QE report against the QE identity; the verdict of the matching level. */
int dcap_qe_check(const struct qe_identity *id, const struct sgx_report *qe, const struct tcb_verdict **out, struct diag *d);
/* Steps 11 and 12. module may come out NULL. */
int dcap_platform_check(const struct tcb_info *t, const struct quote *q, const struct pck_info *pck, bool january,
			const struct tcb_verdict **platform, const struct tcb_verdict **module, struct diag *d);
/* Step 15 and 2.8. */
int dcap_attributes_check(const struct quote *q, const struct dcap_options *o, struct diag *d);

#endif
