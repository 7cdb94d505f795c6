/* TPM 2.0 commands over tpm2-tss (sys), for one TPM that PID 1 has for itself.
 *
 * struct tpm is owned by the caller, has no allocations behind it and is thread safe: every function below is one critical section.
 * Error sentences name the command and give the TPM's response code in words: "TPM2_Unseal: a policy check failed (0x99d)".
 * What the TPM answers is unmarshalled with bounds by tss2-mu; what is parsed here beyond that has a fuzz target.
 * Return values, for all: ERR_MISSING (no device, no such NV index), ERR_IO (transport, or the TPM refused), and those named below. */
#ifndef UKMS_DRIVERS_TPM_H
#define UKMS_DRIVERS_TPM_H

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"

enum {
	TPM_PCRS = 24,
	TPM_PCR_LEN = 32,      /* the SHA-256 bank, the only one used */
	TPM_SECRET_MAX = 128,  /* bytes that can be sealed */
	TPM_SEALED_MAX = 1024, /* a sealed object with its proof of origin */
	TPM_QUALIFYING_LEN = 32,
	TPM_NV_MAX = 8192 /* bytes of one NV index that are read: certificates and templates */
};

/* Bit n selects PCR n, SHA-256. */
#define TPM_PCR_BIT(n) ((uint32_t)1 << (n))

struct tpm {
	pthread_mutex_t lock;
	void *tcti;     /* TSS2_TCTI_CONTEXT: a view of tcti_mem, or the caller's */
	bool tcti_own;  /* tcti is finalised by tpm_close */
	uint32_t ak;    /* transient handle of the attestation key, 0 before the first quote */
	uint32_t ak_nv; /* NV index of its certificate */
	_Alignas(16) uint8_t tcti_mem[512];
	_Alignas(16) uint8_t sys_mem[12288];
};

/* Opens /dev/tpmrm0, else /dev/tpm0. */
int tpm_open(struct tpm *t, struct diag *d);
/* The same over a transport that the caller opened and will close: a TSS2_TCTI_CONTEXT. */
int tpm_open_tcti(struct tpm *t, void *tcti, struct diag *d);
/* Flushes what was loaded; t may be all zero. */
void tpm_close(struct tpm *t);

/* n bytes of TPM2_GetRandom, to be mixed into the kernel's pool. */
int tpm_random(struct tpm *t, void *out, size_t n, struct diag *d);

/* TPM2_PCR_Extend of the SHA-256 bank only (image 3.2). */
int tpm_pcr_extend(struct tpm *t, unsigned pcr, const uint8_t digest[TPM_PCR_LEN], struct diag *d);
int tpm_pcr_read(struct tpm *t, unsigned pcr, uint8_t out[TPM_PCR_LEN], struct diag *d);

/* --- sealing (tpm_seal.c), image 3.5 --- */

/* Seals secret (1..TPM_SECRET_MAX bytes) under a storage key of the owner hierarchy to the present values of the selected PCRs.
 * sealed: the object, at most TPM_SEALED_MAX bytes; *n its length. It has been unsealed once, as proof, when this returns 0. */
int tpm_seal(struct tpm *t, uint32_t pcrs, struct span secret, uint8_t sealed[TPM_SEALED_MAX], size_t *n, struct diag *d);

/* The secret back, *n bytes. ERR_REFUSED: the PCRs are not what they were at the sealing; whoever sealed it in another state did not run
 * what runs now, even if the policy fits. ERR_CRYPTO: not an object of this TPM and owner, or damaged. ERR_INPUT: not a sealed object at
 * all. */
int tpm_unseal(struct tpm *t, uint32_t pcrs, struct span sealed, uint8_t secret[TPM_SECRET_MAX], size_t *n, struct diag *d);

/* --- non-volatile storage (tpm_nv.c) --- */

/* All bytes of an ordinary index, by owner authorisation, else by the index's own (empty) one. ERR_LIMIT above TPM_NV_MAX. */
int tpm_nv_read(struct tpm *t, struct arena *a, uint32_t index, struct span *out, struct diag *d);
/* Defines an ordinary index of bytes.n bytes (ownerRead|ownerWrite, empty auth) if there is none, and writes it. ERR_REFUSED if the
 * index exists with another size. */
int tpm_nv_write(struct tpm *t, uint32_t index, struct span bytes, struct diag *d);
int tpm_nv_undefine(struct tpm *t, uint32_t index, struct diag *d);

/* A monotonic counter. Undefining and defining it again cannot take it back (TPM 2.0 Library, part 3, NV_Increment).
 * tpm_counter_define: makes it and counts once, so that it can be read; nothing if it exists.
 * ERR_REFUSED from any of them: the index exists and is not a counter. ERR_MISSING from read: not defined or never counted. */
int tpm_counter_define(struct tpm *t, uint32_t index, struct diag *d);
int tpm_counter_read(struct tpm *t, uint32_t index, uint64_t *value, struct diag *d);
int tpm_counter_increment(struct tpm *t, uint32_t index, struct diag *d);

/* --- quotes by Google's attestation key (tpm_quote.c), attestation 4.2 --- */

struct tpm_quote {
	struct span message;                /* TPMS_ATTEST */
	struct span signature;              /* TPMT_SIGNATURE, nothing behind it */
	struct span ak_cert;                /* DER */
	uint32_t pcrs;                      /* the selection */
	uint8_t pcr[TPM_PCRS][TPM_PCR_LEN]; /* values of the selected ones; they hash to the quoted digest */
};

/* Quotes the selected PCRs over qualifying with the ECC key of the NV template, else the RSA one. The key stays loaded. */
int tpm_quote(struct tpm *t, struct arena *a, uint32_t pcrs, const uint8_t qualifying[TPM_QUALIFYING_LEN], struct tpm_quote *out,
	      struct diag *d);

/* SHA-256 of the attestation key's TPMT_PUBLIC, a term of the instance id (image 3.4). */
int tpm_ak_name_digest(struct tpm *t, uint8_t out[32], struct diag *d);

#endif
