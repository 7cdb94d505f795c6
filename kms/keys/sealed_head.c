#include "kms/keys/sealed_head.h"

#include <bearssl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/rd.h"
#include "base/wipe.h"
#include "base/wr.h"
#include "crypto/random.h"

static const char magic[] = "ukms sealed au 1", label[] = "ukms audit head 1";

enum { MAGIC_LEN = sizeof magic - 1, SALT_LEN = 32, AAD_LEN = MAGIC_LEN + SALT_LEN, TAG_LEN = 16 };
_Static_assert(AAD_LEN + SEALED_HEAD_BODY + TAG_LEN <= SEALED_SECTOR, "one sector, which is written whole or not at all");

struct kept {
	struct audit_head head;
	uint64_t counter, generation;
};

static void run_cipher(const uint8_t data_key[SEALED_KEY_LEN], const uint8_t *aad, uint8_t body[SEALED_HEAD_BODY], uint8_t tag[TAG_LEN],
		       int encrypt)
{
	_Alignas(16) static const uint8_t nonce[12];
	_Alignas(16) uint8_t key[32];
	sealed_derive(data_key, label, aad + MAGIC_LEN, key);
	br_poly1305_ctmul_run(key, nonce, body, SEALED_HEAD_BODY, aad, AAD_LEN, tag, br_chacha20_ct_run, encrypt);
	wipe(key, sizeof key);
}

void sealed_head_seal(uint8_t sector[SEALED_SECTOR], const uint8_t data_key[SEALED_KEY_LEN], const uint8_t body[SEALED_HEAD_BODY])
{
	_Alignas(16) uint8_t aad[AAD_LEN], work[SEALED_HEAD_BODY], tag[TAG_LEN];
	memcpy(aad, magic, MAGIC_LEN);
	random_bytes(aad + MAGIC_LEN, SALT_LEN);
	memcpy(work, body, sizeof work);
	run_cipher(data_key, aad, work, tag, 1);
	struct wr w = wr_to(sector, SEALED_SECTOR);
	wr_bytes(&w, aad, sizeof aad);
	wr_bytes(&w, work, sizeof work);
	wr_bytes(&w, tag, sizeof tag);
	wr_zero(&w, SEALED_SECTOR - w.len);
}

int sealed_head_open(const uint8_t sector[SEALED_SECTOR], const uint8_t data_key[SEALED_KEY_LEN], uint8_t body[SEALED_HEAD_BODY],
		     struct diag *d)
{
	_Alignas(16) uint8_t aad[AAD_LEN], work[SEALED_HEAD_BODY], tag[TAG_LEN];
	uint8_t any = 0;
	struct rd r = rd_from(SPAN(sector, SEALED_SECTOR));
	for (size_t i = 0; i < SEALED_SECTOR; i++)
		any |= sector[i];
	if (!any)
		return diag_fail(d, ERR_MISSING, "no head of an audit log was kept");
	memcpy(aad, rd_bytes(&r, AAD_LEN).p, AAD_LEN);
	memcpy(work, rd_bytes(&r, SEALED_HEAD_BODY).p, SEALED_HEAD_BODY);
	struct span its = rd_bytes(&r, TAG_LEN);
	if (memcmp(aad, magic, MAGIC_LEN) != 0)
		return diag_fail(d, ERR_INPUT, "something else lies where the head of the audit log is kept");
	run_cipher(data_key, aad, work, tag, 0);
	if (!equal_ct(tag, its.p, TAG_LEN))
		return diag_fail(d, ERR_CRYPTO, "the head of the audit log is of another store, or was altered");
	memcpy(body, work, SEALED_HEAD_BODY);
	return 0;
}

static off_t place(uint64_t generation)
{
	return SEALED_HEAD_AT + (off_t)(generation % 2) * SEALED_BLOCK;
}

static int read_one(const struct sealed_store *s, unsigned which, struct kept *out, struct diag *d)
{
	uint8_t sector[SEALED_SECTOR], body[SEALED_HEAD_BODY];
	ssize_t n = pread(s->fd, sector, sizeof sector, place(which));
	if (n < 0)
		return diag_fail(d, ERR_IO, "read: %s", strerror(errno));
	if (n != (ssize_t)sizeof sector)
		return diag_fail(d, ERR_MISSING, "the partition has no room for the head of the audit log");
	int e = sealed_head_open(sector, s->data_key, body, d);
	struct rd r = rd_from(SPAN_ARR(body));
	if (!e)
		e = audit_head_decode(rd_bytes(&r, AUDIT_HEAD_LEN), &out->head, d);
	if (e)
		return e;
	out->counter = rd_u64le(&r);
	out->generation = rd_u64le(&r);
	return 0;
}

/* The newer of the two; what is wrong with one matters only if there is no other. */
static int newest(struct sealed_store *s, struct kept *out, struct diag *d)
{
	struct kept one[2];
	struct diag why[2] = {0};
	int e[2];
	for (unsigned i = 0; i < 2; i++)
		e[i] = read_one(s, i, &one[i], &why[i]);
	if (e[0] && e[1]) {
		unsigned worse = e[0] == ERR_MISSING;
		return diag_fail(d, e[worse], "%s", why[worse].text);
	}
	*out = one[e[0] || (!e[1] && one[1].generation > one[0].generation)];
	s->head_generation = out->generation;
	return 0;
}

int sealed_head_load(void *self, struct audit_head *out, struct diag *d)
{
	struct sealed_store *s = self;
	struct kept k = {0};
	pthread_mutex_lock(&s->lock);
	int e = s->fresh ? diag_fail(d, ERR_MISSING, "nothing was ever stored") : newest(s, &k, d);
	if (!e) {
		*out = k.head;
		out->bounded = k.counter == s->counter;
	}
	pthread_mutex_unlock(&s->lock);
	return e;
}

static void encode(uint8_t body[SEALED_HEAD_BODY], const struct audit_head *h, uint64_t counter, uint64_t generation)
{
	struct wr w = wr_to(body + AUDIT_HEAD_LEN, SEALED_HEAD_BODY - AUDIT_HEAD_LEN);
	audit_head_encode(h, body);
	wr_u64le(&w, counter);
	wr_u64le(&w, generation);
}

static int save_locked(struct sealed_store *s, const struct audit_head *h, struct diag *d)
{
	uint8_t sector[SEALED_SECTOR], body[SEALED_HEAD_BODY];
	struct kept k;
	if (s->fresh)
		return diag_fail(d, ERR_MISSING, "there is no sealed store yet");
	encode(body, h, s->counter, s->head_generation);
	if (s->head_kept && memcmp(body, s->head, sizeof body) == 0)
		return 0;
	if (!s->head_kept)
		(void)newest(s, &k, NULL); /* for the generation, if there is one */
	encode(body, h, s->counter, s->head_generation + 1);
	sealed_head_seal(sector, s->data_key, body);
	ssize_t n = pwrite(s->fd, sector, sizeof sector, place(s->head_generation + 1));
	if (n != (ssize_t)sizeof sector || fdatasync(s->fd)) {
		s->head_kept = false;
		return diag_fail(d, ERR_IO, "head of the audit log: %s",
				 n >= 0 && n != (ssize_t)sizeof sector ? "no room" : strerror(errno));
	}
	s->head_generation++;
	s->head_kept = true;
	memcpy(s->head, body, sizeof body);
	return 0;
}

int sealed_head_save(void *self, const struct audit_head *h, struct diag *d)
{
	struct sealed_store *s = self;
	pthread_mutex_lock(&s->lock);
	int e = save_locked(s, h, d);
	pthread_mutex_unlock(&s->lock);
	return e;
}
