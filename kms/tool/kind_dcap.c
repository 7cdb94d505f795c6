#include "base/text.h"
#include "crypto/der.h"
#include "kms/attest/collateral.h"
#include "kms/attest/rules.h"
#include "kms/tool/show.h"

static void show_sgx(struct out *o, const struct sgx_report *r)
{
	out_hex(o, "mr_enclave", r->mr_enclave);
	out_hex(o, "mr_signer", r->mr_signer);
	out_u64(o, "isv_prod_id", r->isv_prod_id);
	out_u64(o, "isv_svn", r->isv_svn);
	out_hex(o, "attributes", r->attributes);
}

static void show_td(struct out *o, const struct td_report *r)
{
	static const char *const rtmr[] = {"rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"}, *const plain[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	out_hex(o, "tee_tcb_svn", r->tee_tcb_svn);
	out_hex(o, "mr_seam", r->mr_seam);
	out_hex(o, "mr_signer_seam", r->mr_signer_seam);
	out_hex(o, "seam_attributes", r->seam_attributes);
	out_hex(o, "td_attributes", r->td_attributes);
	out_hex(o, "xfam", r->xfam);
	out_hex(o, "mr_td", r->mr_td);
	out_hex(o, "mrtd", r->mr_td);
	out_hex(o, "mr_config_id", r->mr_config_id);
	out_hex(o, "mr_owner", r->mr_owner);
	out_hex(o, "mr_owner_config", r->mr_owner_config);
	for (size_t i = 0; i < 4; i++) {
		out_hex(o, rtmr[i], r->rtmr[i]);
		out_hex(o, plain[i], r->rtmr[i]);
	}
	if (r->mr_service_td.n) {
		out_hex(o, "tee_tcb_svn2", r->tee_tcb_svn2);
		out_hex(o, "mr_service_td", r->mr_service_td);
	}
}

static void show_body(struct out *o, const struct quote *q)
{
	if (q->body == QUOTE_BODY_SGX) {
		show_sgx(o, &q->sgx);
		out_hex(o, "cpu_svn", q->sgx.cpu_svn);
		out_hex(o, "report_data", q->sgx.report_data);
	} else {
		show_td(o, &q->td);
		out_hex(o, "report_data", q->td.report_data);
	}
}

/* 1.2.840.113741.1.13.1.5, an ENUMERATED (2.6) */
static bool show_sgx_type(const struct x509 *leaf, unsigned *out)
{
	static const uint8_t ext[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01},
			     member[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x05};
	struct span value;
	if (x509_extension(leaf, SPAN_ARR(ext), &value) != 1)
		return false;
	struct rd r = rd_from(value), list = der_open(&r, DER_SEQUENCE);
	while (list.left && rd_ok(&list)) {
		struct rd pair = der_open(&list, DER_SEQUENCE);
		struct span oid = der_take(&pair, DER_OID);
		if (!span_eq(oid, SPAN_ARR(member)))
			continue;
		struct span v = der_take(&pair, DER_ENUMERATED);
		*out = v.n == 1 ? v.p[0] : 0;
		return v.n == 1;
	}
	return false;
}

static void show_chain(struct tool *t, const struct quote *q)
{
	struct out *o = &t->out;
	struct span chain[X509_CHAIN_MAX];
	struct pck_info info;
	struct x509 leaf;
	size_t n = 0;
	int e = show_pck_info(t, q, chain, &n, &info);
	if (n)
		out_u64(o, "pck_chain_len", n);
	if (n && x509_parse(chain[0], &leaf, NULL) == 0) {
		struct span serial = leaf.serial;
		while (serial.n > 1 && serial.p[0] == 0)
			serial = SPAN(serial.p + 1, serial.n - 1);
		show_name(t, "pck_issuer", leaf.issuer);
		out_hex(o, "pck_serial", serial);
		out_time(o, "pck_not_after", leaf.not_after);
	}
	if (e)
		return;
	out_hex(o, "ppid", info.ppid);
	out_u64(o, "pce_svn", info.pce_svn);
	out_hex(o, "cpu_svn_pck", info.cpu_svn);
	out_hex(o, "pce_id", info.pce_id);
	out_hex(o, "fmspc", info.fmspc);
	unsigned sgx_type;
	if (show_sgx_type(&leaf, &sgx_type))
		out_u64(o, "sgx_type", sgx_type);
}

static void show_quote(struct tool *t, const struct quote *q)
{
	struct out *o = &t->out;
	out_open(o, "parsed");
	out_u64(o, "quote_len", t->input.n);
	out_u64(o, "version", q->version);
	out_u64(o, "att_key_type", q->key_type);
	out_u64(o, "tee_type", q->tee_type);
	out_hex(o, "qe_vendor_id", q->qe_vendor_id);
	out_hex(o, "user_data", q->user_data);
	show_body(o, q);
	out_u64(o, "signed_len", q->signed_part.n);
	if (!q->used) { /* of an unknown version: what follows has no known form */
		out_close(o);
		return;
	}
	/* a length field stands between the signed part and the authentication data */
	out_u64(o, "auth_data_len", q->used - q->signed_part.n - 4);
	out_u64(o, "trailing_len", t->input.n - q->used);
	out_hex(o, "attestation_key", q->attestation_key);
	out_open(o, "qe_report");
	show_sgx(o, &q->qe_report);
	uint8_t misc[4];
	struct wr w = wr_to(misc, sizeof misc);
	wr_u32le(&w, q->qe_report.misc_select);
	out_hex(o, "misc_select", wr_span(&w));
	out_close(o);
	out_u64(o, "qe_auth_data_len", q->qe_auth_data.n);
	if (q->version >= 4) {
		/* behind the length, the signature and the key (2.2) */
		struct rd r = rd_from(t->input);
		rd_skip(&r, q->signed_part.n + 4 + 64 + 64);
		out_u64(o, "outer_cert_type", rd_u16le(&r));
	}
	out_u64(o, "cert_type", q->cert_type);
	show_chain(t, q);
	out_close(o);
}

static void show_status(struct tool *t, const char *key, enum tcb_status s, const struct span *advisories, size_t n)
{
	out_open(&t->out, key);
	out_text(&t->out, "status", SPAN_STR(tcb_status_name(s)));
	show_texts(&t->out, "advisory_ids", advisories, n);
	out_close(&t->out);
}

static void show_result(struct tool *t, const struct dcap_result *r)
{
	struct out *o = &t->out;
	out_text(o, "status", SPAN_STR(tcb_status_name(r->status)));
	show_texts(o, "advisory_ids", r->advisories, r->advisory_count);
	show_status(t, "platform_status", r->platform_status, r->advisories, r->platform_advisory_count);
	show_status(t, "qe_status", r->qe_status, r->qe_advisories, r->qe_advisory_count);
	out_hex(o, "ppid", r->ppid);
	out_hex(o, "fmspc", r->fmspc);
	show_body(o, &r->quote);
}

int kind_dcap(struct tool *t)
{
	struct quote q;
	const struct collateral *c;
	struct span json;
	const struct dcap_options options = {.january = !attest_rule_holds(&t->ctx.rules, RULE_DCAP_AUGUST)};
	struct dcap_result *r = arena_alloc(t->a, sizeof *r);
	if (!r)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_LIMIT, "no memory left"));
	int e = quote_parse(t->input, &q, &t->diag);
	if (!e)
		show_quote(t, &q);
	if (!t->req.has_now)
		return e ? tool_fail(t, "decode", e) : 0;
	if (t->req.collateral.n == 0)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_INPUT, "--collateral is missing"));
	e = tool_read_file(t->a, t->req.collateral, &json, &t->diag);
	if (e)
		return tool_fail(t, "io", e);
	e = collateral_from_json(t->a, json, t->ctx.anchors.intel_sgx_root, &c, &t->diag);
	if (!e)
		e = dcap_verify(t->a, t->input, c, (int64_t)t->req.now, &options, r, &t->diag);
	if (e)
		return tool_fail(t, "quote", e);
	show_result(t, r);
	return 0;
}
