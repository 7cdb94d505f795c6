/* Shared by the tpm_*.c files only. */
#ifndef UKMS_DRIVERS_TPM_PRIV_H
#define UKMS_DRIVERS_TPM_PRIV_H

#include <tss2/tss2_sys.h>

#include "drivers/tpm.h"

static inline TSS2_SYS_CONTEXT *tpm_sys(struct tpm *t)
{
	return (TSS2_SYS_CONTEXT *)t->sys_mem;
}

/* Empty password authorisation for one handle. */
extern const TSS2L_SYS_AUTH_COMMAND tpm_auth_empty;

/* Runs one command, again while the TPM says "later" (bounded). */
#define TPM_RUN(rc, call)                                                                                                                  \
	for (unsigned try_ = 0; (rc) = (call), tpm_later((rc), try_); try_++)                                                              \
		;
/* Sleeps and says true if rc asks for a repetition and there were not too many. */
bool tpm_later(TSS2_RC rc, unsigned tries);

/* The code without layer, handle, session or parameter number: comparable with TPM2_RC_POLICY_FAIL and so on. */
TSS2_RC tpm_rc_base(TSS2_RC rc);

/* 0 if rc is success, else e and "command: words (0x...)". */
int tpm_check(TSS2_RC rc, enum err e, const char *command, struct diag *d);

/* One SHA-256 selection of three octets. */
TPML_PCR_SELECTION tpm_selection(uint32_t pcrs);
/* Values of the selected PCRs into out[number], as many commands as it takes. digest, if not NULL: SHA-256 over them, ascending. Locked by
 * the caller. */
int tpm_pcrs_locked(struct tpm *t, uint32_t pcrs, uint8_t out[TPM_PCRS][TPM_PCR_LEN], uint8_t digest[32], struct diag *d);

int tpm_nv_read_locked(struct tpm *t, struct arena *a, uint32_t index, struct span *out, struct diag *d);

void tpm_flush_locked(struct tpm *t, uint32_t handle);

#endif
