/* The OS image checks of each release (attestation specification 7.5). */
#ifndef UKMS_KMS_ATTEST_IMAGE_H
#define UKMS_KMS_ATTEST_IMAGE_H

#include "kms/attest/attest.h"

enum image_form {
	IMAGE_AUTO, /* what ukms decides by: August's check where the configuration has its document, January's otherwise; no debug enclave
		     */
	IMAGE_JANUARY, /* January's, to the letter */
	IMAGE_AUGUST   /* August's, to the letter */
};

/* image_check of one release. ERR_UNSUPPORTED: legacy dstack-tdx, or a variant that the release does not know. */
int image_check_as(const struct attest_ctx *ctx, enum image_form form, struct arena *a, const struct verified *v, struct span vm_config,
		   struct diag *d);

struct vm_config;
/* true if that release has a check for such evidence: January knows no SEV-SNP and NitroTPM, nobody here can check legacy dstack-tdx */
bool image_check_applies(enum image_form form, enum variant v, const struct vm_config *cfg);

/* TDX lite (7.5.5): recomputes MRTD and RTMR 0 to 2 from the measurement document and compares them. */
int image_check_lite(struct arena *a, const struct verified *v, const struct vm_config *cfg, struct diag *d);

#endif
