#include "drivers/tpm_priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>

#include "base/wipe.h"

enum { LATER_TRIES = 8 };

static const char *const devices[] = {"/dev/tpmrm0", "/dev/tpm0"};

const TSS2L_SYS_AUTH_COMMAND tpm_auth_empty = {.count = 1, .auths = {{.sessionHandle = TPM2_RS_PW}}};

TSS2_RC tpm_rc_base(TSS2_RC rc)
{
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
	if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
		return rc;
	rc &= ~TSS2_RC_LAYER_MASK;
	return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

bool tpm_later(TSS2_RC rc, unsigned tries)
{
	TSS2_RC base = tpm_rc_base(rc);
	if (tries >= LATER_TRIES)
		return false;
	if (base != TPM2_RC_RETRY && base != TPM2_RC_YIELDED && base != TPM2_RC_TESTING && base != TPM2_RC_NV_RATE)
		return false;
	nanosleep(&(struct timespec){0, 10000000L << (tries < 6 ? tries : 6)}, NULL);
	return true;
}

int tpm_check(TSS2_RC rc, enum err e, const char *command, struct diag *d)
{
	if (rc == TSS2_RC_SUCCESS)
		return 0;
	return diag_fail(d, e, "%s: %s (0x%x)", command, Tss2_RC_Decode(rc), rc);
}

static int start(struct tpm *t, struct diag *d)
{
	TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;
	t->ak = 0;
	size_t need = Tss2_Sys_GetContextSize(0);
	if (need > sizeof t->sys_mem)
		return diag_fail(d, ERR_INTERNAL, "TPM context of %zu bytes does not fit", need);
	int r = tpm_check(Tss2_Sys_Initialize(tpm_sys(t), sizeof t->sys_mem, t->tcti, &abi), ERR_IO, "TPM", d);
	if (!r)
		pthread_mutex_init(&t->lock, NULL);
	else
		t->tcti = NULL;
	return r;
}

int tpm_open_tcti(struct tpm *t, void *tcti, struct diag *d)
{
	memset(t, 0, sizeof *t);
	t->tcti = tcti;
	return start(t, d);
}

int tpm_open(struct tpm *t, struct diag *d)
{
	memset(t, 0, sizeof *t);
	size_t need = 0;
	if (Tss2_Tcti_Device_Init(NULL, &need, NULL) != TSS2_RC_SUCCESS || need > sizeof t->tcti_mem)
		return diag_fail(d, ERR_INTERNAL, "TPM transport of %zu bytes does not fit", need);
	for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
		if (access(devices[i], F_OK) != 0)
			continue;
		TSS2_TCTI_CONTEXT *tcti = (TSS2_TCTI_CONTEXT *)t->tcti_mem;
		size_t room = sizeof t->tcti_mem;
		int r = tpm_check(Tss2_Tcti_Device_Init(tcti, &room, devices[i]), ERR_IO, devices[i], d);
		if (r)
			return r;
		t->tcti = tcti;
		t->tcti_own = true;
		r = start(t, d);
		if (r)
			Tss2_Tcti_Finalize(tcti);
		return r;
	}
	return diag_fail(d, ERR_MISSING, "no TPM: neither /dev/tpmrm0 nor /dev/tpm0 exists");
}

void tpm_flush_locked(struct tpm *t, uint32_t handle)
{
	TSS2_RC rc;
	if (handle != 0)
		TPM_RUN(rc, Tss2_Sys_FlushContext(tpm_sys(t), handle));
}

void tpm_close(struct tpm *t)
{
	if (!t->tcti)
		return;
	tpm_flush_locked(t, t->ak);
	Tss2_Sys_Finalize(tpm_sys(t));
	if (t->tcti_own)
		Tss2_Tcti_Finalize((TSS2_TCTI_CONTEXT *)t->tcti);
	pthread_mutex_destroy(&t->lock);
	wipe(t->sys_mem, sizeof t->sys_mem);
	t->tcti = NULL;
	t->ak = 0;
}

int tpm_random(struct tpm *t, void *out, size_t n, struct diag *d)
{
	int r = 0;
	uint8_t *to = out;
	pthread_mutex_lock(&t->lock);
	for (size_t got = 0; !r && got < n;) {
		TSS2_RC rc;
		TPM2B_DIGEST bytes = {.size = 0};
		uint16_t want = n - got < 32 ? (uint16_t)(n - got) : 32;
		TPM_RUN(rc, Tss2_Sys_GetRandom(tpm_sys(t), NULL, want, &bytes, NULL));
		r = tpm_check(rc, ERR_IO, "TPM2_GetRandom", d);
		if (!r && (bytes.size == 0 || bytes.size > want))
			r = diag_fail(d, ERR_IO, "TPM2_GetRandom: %u bytes for %u", bytes.size, want);
		if (!r) {
			memcpy(to + got, bytes.buffer, bytes.size);
			got += bytes.size;
		}
		wipe(&bytes, sizeof bytes);
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}
