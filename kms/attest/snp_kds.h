/* AMD's Key Distribution Service: certificate authorities by product, VCEKs by chip and TCB, remembered for good (they never change). */
#ifndef UKMS_KMS_ATTEST_SNP_KDS_H
#define UKMS_KMS_ATTEST_SNP_KDS_H

#include "kms/attest/snp.h"

struct snp_kds;

/* base_url: NULL for AMD's own, https://kdsintf.amd.com/vcek/v1. NULL when there is no memory. Thread safe. */
struct snp_kds *snp_kds_open(const char *base_url);
void snp_kds_close(struct snp_kds *k);

/* The DER of the ASK and of the VCEK for a report of that product, in the arena. k may be NULL: AMD's address, nothing remembered.
 * What is fetched is unverified; snp_kds_keep() remembers it once it has verified, so that a bad answer is asked for again.
 * ERR_IO with the failing URL's answer, ERR_INPUT if the answer is no certificate, ERR_LIMIT. */
int snp_kds_get(struct snp_kds *k, const struct fetcher *f, struct arena *a, enum snp_product product, const struct snp_report *r,
		struct span *ask, struct span *vcek, struct diag *d);
void snp_kds_keep(struct snp_kds *k, enum snp_product product, const struct snp_report *r, struct span ask, struct span vcek);

#endif
