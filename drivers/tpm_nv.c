#include "drivers/tpm_priv.h"

#include "base/rd.h"

enum { CHUNK = 1024, COUNTER_LEN = 8 };

static const TPMA_NV ordinary_attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE | TPMA_NV_NO_DA;
/* Anybody on this machine may count up, nobody can count down. */
static const TPMA_NV counter_attributes = (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE |
					  TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA;

static int nv_public(struct tpm *t, uint32_t index, TPMS_NV_PUBLIC *out, struct diag *d)
{
	TSS2_RC rc;
	TPM2B_NV_PUBLIC pub = {0};
	TPM2B_NAME name = {.size = sizeof name.name};
	TPM_RUN(rc, Tss2_Sys_NV_ReadPublic(tpm_sys(t), index, NULL, &pub, &name, NULL));
	TSS2_RC base = tpm_rc_base(rc);
	/* An index that is not there is a bad handle, not an NV error. */
	int r = tpm_check(rc, base == TPM2_RC_HANDLE || base == TPM2_RC_VALUE ? ERR_MISSING : ERR_IO, "TPM2_NV_ReadPublic", d);
	if (!r)
		*out = pub.nvPublic;
	return r;
}

static TSS2_RC nv_read_chunk(struct tpm *t, uint32_t auth, uint32_t index, uint16_t n, uint16_t at, TPM2B_MAX_NV_BUFFER *out)
{
	TSS2_RC rc;
	out->size = 0;
	TPM_RUN(rc, Tss2_Sys_NV_Read(tpm_sys(t), auth, index, &tpm_auth_empty, n, at, out, NULL));
	return rc;
}

int tpm_nv_read_locked(struct tpm *t, struct arena *a, uint32_t index, struct span *out, struct diag *d)
{
	TPMS_NV_PUBLIC pub;
	*out = (struct span){0};
	int r = nv_public(t, index, &pub, d);
	if (r)
		return diag_wrap(d, r, "NV index 0x%08x", index);
	if (pub.dataSize > TPM_NV_MAX)
		return diag_fail(d, ERR_LIMIT, "NV index 0x%08x has %u bytes", index, pub.dataSize);
	uint8_t *p = arena_alloc(a, pub.dataSize);
	if (!p)
		return diag_fail(d, ERR_LIMIT, "NV index 0x%08x: no room for %u bytes", index, pub.dataSize);
	uint32_t auth = TPM2_RH_OWNER;
	for (uint16_t at = 0; at < pub.dataSize;) {
		TPM2B_MAX_NV_BUFFER part;
		uint16_t n = pub.dataSize - at < CHUNK ? (uint16_t)(pub.dataSize - at) : CHUNK;
		TSS2_RC rc = nv_read_chunk(t, auth, index, n, at, &part);
		if (rc != TSS2_RC_SUCCESS && at == 0 && auth != index) {
			auth = index;
			continue;
		}
		r = tpm_check(rc, ERR_IO, "TPM2_NV_Read", d);
		if (!r && part.size != n)
			r = diag_fail(d, ERR_IO, "TPM2_NV_Read: %u bytes for %u", part.size, n);
		if (r)
			return diag_wrap(d, r, "NV index 0x%08x", index);
		memcpy(p + at, part.buffer, n);
		at = (uint16_t)(at + n);
	}
	*out = SPAN(p, pub.dataSize);
	return 0;
}

int tpm_nv_read(struct tpm *t, struct arena *a, uint32_t index, struct span *out, struct diag *d)
{
	pthread_mutex_lock(&t->lock);
	int r = tpm_nv_read_locked(t, a, index, out, d);
	pthread_mutex_unlock(&t->lock);
	return r;
}

static int nv_define(struct tpm *t, uint32_t index, TPMA_NV attributes, uint16_t n, struct diag *d)
{
	TSS2_RC rc;
	TPM2B_AUTH auth = {.size = 0};
	TPM2B_NV_PUBLIC pub = {.nvPublic = {.nvIndex = index, .nameAlg = TPM2_ALG_SHA256, .attributes = attributes, .dataSize = n}};
	TPM_RUN(rc, Tss2_Sys_NV_DefineSpace(tpm_sys(t), TPM2_RH_OWNER, &tpm_auth_empty, &auth, &pub, NULL));
	return tpm_check(rc, ERR_IO, "TPM2_NV_DefineSpace", d);
}

static int nv_write_locked(struct tpm *t, uint32_t index, struct span bytes, struct diag *d)
{
	TPMS_NV_PUBLIC pub;
	if (bytes.n == 0 || bytes.n > TPM_NV_MAX)
		return diag_fail(d, ERR_LIMIT, "cannot store %zu bytes", bytes.n);
	int r = nv_public(t, index, &pub, NULL);
	if (r == ERR_MISSING)
		r = nv_define(t, index, ordinary_attributes, (uint16_t)bytes.n, d);
	else if (!r && pub.dataSize != bytes.n)
		r = diag_fail(d, ERR_REFUSED, "has %u bytes, not %zu", pub.dataSize, bytes.n);
	else if (r)
		r = nv_public(t, index, &pub, d);
	struct rd rest = rd_from(bytes);
	while (!r && rest.left > 0) {
		TSS2_RC rc;
		uint16_t at = (uint16_t)(bytes.n - rest.left);
		TPM2B_MAX_NV_BUFFER part = {.size = rest.left < CHUNK ? (uint16_t)rest.left : CHUNK};
		rd_copy(&rest, part.buffer, part.size);
		TPM_RUN(rc, Tss2_Sys_NV_Write(tpm_sys(t), TPM2_RH_OWNER, index, &tpm_auth_empty, &part, at, NULL));
		r = tpm_check(rc, ERR_IO, "TPM2_NV_Write", d);
	}
	return r;
}

int tpm_nv_write(struct tpm *t, uint32_t index, struct span bytes, struct diag *d)
{
	pthread_mutex_lock(&t->lock);
	int r = nv_write_locked(t, index, bytes, d);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "NV index 0x%08x", index) : 0;
}

int tpm_nv_undefine(struct tpm *t, uint32_t index, struct diag *d)
{
	TSS2_RC rc;
	TPMS_NV_PUBLIC pub;
	pthread_mutex_lock(&t->lock);
	int r = nv_public(t, index, &pub, d);
	if (!r) {
		TPM_RUN(rc, Tss2_Sys_NV_UndefineSpace(tpm_sys(t), TPM2_RH_OWNER, index, &tpm_auth_empty, NULL));
		r = tpm_check(rc, ERR_IO, "TPM2_NV_UndefineSpace", d);
	}
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "NV index 0x%08x", index) : 0;
}

/* 0 and whether it was ever counted; ERR_MISSING; ERR_REFUSED if the index is no counter: an ordinary one could be set to any value. */
static int counter_check(struct tpm *t, uint32_t index, bool *counted, struct diag *d)
{
	TPMS_NV_PUBLIC pub;
	int r = nv_public(t, index, &pub, d);
	if (r)
		return r;
	TPMA_NV type = (pub.attributes & TPMA_NV_TPM2_NT_MASK) >> TPMA_NV_TPM2_NT_SHIFT;
	if (type != TPM2_NT_COUNTER || pub.dataSize != COUNTER_LEN || (pub.attributes & TPMA_NV_ORDERLY))
		return diag_fail(d, ERR_REFUSED, "is no persistent counter (attributes 0x%08x)", pub.attributes);
	*counted = pub.attributes & TPMA_NV_WRITTEN;
	return 0;
}

static int counter_increment(struct tpm *t, uint32_t index, struct diag *d)
{
	TSS2_RC rc;
	TPM_RUN(rc, Tss2_Sys_NV_Increment(tpm_sys(t), TPM2_RH_OWNER, index, &tpm_auth_empty, NULL));
	return tpm_check(rc, ERR_IO, "TPM2_NV_Increment", d);
}

int tpm_counter_define(struct tpm *t, uint32_t index, struct diag *d)
{
	bool counted = false;
	pthread_mutex_lock(&t->lock);
	int r = counter_check(t, index, &counted, d);
	if (r == ERR_MISSING)
		r = nv_define(t, index, counter_attributes, COUNTER_LEN, d);
	if (!r && !counted)
		r = counter_increment(t, index, d);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "NV index 0x%08x", index) : 0;
}

int tpm_counter_read(struct tpm *t, uint32_t index, uint64_t *value, struct diag *d)
{
	bool counted = false;
	*value = 0;
	pthread_mutex_lock(&t->lock);
	int r = counter_check(t, index, &counted, d);
	if (!r && !counted)
		r = diag_fail(d, ERR_MISSING, "never counted");
	if (!r) {
		TPM2B_MAX_NV_BUFFER bytes;
		r = tpm_check(nv_read_chunk(t, TPM2_RH_OWNER, index, COUNTER_LEN, 0, &bytes), ERR_IO, "TPM2_NV_Read", d);
		if (!r && bytes.size != COUNTER_LEN)
			r = diag_fail(d, ERR_IO, "TPM2_NV_Read: %u bytes for a counter", bytes.size);
		if (!r) {
			struct rd in = rd_from(SPAN(bytes.buffer, COUNTER_LEN));
			*value = rd_u64be(&in);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "NV index 0x%08x", index) : 0;
}

int tpm_counter_increment(struct tpm *t, uint32_t index, struct diag *d)
{
	bool counted;
	pthread_mutex_lock(&t->lock);
	int r = counter_check(t, index, &counted, d);
	if (!r)
		r = counter_increment(t, index, d);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "NV index 0x%08x", index) : 0;
}
