#include "kms/keys/sealed_record.h"

#include <bearssl.h>

#include "base/rd.h"
#include "base/wipe.h"
#include "base/wr.h"
#include "crypto/hash.h"
#include "crypto/random.h"

static const char magic[] = "ukms sealed st 1";

enum {
	MAGIC_LEN = 16,
	SALT_AT = 40,
	SALT_LEN = 32,
	FIELDS_END = SALT_AT + SALT_LEN, /* the record digest follows */
	HEADER_DIGEST_AT = SEALED_SECTOR - SHA256_LEN,
	BODY_AT = SEALED_SECTOR + TPM_SEALED_MAX,
	TAG_LEN = 16,
	OVERHEAD = BODY_AT + TAG_LEN
};
_Static_assert(sizeof magic - 1 == MAGIC_LEN, "magic");
_Static_assert(SEALED_SLOT % SEALED_BLOCK == 0 && (int)OVERHEAD < (int)SEALED_BLOCK, "a record is whole blocks");

static bool all_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

static void record_digest(struct span record, uint8_t out[SHA256_LEN])
{
	struct rd r = rd_from(record);
	struct span fields = rd_bytes(&r, FIELDS_END);
	rd_skip(&r, SEALED_SECTOR - FIELDS_END);
	sha256_2(fields, rd_rest(&r), out);
}

struct header {
	uint64_t sequence, counter;
	uint32_t key_len;
	size_t record_len;
	struct span of_record;
};

static bool header_read(struct span bytes, struct header *out)
{
	uint8_t digest[SHA256_LEN];
	struct rd h = rd_from(bytes);
	struct span name = rd_bytes(&h, MAGIC_LEN);
	out->sequence = rd_u64le(&h);
	out->counter = rd_u64le(&h);
	out->key_len = rd_u32le(&h);
	uint32_t body_len = rd_u32le(&h);
	rd_skip(&h, SALT_LEN);
	out->of_record = rd_bytes(&h, SHA256_LEN);
	rd_skip(&h, HEADER_DIGEST_AT - FIELDS_END - SHA256_LEN);
	struct span of_header = rd_bytes(&h, SHA256_LEN);
	if (!rd_done(&h) || !span_is(name, magic))
		return false;
	sha256(SPAN(bytes.p, HEADER_DIGEST_AT), digest);
	if (!span_eq(of_header, SPAN_ARR(digest)) || out->key_len > TPM_SEALED_MAX || body_len > SEALED_SLOT - OVERHEAD ||
	    (OVERHEAD + body_len) % SEALED_BLOCK != 0 || out->sequence == 0)
		return false;
	out->record_len = OVERHEAD + (size_t)body_len;
	return true;
}

size_t sealed_record_len(const uint8_t header[SEALED_SECTOR])
{
	struct header h;
	return header_read(SPAN(header, SEALED_SECTOR), &h) ? h.record_len : 0;
}

enum slot_state sealed_record_check(struct span slot, struct sealed_meta *meta)
{
	uint8_t digest[SHA256_LEN];
	struct header h;
	*meta = (struct sealed_meta){0};
	if (all_zero(slot))
		return SLOT_ZERO;
	struct rd r = rd_from(slot);
	struct span header = rd_bytes(&r, SEALED_SECTOR);
	struct span key = rd_bytes(&r, TPM_SEALED_MAX);
	if (!rd_ok(&r) || !header_read(header, &h) || slot.n < h.record_len)
		return SLOT_FOREIGN;
	*meta = (struct sealed_meta){h.sequence, h.counter, SPAN(key.p, h.key_len), h.record_len};
	record_digest(SPAN(slot.p, meta->record_len), digest);
	return span_eq(h.of_record, SPAN_ARR(digest)) ? SLOT_VALID : SLOT_TORN;
}

void sealed_derive(const uint8_t data_key[SEALED_KEY_LEN], const char *label, const uint8_t salt[32], uint8_t out[32])
{
	br_hmac_key_context k;
	br_hmac_context h;
	br_hmac_key_init(&k, &br_sha256_vtable, data_key, SEALED_KEY_LEN);
	br_hmac_init(&h, &k, 0);
	br_hmac_update(&h, label, strlen(label));
	br_hmac_update(&h, salt, SALT_LEN);
	br_hmac_out(&h, out);
	wipe(&k, sizeof k);
	wipe(&h, sizeof h);
}

/* Encrypts or decrypts the body where it is; both digests are zero while this runs. */
static void crypt(uint8_t *record, size_t body_len, const uint8_t data_key[SEALED_KEY_LEN], uint8_t tag[TAG_LEN], int encrypt)
{
	/* BearSSL reads these as words. */
	_Alignas(16) static const uint8_t nonce[12];
	_Alignas(16) uint8_t key[32];
	sealed_derive(data_key, "ukms sealed store 1", record + SALT_AT, key);
	br_poly1305_ctmul_run(key, nonce, record + BODY_AT, body_len, record, BODY_AT, tag, br_chacha20_ct_run, encrypt);
	wipe(key, sizeof key);
}

int sealed_record_encode(uint8_t out[SEALED_SLOT], struct sealed_meta *meta, const uint8_t data_key[SEALED_KEY_LEN],
			 const struct key_files *files, uint64_t time_floor, struct diag *d)
{
	struct wr body = wr_to(out + BODY_AT, SEALED_SLOT - OVERHEAD);
	memset(out, 0, BODY_AT);
	wr_u64le(&body, time_floor);
	wr_u32le(&body, KEY_FILES);
	for (size_t i = 0; i < KEY_FILES; i++) {
		if (files->file[i].n > SEALED_SLOT)
			return diag_fail(d, ERR_LIMIT, "key file %zu is too large", i);
		wr_u32le(&body, (uint32_t)files->file[i].n);
		wr_put(&body, files->file[i]);
	}
	meta->record_len = (OVERHEAD + body.len + SEALED_BLOCK - 1) / SEALED_BLOCK * SEALED_BLOCK;
	size_t body_len = meta->record_len - OVERHEAD;
	if (wr_ok(&body))
		wr_zero(&body, body_len - body.len);
	if (!wr_ok(&body) || meta->sealed_key.n > TPM_SEALED_MAX)
		return diag_fail(d, ERR_LIMIT, "the key files do not fit into %d bytes", SEALED_SLOT);
	_Alignas(16) uint8_t tag[TAG_LEN];
	uint8_t salt[SALT_LEN], digest[SHA256_LEN];
	random_bytes(salt, sizeof salt);
	struct wr head = wr_to(out, BODY_AT);
	wr_bytes(&head, magic, MAGIC_LEN);
	wr_u64le(&head, meta->sequence);
	wr_u64le(&head, meta->counter);
	wr_u32le(&head, (uint32_t)meta->sealed_key.n);
	wr_u32le(&head, (uint32_t)body_len);
	wr_bytes(&head, salt, SALT_LEN);
	wr_zero(&head, SEALED_SECTOR - FIELDS_END);
	wr_put(&head, meta->sealed_key);
	crypt(out, body_len, data_key, tag, 1);
	memcpy(out + BODY_AT + body_len, tag, TAG_LEN);
	record_digest(SPAN(out, meta->record_len), digest);
	memcpy(out + FIELDS_END, digest, SHA256_LEN);
	sha256(SPAN(out, HEADER_DIGEST_AT), digest);
	memcpy(out + HEADER_DIGEST_AT, digest, SHA256_LEN);
	return 0;
}

int sealed_record_open(uint8_t record[SEALED_SLOT], const struct sealed_meta *meta, const uint8_t data_key[SEALED_KEY_LEN],
		       struct key_files *files, uint64_t *time_floor, struct diag *d)
{
	_Alignas(16) uint8_t tag[TAG_LEN];
	size_t body_len = meta->record_len - OVERHEAD;
	memset(record + FIELDS_END, 0, SHA256_LEN);
	memset(record + HEADER_DIGEST_AT, 0, SHA256_LEN);
	crypt(record, body_len, data_key, tag, 0);
	if (!equal_ct(tag, record + BODY_AT + body_len, TAG_LEN)) {
		wipe(record + BODY_AT, body_len);
		return diag_fail(d, ERR_CRYPTO, "the record was not written with this key, or was altered");
	}
	struct rd r = rd_from(SPAN(record + BODY_AT, body_len));
	*time_floor = rd_u64le(&r);
	if (rd_u32le(&r) != KEY_FILES)
		rd_fail(&r);
	for (size_t i = 0; i < KEY_FILES; i++)
		files->file[i] = rd_bytes(&r, rd_u32le(&r));
	if (!rd_ok(&r) || r.left >= SEALED_BLOCK || !all_zero(rd_rest(&r)))
		return diag_fail(d, ERR_INPUT, "the record has another layout inside");
	return 0;
}
