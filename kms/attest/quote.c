#include "kms/attest/quote.h"

#include "base/rd.h"

/* Every length-prefixed field of a quote is bounded by this, upstream's figure. */
enum { FIELD_MAX = 1 << 20 };

enum { V5_BODY_SGX = 1, V5_BODY_TD10 = 2, V5_BODY_TD15 = 3 };

static void read_sgx(struct rd *r, struct sgx_report *s)
{
	struct rd b = rd_sub(r, SGX_REPORT_LEN);
	s->raw = SPAN(b.p, b.left);
	s->cpu_svn = rd_bytes(&b, 16);
	s->misc_select = rd_u32le(&b);
	rd_skip(&b, 28);
	s->attributes = rd_bytes(&b, 16);
	s->mr_enclave = rd_bytes(&b, 32);
	rd_skip(&b, 32);
	s->mr_signer = rd_bytes(&b, 32);
	rd_skip(&b, 96);
	s->isv_prod_id = rd_u16le(&b);
	s->isv_svn = rd_u16le(&b);
	rd_skip(&b, 60);
	s->report_data = rd_bytes(&b, 64);
}

static void read_td(struct rd *r, bool v15, struct td_report *t)
{
	struct rd b = rd_sub(r, v15 ? TD_REPORT15_LEN : TD_REPORT10_LEN);
	t->raw = SPAN(b.p, b.left);
	t->tee_tcb_svn = rd_bytes(&b, 16);
	t->mr_seam = rd_bytes(&b, 48);
	t->mr_signer_seam = rd_bytes(&b, 48);
	t->seam_attributes = rd_bytes(&b, 8);
	t->td_attributes = rd_bytes(&b, 8);
	t->xfam = rd_bytes(&b, 8);
	t->mr_td = rd_bytes(&b, 48);
	t->mr_config_id = rd_bytes(&b, 48);
	t->mr_owner = rd_bytes(&b, 48);
	t->mr_owner_config = rd_bytes(&b, 48);
	for (size_t i = 0; i < 4; i++)
		t->rtmr[i] = rd_bytes(&b, 48);
	t->report_data = rd_bytes(&b, 64);
	if (v15) {
		t->tee_tcb_svn2 = rd_bytes(&b, 16);
		t->mr_service_td = rd_bytes(&b, 48);
	}
}

static int read_body(struct rd *r, struct quote *q, struct diag *d)
{
	if (q->version == 5) {
		uint16_t type = rd_u16le(r);
		(void)rd_u32le(r); /* size: signed, and compared with nothing */
		if (!rd_ok(r) || type < V5_BODY_SGX || type > V5_BODY_TD15)
			return diag_fail(d, ERR_INPUT, "Failed to decode quote: unsupported body type %u", type);
		q->body = type == V5_BODY_SGX ? QUOTE_BODY_SGX : type == V5_BODY_TD10 ? QUOTE_BODY_TD10 : QUOTE_BODY_TD15;
	} else if (q->tee_type == QUOTE_TEE_SGX) {
		q->body = QUOTE_BODY_SGX;
	} else if (q->version != 3 && q->tee_type == QUOTE_TEE_TDX) {
		q->body = QUOTE_BODY_TD10;
	} else {
		return diag_fail(d, ERR_INPUT, "Failed to decode quote: invalid tee type 0x%x for version %u", q->tee_type, q->version);
	}
	if (q->body == QUOTE_BODY_SGX)
		read_sgx(r, &q->sgx);
	else
		read_td(r, q->body == QUOTE_BODY_TD15, &q->td);
	return rd_ok(r) ? 0 : diag_fail(d, ERR_INPUT, "Failed to decode quote: body is cut off");
}

/* A length-prefixed field; bad when it is longer than the rest or than a field may be. */
static struct rd field32(struct rd *r)
{
	uint32_t n = rd_u32le(r);
	if (n > FIELD_MAX)
		rd_fail(r);
	return rd_sub(r, n);
}

static void read_qe(struct rd *r, struct quote *q)
{
	read_sgx(r, &q->qe_report);
	q->qe_report_signature = rd_bytes(r, 64);
	q->qe_auth_data = rd_bytes(r, rd_u16le(r));
	q->cert_type = rd_u16le(r);
	struct rd cert = field32(r);
	q->cert_data = rd_rest(&cert);
}

static void read_auth(struct rd *r, struct quote *q)
{
	struct rd a = field32(r);
	q->signature = rd_bytes(&a, 64);
	q->attestation_key = rd_bytes(&a, 64);
	if (q->version == 3) {
		read_qe(&a, q);
	} else {
		(void)rd_u16le(&a); /* outer certification data type: 6 in practice, not checked */
		struct rd inner = field32(&a);
		read_qe(&inner, q);
		if (!rd_ok(&inner))
			rd_fail(&a);
	}
	if (!rd_ok(&a))
		rd_fail(r);
}

int quote_parse(struct span raw, struct quote *out, struct diag *d)
{
	struct rd r = rd_from(raw);
	*out = (struct quote){0};
	out->version = rd_u16le(&r);
	out->key_type = rd_u16le(&r);
	out->tee_type = rd_u32le(&r);
	out->qe_svn = rd_u16le(&r);
	out->pce_svn = rd_u16le(&r);
	out->qe_vendor_id = rd_bytes(&r, 16);
	out->user_data = rd_bytes(&r, 20);
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "Failed to decode quote: header is cut off");
	int e = read_body(&r, out, d);
	if (e)
		return e;
	out->signed_part = SPAN(raw.p, raw.n - r.left);
	if (out->version < 3 || out->version > 5)
		return 0; /* refused by name in verification; what follows has no known form */
	read_auth(&r, out);
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "Failed to decode quote: authentication data is cut off");
	out->used = raw.n - r.left;
	return 0;
}

bool td_attribute(const struct td_report *r, unsigned bit)
{
	return r->td_attributes.p[bit / 8] >> (bit % 8) & 1;
}
