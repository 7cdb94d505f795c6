#include "drivers/tpm_priv.h"

#include <bearssl.h>

int tpm_pcr_extend(struct tpm *t, unsigned pcr, const uint8_t digest[TPM_PCR_LEN], struct diag *d)
{
	if (pcr >= TPM_PCRS)
		return diag_fail(d, ERR_INTERNAL, "no PCR %u", pcr);
	TSS2_RC rc;
	TPML_DIGEST_VALUES list = {.count = 1, .digests = {{.hashAlg = TPM2_ALG_SHA256}}};
	memcpy(list.digests[0].digest.sha256, digest, TPM_PCR_LEN);
	pthread_mutex_lock(&t->lock);
	TPM_RUN(rc, Tss2_Sys_PCR_Extend(tpm_sys(t), pcr, &tpm_auth_empty, &list, NULL));
	pthread_mutex_unlock(&t->lock);
	int r = tpm_check(rc, ERR_IO, "TPM2_PCR_Extend", d);
	return r ? diag_wrap(d, r, "extend PCR %u", pcr) : 0;
}

TPML_PCR_SELECTION tpm_selection(uint32_t pcrs)
{
	TPML_PCR_SELECTION s = {.count = 1, .pcrSelections = {{.hash = TPM2_ALG_SHA256, .sizeofSelect = 3}}};
	for (unsigned i = 0; i < 3; i++)
		s.pcrSelections[0].pcrSelect[i] = (uint8_t)(pcrs >> (8 * i));
	return s;
}

/* The numbers that a TPM2_PCR_Read answer says it holds; 0 if it is of another form or says more than was asked. */
static uint32_t answered(const TPML_PCR_SELECTION *s, uint32_t asked)
{
	if (s->count != 1 || s->pcrSelections[0].hash != TPM2_ALG_SHA256 || s->pcrSelections[0].sizeofSelect > 4)
		return 0;
	uint32_t got = 0;
	for (unsigned i = 0; i < s->pcrSelections[0].sizeofSelect; i++)
		got |= (uint32_t)s->pcrSelections[0].pcrSelect[i] << (8 * i);
	return got & ~asked ? 0 : got;
}

int tpm_pcrs_locked(struct tpm *t, uint32_t pcrs, uint8_t out[TPM_PCRS][TPM_PCR_LEN], uint8_t digest[32], struct diag *d)
{
	uint32_t left = pcrs;
	while (left != 0) {
		TSS2_RC rc;
		uint32_t counter;
		TPML_PCR_SELECTION in = tpm_selection(left), got = {0};
		TPML_DIGEST values = {0};
		TPM_RUN(rc, Tss2_Sys_PCR_Read(tpm_sys(t), NULL, &in, &counter, &got, &values, NULL));
		int r = tpm_check(rc, ERR_IO, "TPM2_PCR_Read", d);
		if (r)
			return r;
		uint32_t have = answered(&got, left);
		size_t n = 0;
		for (unsigned i = 0; i < TPM_PCRS; i++) {
			if (!(have & TPM_PCR_BIT(i)))
				continue;
			if (n >= values.count || values.digests[n].size != TPM_PCR_LEN)
				return diag_fail(d, ERR_IO, "TPM2_PCR_Read: no SHA-256 value of PCR %u", i);
			memcpy(out[i], values.digests[n++].buffer, TPM_PCR_LEN);
		}
		if (n == 0)
			return diag_fail(d, ERR_IO, "TPM2_PCR_Read: the TPM has no SHA-256 bank for PCRs 0x%x", left);
		left &= ~have;
	}
	if (digest) {
		br_sha256_context h;
		br_sha256_init(&h);
		for (unsigned i = 0; i < TPM_PCRS; i++)
			if (pcrs & TPM_PCR_BIT(i))
				br_sha256_update(&h, out[i], TPM_PCR_LEN);
		br_sha256_out(&h, digest);
	}
	return 0;
}

int tpm_pcr_read(struct tpm *t, unsigned pcr, uint8_t out[TPM_PCR_LEN], struct diag *d)
{
	if (pcr >= TPM_PCRS)
		return diag_fail(d, ERR_INTERNAL, "no PCR %u", pcr);
	uint8_t all[TPM_PCRS][TPM_PCR_LEN];
	pthread_mutex_lock(&t->lock);
	int r = tpm_pcrs_locked(t, TPM_PCR_BIT(pcr), all, NULL, d);
	pthread_mutex_unlock(&t->lock);
	if (r)
		return diag_wrap(d, r, "read PCR %u", pcr);
	memcpy(out, all[pcr], TPM_PCR_LEN);
	return 0;
}
