#include "drivers/tpm_priv.h"

#include <tss2/tss2_mu.h>

#include "base/rd.h"
#include "crypto/hash.h"

/* Where Google keeps its attestation keys (attestation 4.2). In order of preference. */
static const struct {
	uint32_t cert, template;
	const char *name;
} ak_nv[] = {{0x01c10002, 0x01c10003, "ECC"}, {0x01c10000, 0x01c10001, "RSA"}};

enum { SCRATCH = 2 * TPM_NV_MAX, QUOTE_TRIES = 3, P256_LEN = 32 };

/* The key that the template stands for. The template goes to the TPM exactly as it was found, or not at all. */
static int ak_create(struct tpm *t, uint32_t template_nv, struct diag *d)
{
	static const TPM2B_SENSITIVE_CREATE no_sensitive = {.size = 0};
	static const TPM2B_DATA no_info = {.size = 0};
	static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
	uint8_t scratch[SCRATCH], again[sizeof(TPMT_PUBLIC)];
	struct arena a = arena_over(scratch, sizeof scratch);
	struct span template;
	size_t at = 0, n = 0;
	TPM2B_PUBLIC in = {.size = 0};
	int r = tpm_nv_read_locked(t, &a, template_nv, &template, d);
	if (r)
		return r;
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(template.p, template.n, &at, &in.publicArea) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPMT_PUBLIC_Marshal(&in.publicArea, again, sizeof again, &n) != TSS2_RC_SUCCESS || !span_eq(template, SPAN(again, n)))
		return diag_fail(d, ERR_UNSUPPORTED, "NV index 0x%08x holds no key template", template_nv);
	TSS2_RC rc;
	TPM2B_PUBLIC pub = {.size = 0};
	TPM2B_CREATION_DATA data = {.size = 0};
	TPM2B_DIGEST hash = {.size = sizeof hash.buffer};
	TPMT_TK_CREATION ticket = {0};
	TPM2B_NAME name = {.size = sizeof name.name};
	TPM_RUN(rc, Tss2_Sys_CreatePrimary(tpm_sys(t), TPM2_RH_ENDORSEMENT, &tpm_auth_empty, &no_sensitive, &in, &no_info, &no_pcrs, &t->ak,
					   &pub, &data, &hash, &ticket, &name, NULL));
	if (rc != TSS2_RC_SUCCESS)
		t->ak = 0;
	return tpm_check(rc, ERR_IO, "TPM2_CreatePrimary (endorsement)", d);
}

/* Loads the attestation key once; it stays until tpm_close(). */
static int ak_load(struct tpm *t, struct diag *d)
{
	int r = 0;
	for (size_t i = 0; t->ak == 0 && i < sizeof ak_nv / sizeof ak_nv[0]; i++) {
		r = ak_create(t, ak_nv[i].template, d);
		if (!r)
			t->ak_nv = ak_nv[i].cert;
		else
			r = diag_wrap(d, r, "attestation key (%s)", ak_nv[i].name);
	}
	return t->ak ? 0 : r;
}

/* A TPM that drops leading zeros would make evidence that verifiers refuse (attestation 4.3, 7). */
static void pad_left(TPM2B_ECC_PARAMETER *v)
{
	if (v->size >= P256_LEN)
		return;
	memmove(v->buffer + P256_LEN - v->size, v->buffer, v->size);
	memset(v->buffer, 0, P256_LEN - v->size);
	v->size = P256_LEN;
}

/* The pcrDigest of a quote, or an empty span. */
static struct span quoted_digest(const TPM2B_ATTEST *message, TPMS_ATTEST *attest)
{
	size_t at = 0;
	memset(attest, 0, sizeof *attest);
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(message->attestationData, message->size, &at, attest) != TSS2_RC_SUCCESS ||
	    attest->magic != TPM2_GENERATED_VALUE || attest->type != TPM2_ST_ATTEST_QUOTE)
		return (struct span){0};
	return SPAN(attest->attested.quote.pcrDigest.buffer, attest->attested.quote.pcrDigest.size);
}

/* After a few power cuts the TPM locks up keys that are subject to dictionary attack protection, as Google's attestation keys are: each
 * reset that was not announced counts as a guess (TPM 2.0 Part 1, 19.8). Their password is empty and there is nothing to guess. If the
 * owner has set a lockout password, the reset is refused and the TPM's own time must pass. */
static bool unlock(struct tpm *t, TSS2_RC rc)
{
	if (tpm_rc_base(rc) != TPM2_RC_LOCKOUT)
		return false;
	TPM_RUN(rc, Tss2_Sys_DictionaryAttackLockReset(tpm_sys(t), TPM2_RH_LOCKOUT, &tpm_auth_empty, NULL));
	return rc == TSS2_RC_SUCCESS;
}

static int quote_once(struct tpm *t, uint32_t pcrs, const uint8_t qualifying[TPM_QUALIFYING_LEN], TPM2B_ATTEST *message,
		      TPMT_SIGNATURE *signature, struct diag *d)
{
	static const TPMT_SIG_SCHEME key_default = {.scheme = TPM2_ALG_NULL};
	TSS2_RC rc;
	TPML_PCR_SELECTION selection = tpm_selection(pcrs);
	TPM2B_DATA extra = {.size = TPM_QUALIFYING_LEN};
	memcpy(extra.buffer, qualifying, TPM_QUALIFYING_LEN);
	*message = (TPM2B_ATTEST){.size = 0};
	*signature = (TPMT_SIGNATURE){0};
	TPM_RUN(rc, Tss2_Sys_Quote(tpm_sys(t), t->ak, &tpm_auth_empty, &extra, &key_default, &selection, message, signature, NULL));
	if (unlock(t, rc)) {
		message->size = 0;
		TPM_RUN(rc, Tss2_Sys_Quote(tpm_sys(t), t->ak, &tpm_auth_empty, &extra, &key_default, &selection, message, signature, NULL));
	}
	int r = tpm_check(rc, ERR_IO, "TPM2_Quote", d);
	if (!r && signature->sigAlg == TPM2_ALG_ECDSA) {
		pad_left(&signature->signature.ecdsa.signatureR);
		pad_left(&signature->signature.ecdsa.signatureS);
	}
	return r;
}

static int quote_locked(struct tpm *t, struct arena *a, uint32_t pcrs, const uint8_t qualifying[TPM_QUALIFYING_LEN], struct tpm_quote *out,
			struct diag *d)
{
	TPM2B_ATTEST message;
	TPMS_ATTEST attest;
	TPMT_SIGNATURE signature;
	uint8_t digest[SHA256_LEN], bytes[sizeof signature];
	size_t n = 0;
	int r = ak_load(t, d);
	for (int try = 0; !r; try++) {
		r = quote_once(t, pcrs, qualifying, &message, &signature, d);
		if (!r)
			r = tpm_pcrs_locked(t, pcrs, out->pcr, digest, d);
		/* Somebody may have extended a PCR in between; then both are taken again. */
		if (!r && span_eq(quoted_digest(&message, &attest), SPAN_ARR(digest)))
			break;
		if (!r && try + 1 == QUOTE_TRIES)
			r = diag_fail(d, ERR_IO, "TPM2_Quote: the quoted digest is not that of the PCRs");
	}
	if (!r && Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, bytes, sizeof bytes, &n) != TSS2_RC_SUCCESS)
		r = diag_fail(d, ERR_IO, "TPM2_Quote: signature of unknown form");
	if (!r)
		r = tpm_nv_read_locked(t, a, t->ak_nv, &out->ak_cert, d);
	if (r)
		return r;
	out->pcrs = pcrs;
	out->message = arena_dup(a, SPAN(message.attestationData, message.size));
	out->signature = arena_dup(a, SPAN(bytes, n));
	if (!out->message.p || !out->signature.p)
		return diag_fail(d, ERR_LIMIT, "no room for a TPM quote");
	return 0;
}

int tpm_quote(struct tpm *t, struct arena *a, uint32_t pcrs, const uint8_t qualifying[TPM_QUALIFYING_LEN], struct tpm_quote *out,
	      struct diag *d)
{
	*out = (struct tpm_quote){0};
	pthread_mutex_lock(&t->lock);
	int r = quote_locked(t, a, pcrs, qualifying, out, d);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "TPM quote") : 0;
}

int tpm_ak_name_digest(struct tpm *t, uint8_t out[32], struct diag *d)
{
	TSS2_RC rc;
	TPM2B_PUBLIC pub = {.size = 0};
	TPM2B_NAME name = {.size = sizeof name.name}, qualified = {.size = sizeof qualified.name};
	uint8_t bytes[sizeof(TPMT_PUBLIC)];
	size_t n = 0;
	pthread_mutex_lock(&t->lock);
	int r = ak_load(t, d);
	if (!r) {
		TPM_RUN(rc, Tss2_Sys_ReadPublic(tpm_sys(t), t->ak, NULL, &pub, &name, &qualified, NULL));
		r = tpm_check(rc, ERR_IO, "TPM2_ReadPublic", d);
	}
	pthread_mutex_unlock(&t->lock);
	if (!r && Tss2_MU_TPMT_PUBLIC_Marshal(&pub.publicArea, bytes, sizeof bytes, &n) != TSS2_RC_SUCCESS)
		r = diag_fail(d, ERR_IO, "TPM2_ReadPublic: public area of unknown form");
	if (r)
		return r;
	sha256(SPAN(bytes, n), out);
	return 0;
}
