#include "drivers/tcg_log.h"

enum { COUNT_MAX = 65536 };

static const struct {
	uint16_t alg;
	uint16_t len;
} digest_len[] = {{TCG_SHA1, 20}, {TCG_SHA256, 32}, {TCG_SHA384, 48}, {TCG_SHA512, 64}};

/* The next { u16 algorithm, digest }. */
static uint16_t take_digest(struct rd *r, struct span *digest)
{
	uint16_t alg = rd_u16le(r);
	for (size_t i = 0; i < sizeof digest_len / sizeof digest_len[0]; i++) {
		if (digest_len[i].alg == alg) {
			*digest = rd_bytes(r, digest_len[i].len);
			return alg;
		}
	}
	rd_fail(r);
	return 0;
}

static struct span take_data(struct rd *r)
{
	uint32_t n = rd_u32le(r);
	if (n > COUNT_MAX)
		rd_fail(r);
	return rd_bytes(r, n);
}

static bool header_well_formed(struct span data)
{
	struct rd r = rd_from(data);
	rd_skip(&r, 16 + 4 + 4); /* signature, platform class, versions and word size: not looked at upstream */
	uint32_t algs = rd_u32le(&r);
	if (algs > COUNT_MAX)
		return false;
	rd_skip(&r, (size_t)algs * 4);
	rd_skip(&r, rd_u8(&r));
	return rd_ok(&r);
}

int tcg_log_open(struct tcg_log *l, struct span bytes, struct diag *d)
{
	l->r = rd_from(bytes);
	l->count = 0;
	rd_skip(&l->r, 4); /* index: 0 in a TPM log, 1 in a CCEL */
	uint32_t type = rd_u32le(&l->r);
	rd_skip(&l->r, 20);
	struct span data = take_data(&l->r);
	if (!rd_ok(&l->r) || type != TCG_EV_NO_ACTION || !header_well_formed(data))
		return diag_fail(d, ERR_INPUT, "event log: the first record is no crypto-agile header");
	return 0;
}

int tcg_log_next(struct tcg_log *l, struct tcg_event *e, struct diag *d)
{
	struct rd *r = &l->r;
	*e = (struct tcg_event){0};
	if (rd_done(r))
		return 0;
	e->index = rd_u32le(r);
	if (rd_ok(r) && e->index == UINT32_MAX)
		return 0;
	e->type = rd_u32le(r);
	e->digest_count = rd_u32le(r);
	if (e->digest_count > COUNT_MAX)
		rd_fail(r);
	struct rd list = *r;
	for (uint32_t i = 0; i < e->digest_count && rd_ok(r); i++) {
		struct span digest;
		take_digest(r, &digest);
	}
	if (rd_ok(r))
		e->digests = rd_bytes(&list, list.left - r->left);
	e->data = take_data(r);
	if (!rd_ok(r))
		return diag_fail(d, ERR_INPUT, "event log: record %zu is malformed", l->count + 1);
	l->count++;
	return 1;
}

struct span tcg_event_digest(const struct tcg_event *e, enum tcg_alg alg)
{
	struct rd r = rd_from(e->digests);
	for (uint32_t i = 0; i < e->digest_count && rd_ok(&r); i++) {
		struct span digest;
		if (take_digest(&r, &digest) == alg)
			return digest;
	}
	return (struct span){0};
}
