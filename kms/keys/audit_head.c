#include "kms/keys/audit_head.h"

#include "base/rd.h"
#include "base/wr.h"
#include "crypto/hash.h"

static const char magic[] = "ukms audit head1";

enum { MAGIC_LEN = sizeof magic - 1, ZEROS = 7, DIGEST_AT = AUDIT_HEAD_LEN - SHA256_LEN };
static const uint64_t number_max = (UINT64_C(1) << 53) - 1;

void audit_head_encode(const struct audit_head *h, uint8_t out[AUDIT_HEAD_LEN])
{
	struct wr w = wr_to(out, AUDIT_HEAD_LEN);
	wr_bytes(&w, magic, MAGIC_LEN);
	wr_u64le(&w, h->n);
	wr_bytes(&w, h->hash, sizeof h->hash);
	wr_u8(&w, h->clean);
	wr_zero(&w, ZEROS);
	sha256(wr_span(&w), out + DIGEST_AT);
}

int audit_head_decode(struct span in, struct audit_head *out, struct diag *d)
{
	uint8_t digest[SHA256_LEN], zeros = 0;
	struct rd r = rd_from(in);
	*out = (struct audit_head){0};
	struct span name = rd_bytes(&r, MAGIC_LEN);
	out->n = rd_u64le(&r);
	struct span hash = rd_bytes(&r, sizeof out->hash);
	uint8_t clean = rd_u8(&r);
	for (int i = 0; i < ZEROS; i++)
		zeros |= rd_u8(&r);
	struct span sum = rd_bytes(&r, SHA256_LEN);
	if (!rd_done(&r) || !span_is(name, magic))
		return diag_fail(d, ERR_INPUT, "not the head of an audit log");
	sha256(SPAN(in.p, DIGEST_AT), digest);
	if (!span_eq(sum, SPAN_ARR(digest)))
		return diag_fail(d, ERR_INPUT, "the head of the audit log is damaged");
	if (out->n > number_max || clean > 1 || zeros)
		return diag_fail(d, ERR_INPUT, "the head of the audit log is out of range");
	memcpy(out->hash, hash.p, sizeof out->hash);
	out->clean = clean;
	return 0;
}
