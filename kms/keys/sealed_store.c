#include "kms/keys/sealed_store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/wipe.h"
#include "crypto/random.h"
#include "kms/keys/sealed_head.h"

static int read_at(int fd, uint8_t *out, size_t n, off_t at, struct diag *d)
{
	while (n > 0) {
		ssize_t got = pread(fd, out, n, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return diag_fail(d, ERR_IO, "read: %s", strerror(errno));
		if (got == 0)
			return diag_fail(d, ERR_IO, "read: the partition has shrunk");
		out += got;
		n -= (size_t)got;
		at += got;
	}
	return 0;
}

/* A record is some dozen KiB: of a slot with a good header only that is read, any other as a whole. */
static int read_slot(int fd, unsigned slot, uint8_t out[SEALED_SLOT], struct span *read, struct diag *d)
{
	off_t at = (off_t)slot * SEALED_SLOT;
	int r = read_at(fd, out, SEALED_BLOCK, at, d);
	if (r)
		return r;
	size_t n = sealed_record_len(out);
	*read = SPAN(out, n > 0 ? n : SEALED_SLOT);
	return read_at(fd, out + SEALED_BLOCK, read->n - SEALED_BLOCK, at + SEALED_BLOCK, d);
}

static int write_at(int fd, const uint8_t *p, size_t n, off_t at, struct diag *d)
{
	while (n > 0) {
		ssize_t put = pwrite(fd, p, n, at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return diag_fail(d, ERR_IO, "write: %s", put < 0 ? strerror(errno) : "no progress");
		p += put;
		n -= (size_t)put;
		at += put;
	}
	if (fdatasync(fd) != 0)
		return diag_fail(d, ERR_IO, "flush: %s", strerror(errno));
	return 0;
}

/* The header goes first: a slot without a good header was never begun. */
static int write_slot(int fd, unsigned slot, const uint8_t *record, size_t n, struct diag *d)
{
	off_t at = (off_t)slot * SEALED_SLOT;
	int r = write_at(fd, record, SEALED_SECTOR, at, d);
	if (!r)
		r = write_at(fd, record + SEALED_SECTOR, n - SEALED_SECTOR, at + SEALED_SECTOR, d);
	return r;
}

/* Two copies, then the count that makes them the only valid ones. */
static int commit(struct sealed_store *s, const struct sealed_meta *meta, struct diag *d)
{
	uint64_t counted;
	int r = write_slot(s->fd, 0, s->record, meta->record_len, d);
	if (!r)
		r = write_slot(s->fd, 1, s->record, meta->record_len, d);
	if (!r)
		r = tpm_counter_increment(s->tpm, SEALED_COUNTER_NV, d);
	if (!r)
		r = tpm_counter_read(s->tpm, SEALED_COUNTER_NV, &counted, d);
	if (!r && counted != meta->counter)
		r = diag_fail(d, ERR_REFUSED, "the TPM counter is used by somebody else");
	s->failed = r != 0;
	if (r)
		return r;
	s->sequence = meta->sequence;
	s->counter = meta->counter;
	s->fresh = false;
	return 0;
}

static int start_fresh(struct sealed_store *s, uint32_t pcrs, struct diag *d)
{
	random_bytes(s->data_key, sizeof s->data_key);
	s->fresh = true;
	return tpm_seal(s->tpm, pcrs, SPAN_ARR(s->data_key), s->sealed_key, &s->sealed_key_len, d);
}

static int unseal_data_key(struct sealed_store *s, uint32_t pcrs, const struct sealed_meta *meta, struct diag *d)
{
	uint8_t key[TPM_SECRET_MAX];
	size_t n;
	int r = tpm_unseal(s->tpm, pcrs, meta->sealed_key, key, &n, d);
	if (!r && n != sizeof s->data_key)
		r = diag_fail(d, ERR_CRYPTO, "the sealed key has %zu bytes", n);
	if (!r) {
		memcpy(s->data_key, key, sizeof s->data_key);
		memcpy(s->sealed_key, meta->sealed_key.p, meta->sealed_key.n);
		s->sealed_key_len = meta->sealed_key.n;
	}
	wipe(key, sizeof key);
	return r;
}

/* s->record holds the newest record, s->other the other slot. Repairs the other one and makes up for a count that is missing. */
static int adopt(struct sealed_store *s, const struct sealed_meta *meta, unsigned slot, struct diag *d)
{
	struct key_files files;
	uint64_t counter;
	bool equal = memcmp(s->record, s->other, meta->record_len) == 0;
	int r = tpm_counter_read(s->tpm, SEALED_COUNTER_NV, &counter, d);
	if (r == ERR_MISSING)
		r = diag_fail(d, ERR_REFUSED, "the TPM counter of this store is gone");
	if (!r && meta->counter < counter)
		r = diag_fail(d, ERR_REFUSED, "rolled back: the partition has state %llu, the TPM counted %llu",
			      (unsigned long long)meta->counter, (unsigned long long)counter);
	if (!r && meta->counter - counter > 1)
		r = diag_fail(d, ERR_REFUSED, "the TPM counter was replaced: it is %llu, not %llu", (unsigned long long)counter,
			      (unsigned long long)meta->counter);
	if (!r && !equal) {
		memcpy(s->other, s->record, meta->record_len); /* opening destroys s->record */
		r = sealed_record_open(s->record, meta, s->data_key, &files, &s->time_floor, d);
		if (!r)
			r = write_slot(s->fd, !slot, s->other, meta->record_len, d);
	} else if (!r) {
		r = sealed_record_open(s->record, meta, s->data_key, &files, &s->time_floor, d);
	}
	if (!r && meta->counter != counter)
		r = tpm_counter_increment(s->tpm, SEALED_COUNTER_NV, d);
	s->sequence = meta->sequence;
	s->counter = meta->counter;
	return r;
}

static int open_locked(struct sealed_store *s, uint32_t pcrs, struct diag *d)
{
	struct sealed_meta meta[2];
	enum slot_state state[2];
	uint8_t *at[2] = {s->record, s->other};
	off_t size = lseek(s->fd, 0, SEEK_END);
	if (size < 0)
		return diag_fail(d, ERR_IO, "size: %s", strerror(errno));
	if (size < SEALED_STORE_MIN)
		return diag_fail(d, ERR_LIMIT, "the partition is smaller than %d bytes", SEALED_STORE_MIN);
	(void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_RANDOM); /* what lies behind a record is not wanted */
	for (unsigned i = 0; i < 2; i++) {
		struct span slot;
		int r = read_slot(s->fd, i, at[i], &slot, d);
		if (r)
			return r;
		state[i] = sealed_record_check(slot, &meta[i]);
	}
	bool valid[2] = {state[0] == SLOT_VALID, state[1] == SLOT_VALID};
	if (!valid[0] && !valid[1]) {
		if (state[1] == SLOT_ZERO && (state[0] == SLOT_ZERO || (state[0] == SLOT_TORN && meta[0].sequence == 1)))
			return start_fresh(s, pcrs, d);
		if (state[0] == SLOT_TORN || state[1] == SLOT_TORN)
			return diag_fail(d, ERR_CRYPTO, "both copies are damaged");
		return diag_fail(d, ERR_INPUT, "the partition is neither empty nor a sealed store");
	}
	unsigned newest = valid[1] && (!valid[0] || meta[1].sequence > meta[0].sequence);
	s->record = at[newest];
	s->other = at[!newest];
	int r = unseal_data_key(s, pcrs, &meta[newest], d);
	return r ? r : adopt(s, &meta[newest], newest, d);
}

int sealed_store_open(struct sealed_store *s, struct tpm *tpm, int fd, unsigned boot_pcr, struct diag *d)
{
	memset(s, 0, sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	s->fd = fd;
	s->tpm = tpm;
	int r = arena_open(&s->scratch, 2 * SEALED_SLOT + 64);
	s->record = arena_alloc(&s->scratch, SEALED_SLOT);
	s->other = arena_alloc(&s->scratch, SEALED_SLOT);
	if (r || !s->record || !s->other)
		r = diag_fail(d, ERR_LIMIT, "no memory");
	else
		r = open_locked(s, TPM_PCR_BIT(0) | TPM_PCR_BIT(boot_pcr) | TPM_PCR_BIT(14), d);
	if (!r) {
		wipe(s->record, SEALED_SLOT);
		return 0;
	}
	sealed_store_close(s);
	return diag_wrap(d, r, "sealed store");
}

void sealed_store_close(struct sealed_store *s)
{
	if (!s->tpm)
		return;
	arena_close(&s->scratch);
	pthread_mutex_destroy(&s->lock);
	wipe(s, sizeof *s);
}

/* Reads the committed record into s->record; files borrow from there. */
static int current(struct sealed_store *s, struct key_files *files, struct diag *d)
{
	struct sealed_meta meta;
	uint64_t floor;
	*files = (struct key_files){0};
	if (s->failed)
		return diag_fail(d, ERR_IO, "an earlier write failed; restart");
	for (unsigned i = 0; i < 2 && !s->fresh; i++) {
		struct span slot;
		int r = read_slot(s->fd, i, s->record, &slot, d);
		if (r)
			return r;
		if (sealed_record_check(slot, &meta) != SLOT_VALID || meta.sequence != s->sequence || meta.counter != s->counter)
			continue;
		return sealed_record_open(s->record, &meta, s->data_key, files, &floor, d);
	}
	return s->fresh ? 0 : diag_fail(d, ERR_CRYPTO, "both copies are damaged");
}

static int load_locked(struct sealed_store *s, struct arena *a, struct key_files *out, struct diag *d)
{
	struct key_files files;
	int r = current(s, &files, d);
	for (size_t i = 0; !r && i < KEY_FILES; i++) {
		out->file[i] = files.file[i].n ? arena_dup(a, files.file[i]) : (struct span){0};
		if (files.file[i].n && !out->file[i].p)
			r = diag_fail(d, ERR_LIMIT, "no room for the key files");
	}
	wipe(s->record, SEALED_SLOT);
	return r;
}

static int load(void *self, struct arena *a, struct key_files *out, struct diag *d)
{
	struct sealed_store *s = self;
	*out = (struct key_files){0};
	pthread_mutex_lock(&s->lock);
	int r = load_locked(s, a, out, d);
	pthread_mutex_unlock(&s->lock);
	return r ? diag_wrap(d, r, "sealed store") : 0;
}

static int store_locked(struct sealed_store *s, const struct key_files *in, uint64_t time_floor, struct diag *d)
{
	struct sealed_meta meta = {.sequence = s->sequence + 1, .sealed_key = SPAN(s->sealed_key, s->sealed_key_len)};
	if (s->failed)
		return diag_fail(d, ERR_IO, "an earlier write failed; restart");
	int r = tpm_counter_define(s->tpm, SEALED_COUNTER_NV, d);
	if (!r)
		r = tpm_counter_read(s->tpm, SEALED_COUNTER_NV, &meta.counter, d);
	meta.counter++;
	if (!r)
		r = sealed_record_encode(s->record, &meta, s->data_key, in, time_floor, d);
	if (!r)
		r = commit(s, &meta, d);
	if (!r)
		s->time_floor = time_floor;
	wipe(s->record, SEALED_SLOT);
	return r;
}

static int store(void *self, const struct key_files *in, struct diag *d)
{
	struct sealed_store *s = self;
	pthread_mutex_lock(&s->lock);
	int r = store_locked(s, in, s->time_floor, d);
	pthread_mutex_unlock(&s->lock);
	return r ? diag_wrap(d, r, "sealed store") : 0;
}

struct key_storage sealed_store_storage(struct sealed_store *s)
{
	return (struct key_storage){.load = load, .store = store, .load_head = sealed_head_load, .save_head = sealed_head_save, .self = s};
}

int64_t sealed_store_time_floor(struct sealed_store *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t floor = s->time_floor;
	pthread_mutex_unlock(&s->lock);
	return floor < INT64_MAX ? (int64_t)floor : INT64_MAX;
}

static int raise_locked(struct sealed_store *s, uint64_t now, struct diag *d)
{
	struct key_files files;
	if (now < s->time_floor || now - s->time_floor < SEALED_FLOOR_STEP)
		return 0;
	int r = current(s, &files, d);
	if (r)
		return r;
	/* The files borrow from s->record, in which the new record is to be made. */
	uint8_t *old = s->record;
	s->record = s->other;
	s->other = old;
	r = store_locked(s, &files, now, d);
	wipe(old, SEALED_SLOT);
	return r;
}

int sealed_store_raise_time_floor(struct sealed_store *s, int64_t now, struct diag *d)
{
	pthread_mutex_lock(&s->lock);
	int r = now > 0 ? raise_locked(s, (uint64_t)now, d) : 0;
	pthread_mutex_unlock(&s->lock);
	return r ? diag_wrap(d, r, "sealed store: time floor") : 0;
}
