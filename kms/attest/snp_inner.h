/* Steps of SEV-SNP verification; inside kms/attest/snp*.c only. */
#ifndef UKMS_KMS_ATTEST_SNP_INNER_H
#define UKMS_KMS_ATTEST_SNP_INNER_H

#include "crypto/x509.h"
#include "kms/attest/snp.h"

/* The members of a TCB that a VCEK is derived from, in the order of the KDS's query (AMD 57230, table 11 and section 4.1). */
struct snp_spl {
	const char *name; /* "blSPL" */
	uint8_t byte;     /* place in the TCB's 8 bytes */
	uint8_t oid;      /* last arc of the VCEK's extension 1.3.6.1.4.1.3704.1.3.x */
};
enum { SNP_SPLS_MAX = 5 };

struct snp_product_info {
	const char *name;   /* "Milan" */
	size_t chip_id_len; /* bytes of the chip id that name the chip */
	struct snp_spl spl[SNP_SPLS_MAX];
	size_t spls;
};
extern const struct snp_product_info snp_products[SNP_PRODUCTS];

static inline uint8_t snp_tcb_byte(uint64_t tcb, unsigned i)
{
	return (uint8_t)(tcb >> 8 * i);
}

/* The product of a version 3 report. ERR_UNSUPPORTED. */
int snp_report_product(const struct snp_report *r, enum snp_product *out, struct diag *d);
/* The rules on policy, platform and keys of 6.2. ERR_REFUSED. */
int snp_check_policy(const struct snp_report *r, struct diag *d);

/* ASK and VCEK in DER from the container's entries (1 or 2 of them). ERR_INPUT, ERR_REFUSED (VLEK). */
int snp_certs_unpack(struct arena *a, const struct span *certs, size_t n, struct span *ask, struct span *vcek, struct diag *d);
/* DER from DER, or from a PEM text with one certificate. */
int snp_cert_der(struct arena *a, struct span bytes, struct span *der, struct diag *d);
/* ARK, ASK, VCEK and the report's signature, and that the VCEK is of this chip and TCB. ERR_CRYPTO, ERR_REFUSED, ERR_INPUT. */
int snp_chain_verify(const struct attest_ctx *ctx, enum snp_product product, struct span ask, struct span vcek, const struct snp_report *r,
		     struct diag *d);

#endif
