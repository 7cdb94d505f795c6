#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/ak_chain.h"
#include "kms/attest/container.h"
#include "kms/attest/replay.h"
#include "kms/attest/rules.h"
#include "kms/attest/tpm_quote.h"
#include "kms/tool/show.h"

static bool hex_member(struct arena *a, const struct json *j, const char *name, struct span *out)
{
	struct span text;
	if (!json_get_str(j, name, &text))
		return false;
	*out = hex_decode_in(a, text);
	return out->p != NULL;
}

static bool read_quote(struct arena *a, const struct json *j, struct tpm_evidence *out)
{
	const struct json *values = json_get(j, "pcr_values"), *log = json_get(j, "event_log");
	if (!hex_member(a, j, "message", &out->message) || !hex_member(a, j, "signature", &out->signature) ||
	    !hex_member(a, j, "ak_cert", &out->ak_cert) || !values || !log || values->count > PCR_VALUES_MAX || log->count > EVENTS_MAX)
		return false;
	struct pcr_value *v = arena_array(a, values->count, sizeof *v);
	struct boot_event *e = arena_array(a, log->count, sizeof *e);
	uint64_t n;
	if (!v || !e)
		return false;
	for (const struct json *k = values->kids; k; k = k->next) {
		struct pcr_value *to = &v[out->pcr_count++];
		if (!json_get_u64(k, "index", &n) || n > UINT32_MAX || !json_get_str(k, "algorithm", &to->algorithm) ||
		    !hex_member(a, k, "value", &to->value))
			return false;
		to->index = (uint32_t)n;
	}
	for (const struct json *k = log->kids; k; k = k->next) {
		struct boot_event *to = &e[out->log_count++];
		if (!json_get_u64(k, "pcr_index", &n) || n > UINT32_MAX || !hex_member(a, k, "digest", &to->digest))
			return false;
		to->pcr = (uint32_t)n;
	}
	out->pcrs = v;
	out->log = e;
	return true;
}

static void show_attest(struct out *o, const struct tpms_attest *q)
{
	uint8_t buf[8];
	struct wr w = wr_to(buf, sizeof buf);
	wr_u32be(&w, q->magic);
	out_hex(o, "magic", wr_span(&w));
	w = wr_to(buf, sizeof buf);
	wr_u16be(&w, q->type);
	out_hex(o, "type", wr_span(&w));
	out_hex(o, "qualified_signer", q->signer);
	out_hex(o, "extra_data", q->extra_data);
	out_u64(o, "clock", q->clock);
	out_u64(o, "reset_count", q->reset_count);
	out_u64(o, "restart_count", q->restart_count);
	out_u64(o, "safe", q->safe);
	w = wr_to(buf, sizeof buf);
	wr_u64be(&w, q->firmware_version);
	out_hex(o, "firmware_version", wr_span(&w));
	out_open_array(o, "selections");
	for (size_t i = 0; i < q->selection_count; i++) {
		const struct tpm_selection *s = &q->selections[i];
		out_open(o, NULL);
		w = wr_to(buf, sizeof buf);
		wr_u16be(&w, s->hash);
		out_hex(o, "hash_alg", wr_span(&w));
		out_open_array(o, "pcrs");
		for (size_t n = 0; n < s->bits.n * 8; n++)
			if (s->bits.p[n / 8] >> n % 8 & 1)
				out_u64(o, NULL, n);
		out_close(o);
		out_close(o);
	}
	out_close(o);
	out_hex(o, "pcr_digest", q->pcr_digest);
}

int kind_tpms_attest(struct tool *t)
{
	struct tpms_attest q;
	int e = tpms_attest_parse(t->input, &q, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	show_attest(&t->out, &q);
	t->result = "parsed";
	return 0;
}

static int check_bindings(struct tool *t, const struct tpm_evidence *q, const struct tpms_attest *parsed)
{
	uint8_t reg[64];
	const struct runtime_event *events;
	size_t count;
	struct diag *d = &t->diag;
	if (t->req.expect_qualifying_data.n) {
		struct span want = hex_decode_in(t->a, t->req.expect_qualifying_data);
		if (!want.p || !span_eq(want, parsed->extra_data))
			return tool_fail(t, "quote", diag_fail(d, ERR_REFUSED, "tpm qualified_data mismatch"));
	}
	if (t->req.runtime_events) {
		int e = tool_runtime_events(t, t->req.runtime_events, &events, &count);
		if (e)
			return e;
		events_replay(events, count, SIG_SHA256, NULL, reg);
		if (!span_eq(tpm_pcr(q, 14), SPAN(reg, SHA256_LEN)))
			return tool_fail(t, "quote", diag_fail(d, ERR_REFUSED, "PCR14 mismatch"));
	}
	return 0;
}

int kind_tpm(struct tool *t)
{
	const struct json *top;
	struct tpm_evidence q = {0};
	struct tpms_attest parsed;
	struct x509 ak;
	int64_t expires;
	struct diag *d = &t->diag;
	int e = tool_json(t, t->input, &top);
	if (!e && !read_quote(t->a, top, &q))
		e = diag_fail(d, ERR_INPUT, "a member of the TPM quote is missing or malformed");
	if (e)
		return tool_fail(t, "decode", e);
	if (tpms_attest_parse(q.message, &parsed, NULL) == 0)
		out_hex(&t->out, "qualified_data", parsed.extra_data);
	for (size_t i = 0; i < q.pcr_count; i++)
		out_hex(&t->out, arena_fmt(t->a, "pcr%u", (unsigned)q.pcrs[i].index), q.pcrs[i].value);
	struct span uki = tpm_boot_event(&q, t->ctx.gcp.boot_pcr, 2);
	if (uki.p)
		out_hex(&t->out, "uki_digest", uki);
	else
		out_null(&t->out, "uki_digest");
	if (!t->req.has_now)
		return 0;
	e = x509_parse(q.ak_cert, &ak, d);
	if (e)
		return tool_fail(t, "quote", diag_wrap(d, e, "AK certificate"));
	e = tpm_quote_verify(&q, &ak, !attest_rule_holds(&t->ctx.rules, RULE_PCR_BANK), &parsed, d);
	if (!e)
		e = ak_chain_verify(&t->ctx, t->a, &ak, (int64_t)t->req.now, &expires, d);
	return e ? tool_fail(t, "quote", e) : check_bindings(t, &q, &parsed);
}
