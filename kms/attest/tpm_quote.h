/* TPM 2.0 quotes as a GCP guest sends them (attestation specification 4.3): structure, PCRs, event log, signature. The certificate chain of
 * the attestation key is ak_chain.h. */
#ifndef UKMS_KMS_ATTEST_TPM_QUOTE_H
#define UKMS_KMS_ATTEST_TPM_QUOTE_H

#include "crypto/x509.h"
#include "kms/attest/evidence.h"

enum { TPM_SELECTIONS_MAX = 16, TPM_SELECT_BYTES_MAX = 32, TPM_ALG_SHA256 = 0x000b };

struct tpm_selection {
	uint16_t hash;    /* TPM_ALG_ID of the bank */
	struct span bits; /* bit b of byte k is PCR 8k+b */
};

/* TPMS_ATTEST with a TPMS_QUOTE_INFO (TPM 2.0 part 2, 10.12.12) */
struct tpms_attest {
	uint32_t magic;
	uint16_t type;
	struct span signer, extra_data;
	uint64_t clock;
	uint32_t reset_count, restart_count;
	uint8_t safe;
	uint64_t firmware_version;
	struct tpm_selection selections[TPM_SELECTIONS_MAX];
	size_t selection_count;
	struct span pcr_digest;
};

/* Bytes behind the structure are ignored. ERR_INPUT "invalid magic", "invalid attest type", "parse error". */
int tpms_attest_parse(struct span message, struct tpms_attest *out, struct diag *d);

/* The quote agrees with the PCR values and the event log that came with it, and was signed by the key of ak. any_bank: the bank is not
 * looked at. out borrows from t. ERR_INPUT, ERR_REFUSED, ERR_CRYPTO "signature verification failed". */
int tpm_quote_verify(const struct tpm_evidence *t, const struct x509 *ak, bool any_bank, struct tpms_attest *out, struct diag *d);

/* The first value with that index; {NULL, 0} if there is none. */
struct span tpm_pcr(const struct tpm_evidence *t, uint32_t index);
/* The n-th (from 0) event of that PCR in the log; {NULL, 0} if there are fewer. */
struct span tpm_boot_event(const struct tpm_evidence *t, uint32_t pcr, size_t n);

#endif
