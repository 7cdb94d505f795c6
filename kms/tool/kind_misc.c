/* Certificates, formula tables, SNP reports and plain JSON. */
#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/replay.h"
#include "kms/attest/report_data.h"
#include "kms/attest/snp.h"
#include "kms/tool/show.h"
#include "kms/wire/scale.h"

int kind_anchor(struct tool *t)
{
	struct x509 c;
	struct span der;
	uint8_t hash[32];
	int e = tool_der(t->a, t->input, &der, &t->diag);
	if (!e)
		e = x509_parse(der, &c, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	sha256(der, hash);
	struct span serial = c.serial;
	while (serial.n > 1 && serial.p[0] == 0)
		serial = SPAN(serial.p + 1, serial.n - 1);
	const char *hex = hex_encode_in(t->a, serial);
	if (hex && hex[0] == '0' && hex[1])
		hex++;
	show_name(t, "subject", c.subject);
	show_name(t, "issuer", c.issuer);
	out_hex(&t->out, "sha256", SPAN_ARR(hash));
	out_time(&t->out, "not_before", c.not_before);
	out_time(&t->out, "not_after", c.not_after);
	out_text(&t->out, "serial", SPAN_STR(hex ? hex : ""));
	t->result = "parsed";
	return 0;
}

/* Every row is computed anew; "matches" says whether it is what the row claims. */
static bool show_report_data(struct tool *t, const struct json *row)
{
	struct span tag = SPAN_LIT(""), content, hash = SPAN_LIT("sha512"), want = {NULL, 0};
	struct diag d = {0};
	uint8_t got[64];
	json_get_str(row, "tag", &tag);
	json_get_str(row, "hash", &hash);
	if (!json_get_str(row, "content", &content))
		return false;
	content = hex_decode_in(t->a, content);
	if (json_get_str(row, "report_data", &want))
		want = hex_decode_in(t->a, want);
	if (!content.p)
		return false;
	if (report_data_hashed(tag, content, hash, got, &d)) {
		out_null(&t->out, "report_data");
		out_text(&t->out, "error", SPAN_STR(d.text));
		return want.p == NULL;
	}
	out_hex(&t->out, "report_data", SPAN_ARR(got));
	return span_eq(want, SPAN_ARR(got));
}

static bool show_digest(struct tool *t, const struct json *row, const char *name, const struct runtime_event *e, enum sig_hash h)
{
	struct span want;
	uint8_t got[64];
	event_digest(e, h, got);
	out_hex(&t->out, name, SPAN(got, sig_hash_len(h)));
	if (!json_get_str(row, name, &want))
		return true;
	want = hex_decode_in(t->a, want);
	return span_eq(want, SPAN(got, sig_hash_len(h)));
}

static void collect(void *self, const void *p, size_t n)
{
	wr_bytes(self, p, n);
}

static bool show_event(struct tool *t, const struct json *row)
{
	struct runtime_event e = {.version = 1};
	struct span payload, want;
	if (!json_get_str(row, "event", &e.name) || !json_get_str(row, "payload", &payload))
		return false;
	e.payload = hex_decode_in(t->a, payload);
	if (!e.payload.p)
		return false;
	bool ok = show_digest(t, row, "v1_sha256", &e, SIG_SHA256);
	ok &= show_digest(t, row, "v1_sha384", &e, SIG_SHA384);
	e.version = 2;
	ok &= show_digest(t, row, "v2_sha256", &e, SIG_SHA256);
	ok &= show_digest(t, row, "v2_sha384", &e, SIG_SHA384);
	size_t cap = 64 + 6 * e.name.n + 2 * e.payload.n;
	struct wr w = wr_to(arena_alloc(t->a, cap), cap);
	if (!w.p)
		return false;
	event_canonical(&e, collect, &w);
	out_text(&t->out, "v2_preimage", wr_span(&w));
	return ok && (!json_get_str(row, "v2_preimage", &want) || span_eq(want, wr_span(&w)));
}

static bool show_compact(struct tool *t, const struct json *row)
{
	uint64_t n;
	uint8_t buf[8];
	struct span want;
	if (!json_get_u64(row, "n", &n) || !json_get_str(row, "scale_compact", &want))
		return false;
	struct wr w = wr_to(buf, sizeof buf);
	scale_put_compact(&w, (size_t)n);
	out_hex(&t->out, "scale_compact", wr_span(&w));
	want = hex_decode_in(t->a, want);
	struct rd r = rd_from(wr_span(&w));
	return wr_ok(&w) && span_eq(want, wr_span(&w)) && scale_compact(&r) == n && rd_done(&r);
}

int kind_formula(struct tool *t)
{
	const struct json *top;
	int e = tool_json(t, t->input, &top);
	if (e || top->type != JSON_ARRAY)
		return tool_fail(t, "decode", e ? e : diag_fail(&t->diag, ERR_INPUT, "a formula table is an array"));
	size_t wrong = 0, n = 0;
	out_open_array(&t->out, "rows");
	for (const struct json *row = top->kids; row; row = row->next, n++) {
		out_open(&t->out, NULL);
		bool ok = json_get(row, "report_data")     ? show_report_data(t, row)
			  : json_get(row, "scale_compact") ? show_compact(t, row)
							   : show_event(t, row);
		out_bool(&t->out, "matches", ok);
		out_close(&t->out);
		wrong += !ok;
	}
	out_close(&t->out);
	if (wrong)
		return tool_fail(t, "formula", diag_fail(&t->diag, ERR_REFUSED, "%zu of %zu rows differ", wrong, n));
	t->result = "accept";
	return 0;
}

int kind_json(struct tool *t)
{
	const struct json *top;
	uint8_t hash[32];
	int e = tool_json(t, t->input, &top);
	sha256(t->input, hash);
	out_hex(&t->out, "sha256", SPAN_ARR(hash));
	out_hex(&t->out, "app_compose_sha256", SPAN_ARR(hash));
	t->result = "parsed";
	return e ? tool_fail(t, "decode", e) : 0;
}

int kind_snp(struct tool *t)
{
	struct snp_report r;
	int e = snp_report_parse(t->input, &r, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	out_u64(&t->out, "version", r.version);
	out_hex(&t->out, "report_data", SPAN_ARR(r.report_data));
	out_hex(&t->out, "measurement", SPAN_ARR(r.measurement));
	out_hex(&t->out, "host_data", SPAN_ARR(r.host_data));
	out_hex(&t->out, "chip_id", SPAN_ARR(r.chip_id));
	t->result = "parsed";
	return 0;
}
