/* Sealing to PCR values, with proof of origin.
 *
 * A sealed object is TPM2B_PUBLIC || TPM2B_PRIVATE || TPM2B_CREATION_DATA || TPMT_TK_CREATION. Its policy makes it readable in one state of
 * the PCRs; anybody who starts another system on the same machine could still make an object of their own with that very policy and a
 * secret they know. So the creation data is kept, in which the TPM states the PCR values at the time of creation, with the TPM's own
 * ticket over it (TPM 2.0 Library, part 1, 27.6.2; part 3, TPM2_CertifyCreation): only what was sealed in this state is unsealed. */
#include "drivers/tpm_priv.h"

#include <tss2/tss2_mu.h>

#include "base/wipe.h"
#include "crypto/hash.h"

struct sealed {
	TPM2B_PUBLIC pub;
	TPM2B_PRIVATE priv;
	TPM2B_CREATION_DATA creation;
	TPMT_TK_CREATION ticket;
};

/* The storage key: the same one each time, as long as the owner hierarchy lives. */
static int create_storage_key(struct tpm *t, uint32_t *handle, struct diag *d)
{
	static const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
					    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
			.parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB},
						 .scheme.scheme = TPM2_ALG_NULL,
						 .curveID = TPM2_ECC_NIST_P256,
						 .kdf.scheme = TPM2_ALG_NULL}}};
	static const TPM2B_SENSITIVE_CREATE no_sensitive = {.size = 0};
	static const TPM2B_DATA no_info = {.size = 0};
	static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
	TSS2_RC rc;
	TPM2B_PUBLIC pub = {.size = 0};
	TPM2B_CREATION_DATA data = {.size = 0};
	TPM2B_DIGEST hash = {.size = sizeof hash.buffer};
	TPMT_TK_CREATION ticket = {0};
	TPM2B_NAME name = {.size = sizeof name.name};
	TPM_RUN(rc, Tss2_Sys_CreatePrimary(tpm_sys(t), TPM2_RH_OWNER, &tpm_auth_empty, &no_sensitive, &template, &no_info, &no_pcrs, handle,
					   &pub, &data, &hash, &ticket, &name, NULL));
	return tpm_check(rc, ERR_IO, "TPM2_CreatePrimary (owner)", d);
}

static int start_policy(struct tpm *t, TPM2_SE kind, uint32_t pcrs, uint32_t *session, struct diag *d)
{
	static const TPM2B_NONCE zero_nonce = {.size = 16};
	static const TPM2B_ENCRYPTED_SECRET no_salt = {.size = 0};
	static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
	static const TPM2B_DIGEST present = {.size = 0};
	TSS2_RC rc;
	TPM2B_NONCE nonce = {.size = sizeof nonce.buffer};
	TPM_RUN(rc, Tss2_Sys_StartAuthSession(tpm_sys(t), TPM2_RH_NULL, TPM2_RH_NULL, NULL, &zero_nonce, &no_salt, kind, &no_cipher,
					      TPM2_ALG_SHA256, session, &nonce, NULL));
	int r = tpm_check(rc, ERR_IO, "TPM2_StartAuthSession", d);
	if (r)
		return r;
	TPML_PCR_SELECTION selection = tpm_selection(pcrs);
	TPM_RUN(rc, Tss2_Sys_PolicyPCR(tpm_sys(t), *session, NULL, &present, &selection, NULL));
	return tpm_check(rc, ERR_IO, "TPM2_PolicyPCR", d);
}

static int policy_digest(struct tpm *t, uint32_t pcrs, TPM2B_DIGEST *out, struct diag *d)
{
	uint32_t session = 0;
	out->size = sizeof out->buffer;
	int r = start_policy(t, TPM2_SE_TRIAL, pcrs, &session, d);
	if (!r) {
		TSS2_RC rc;
		TPM_RUN(rc, Tss2_Sys_PolicyGetDigest(tpm_sys(t), session, NULL, out, NULL));
		r = tpm_check(rc, ERR_IO, "TPM2_PolicyGetDigest", d);
	}
	tpm_flush_locked(t, session);
	return r;
}

static int sealed_write(const struct sealed *o, uint8_t out[TPM_SEALED_MAX], size_t *n, struct diag *d)
{
	size_t at = 0;
	if (Tss2_MU_TPM2B_PUBLIC_Marshal(&o->pub, out, TPM_SEALED_MAX, &at) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PRIVATE_Marshal(&o->priv, out, TPM_SEALED_MAX, &at) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_CREATION_DATA_Marshal(&o->creation, out, TPM_SEALED_MAX, &at) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPMT_TK_CREATION_Marshal(&o->ticket, out, TPM_SEALED_MAX, &at) != TSS2_RC_SUCCESS)
		return diag_fail(d, ERR_LIMIT, "sealed object does not fit");
	*n = at;
	return 0;
}

/* Only the one encoding that sealed_write gives: tss2-mu does not look at the sizes in front of structures. */
static int sealed_parse(struct span in, struct sealed *o, struct diag *d)
{
	uint8_t again[TPM_SEALED_MAX];
	size_t at = 0, again_n = 0;
	memset(o, 0, sizeof *o);
	if (in.n > TPM_SEALED_MAX || Tss2_MU_TPM2B_PUBLIC_Unmarshal(in.p, in.n, &at, &o->pub) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PRIVATE_Unmarshal(in.p, in.n, &at, &o->priv) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_CREATION_DATA_Unmarshal(in.p, in.n, &at, &o->creation) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPMT_TK_CREATION_Unmarshal(in.p, in.n, &at, &o->ticket) != TSS2_RC_SUCCESS || sealed_write(o, again, &again_n, NULL) ||
	    !span_eq(in, SPAN(again, again_n)))
		return diag_fail(d, ERR_INPUT, "not a sealed object");
	return 0;
}

static int create(struct tpm *t, uint32_t parent, uint32_t pcrs, struct span secret, struct sealed *o, struct diag *d)
{
	static const TPM2B_DATA no_info = {.size = 0};
	TSS2_RC rc;
	TPML_PCR_SELECTION selection = tpm_selection(pcrs);
	TPM2B_DIGEST hash = {.size = sizeof hash.buffer};
	TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = (uint16_t)secret.n};
	TPM2B_PUBLIC in = {.publicArea = {.type = TPM2_ALG_KEYEDHASH,
					  .nameAlg = TPM2_ALG_SHA256,
					  .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_ADMINWITHPOLICY |
							      TPMA_OBJECT_NODA,
					  .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
	memset(o, 0, sizeof *o);
	o->priv.size = sizeof o->priv.buffer;
	int r = policy_digest(t, pcrs, &in.publicArea.authPolicy, d);
	if (r)
		return r;
	memcpy(sensitive.sensitive.data.buffer, secret.p, secret.n);
	TPM_RUN(rc, Tss2_Sys_Create(tpm_sys(t), parent, &tpm_auth_empty, &sensitive, &in, &no_info, &selection, &o->priv, &o->pub,
				    &o->creation, &hash, &o->ticket, NULL));
	wipe(&sensitive, sizeof sensitive);
	return tpm_check(rc, ERR_IO, "TPM2_Create", d);
}

/* What the TPM says about an object that is damaged or of another TPM depends on where it notices: any complaint about a parameter. */
static enum err wrong_object(TSS2_RC rc)
{
	return tpm_rc_base(rc) & TPM2_RC_FMT1 ? ERR_CRYPTO : ERR_IO;
}

static int load(struct tpm *t, uint32_t parent, const struct sealed *o, uint32_t *handle, struct diag *d)
{
	TSS2_RC rc;
	TPM2B_NAME name = {.size = sizeof name.name};
	TPM_RUN(rc, Tss2_Sys_Load(tpm_sys(t), parent, &tpm_auth_empty, &o->priv, &o->pub, handle, &name, NULL));
	return tpm_check(rc, wrong_object(rc), "TPM2_Load", d);
}

/* The ticket proves the creation data, the creation data the PCR values. */
static int check_origin(struct tpm *t, uint32_t handle, uint32_t pcrs, const struct sealed *o, struct diag *d)
{
	static const TPM2B_DATA no_qualifier = {.size = 0};
	static const TPMT_SIG_SCHEME no_scheme = {.scheme = TPM2_ALG_NULL};
	uint8_t data[sizeof(TPMS_CREATION_DATA)], values[TPM_PCRS][TPM_PCR_LEN], now[SHA256_LEN];
	size_t n = 0;
	TSS2_RC rc;
	TPM2B_DIGEST hash = {.size = SHA256_LEN};
	TPM2B_ATTEST attest = {.size = sizeof attest.attestationData};
	TPMT_SIGNATURE signature = {0};
	rc = Tss2_MU_TPMS_CREATION_DATA_Marshal(&o->creation.creationData, data, sizeof data, &n);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_check(rc, ERR_INPUT, "creation data", d);
	sha256(SPAN(data, n), hash.buffer);
	TPM_RUN(rc, Tss2_Sys_CertifyCreation(tpm_sys(t), TPM2_RH_NULL, handle, &tpm_auth_empty, &no_qualifier, &hash, &no_scheme,
					     &o->ticket, &attest, &signature, NULL));
	int r = tpm_check(rc, wrong_object(rc), "TPM2_CertifyCreation", d);
	if (!r)
		r = tpm_pcrs_locked(t, pcrs, values, now, d);
	if (r)
		return r;
	uint8_t asked[64], made[64];
	size_t asked_n = 0, made_n = 0;
	TPML_PCR_SELECTION selection = tpm_selection(pcrs);
	const TPMS_CREATION_DATA *c = &o->creation.creationData;
	if (Tss2_MU_TPML_PCR_SELECTION_Marshal(&selection, asked, sizeof asked, &asked_n) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPML_PCR_SELECTION_Marshal(&c->pcrSelect, made, sizeof made, &made_n) != TSS2_RC_SUCCESS ||
	    !span_eq(SPAN(asked, asked_n), SPAN(made, made_n)) || !span_eq(SPAN(c->pcrDigest.buffer, c->pcrDigest.size), SPAN_ARR(now)))
		return diag_fail(d, ERR_REFUSED,
				 "it was sealed while the PCRs had other values: by another image, or with another configuration");
	return 0;
}

static int unseal(struct tpm *t, uint32_t handle, uint32_t pcrs, uint8_t secret[TPM_SECRET_MAX], size_t *n, struct diag *d)
{
	uint32_t session = 0;
	TPM2B_SENSITIVE_DATA data = {.size = 0};
	int r = start_policy(t, TPM2_SE_POLICY, pcrs, &session, d);
	if (!r) {
		TSS2_RC rc;
		TSS2L_SYS_AUTH_COMMAND auth = {.count = 1,
					       .auths = {{.sessionHandle = session, .sessionAttributes = TPMA_SESSION_CONTINUESESSION}}};
		TPM_RUN(rc, Tss2_Sys_Unseal(tpm_sys(t), handle, &auth, &data, NULL));
		r = tpm_check(rc, tpm_rc_base(rc) == TPM2_RC_POLICY_FAIL ? ERR_REFUSED : ERR_IO, "TPM2_Unseal", d);
		if (!r && (data.size == 0 || data.size > TPM_SECRET_MAX))
			r = diag_fail(d, ERR_IO, "TPM2_Unseal: %u bytes", data.size);
	}
	if (!r) {
		memcpy(secret, data.buffer, data.size);
		*n = data.size;
	}
	wipe(&data, sizeof data);
	tpm_flush_locked(t, session);
	return r;
}

static int unseal_locked(struct tpm *t, uint32_t parent, uint32_t pcrs, struct span sealed, uint8_t secret[TPM_SECRET_MAX], size_t *n,
			 struct diag *d)
{
	struct sealed o;
	uint32_t handle = 0;
	int r = sealed_parse(sealed, &o, d);
	if (!r)
		r = load(t, parent, &o, &handle, d);
	if (!r)
		r = check_origin(t, handle, pcrs, &o, d);
	if (!r)
		r = unseal(t, handle, pcrs, secret, n, d);
	tpm_flush_locked(t, handle);
	return r;
}

int tpm_seal(struct tpm *t, uint32_t pcrs, struct span secret, uint8_t sealed[TPM_SEALED_MAX], size_t *n, struct diag *d)
{
	struct sealed o;
	uint32_t parent = 0;
	uint8_t back[TPM_SECRET_MAX];
	size_t back_n = 0;
	if (secret.n == 0 || secret.n > TPM_SECRET_MAX)
		return diag_fail(d, ERR_LIMIT, "cannot seal %zu bytes", secret.n);
	pthread_mutex_lock(&t->lock);
	int r = create_storage_key(t, &parent, d);
	if (!r)
		r = create(t, parent, pcrs, secret, &o, d);
	if (!r)
		r = sealed_write(&o, sealed, n, d);
	if (!r)
		r = unseal_locked(t, parent, pcrs, SPAN(sealed, *n), back, &back_n, d);
	if (!r && (back_n != secret.n || !equal_ct(back, secret.p, back_n)))
		r = diag_fail(d, ERR_IO, "the TPM gives back another secret than it was given");
	wipe(back, sizeof back);
	tpm_flush_locked(t, parent);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "seal") : 0;
}

int tpm_unseal(struct tpm *t, uint32_t pcrs, struct span sealed, uint8_t secret[TPM_SECRET_MAX], size_t *n, struct diag *d)
{
	uint32_t parent = 0;
	*n = 0;
	pthread_mutex_lock(&t->lock);
	int r = create_storage_key(t, &parent, d);
	if (!r)
		r = unseal_locked(t, parent, pcrs, sealed, secret, n, d);
	tpm_flush_locked(t, parent);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "unseal") : 0;
}
