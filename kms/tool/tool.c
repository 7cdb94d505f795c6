#include "kms/tool/tool.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "kms/attest/collateral.h"
#include "kms/attest/rules.h"

enum { FILE_MAX = 64 * 1024 * 1024, JSON_MEMORY = 8 * 1024 * 1024 };

static const struct {
	const char *name;
	int (*run)(struct tool *t);
} kinds[] = {
	{"versioned-attestation", kind_attestation},
	{"quote-and-event-log", kind_quote_and_events},
	{"ratls-certificate", kind_certificate},
	{"dcap-quote", kind_dcap},
	{"nitro-cose-sign1", kind_nsm},
	{"framed-nsm-response", kind_framed_nsm},
	{"tpm-quote-json", kind_tpm},
	{"tpms-attest", kind_tpms_attest},
	{"ccel", kind_ccel},
	{"binary_bios_measurements", kind_tpm_log},
	{"dstack-event-log-json", kind_event_log},
	{"trust-anchor", kind_anchor},
	{"intermediate-certificate", kind_anchor},
	{"formula-table", kind_formula},
	{"snp-report", kind_snp},
	{"json", kind_json},
};

int tool_fail(struct tool *t, const char *stage, int e)
{
	t->stage = stage;
	return e;
}

int tool_read_file(struct arena *a, struct span path, struct span *out, struct diag *d)
{
	const char *name = arena_fmt(a, "%.*s", SPAN_FMT(path));
	FILE *f = name ? fopen(name, "rb") : NULL;
	if (!f)
		return diag_fail(d, ERR_IO, "cannot open %.*s", SPAN_FMT(path));
	int e = ERR_IO;
	long n = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
	uint8_t *p = n >= 0 && n <= FILE_MAX ? arena_alloc(a, (size_t)n) : NULL;
	rewind(f);
	if (p && fread(p, 1, (size_t)n, f) == (size_t)n) {
		*out = SPAN(p, (size_t)n);
		e = 0;
	}
	fclose(f);
	return e ? diag_fail(d, e, "cannot read %s", name) : 0;
}

int tool_json(struct tool *t, struct span text, const struct json **out)
{
	struct arena part = *t->a;
	if (part.cap - part.used > JSON_MEMORY)
		part.cap = part.used + JSON_MEMORY;
	int e = json_parse(&part, text, out, &t->diag);
	t->a->used = part.used;
	return e;
}

int tool_der(struct arena *a, struct span text, struct span *out, struct diag *d)
{
	if (!span_starts(text, "-----")) {
		*out = text;
		return 0;
	}
	struct rd r = rd_from(text);
	int found = pem_next(a, &r, "CERTIFICATE", out, d);
	if (found == 0)
		return diag_fail(d, ERR_INPUT, "the PEM text has no certificate");
	return found < 0 ? found : 0;
}

int tool_read_der(struct arena *a, struct span path, struct span *out, struct diag *d)
{
	struct span text;
	int e = tool_read_file(a, path, &text, d);
	if (!e && (e = tool_der(a, text, out, d)))
		diag_wrap(d, e, "certificate of the request");
	return e;
}

/* The fetcher of a request: files by address, everything else is not found. */
static int get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	const struct request *r = self;
	(void)timeout_ms;
	*out = (struct fetched){.status = 404};
	for (size_t i = 0; i < r->http_count; i++) {
		if (!span_is(r->http[i].url, url))
			continue;
		out->status = 200;
		return tool_read_file(a, r->http[i].file, &out->body, d);
	}
	return 0;
}

static int anchor(struct tool *t, struct span file, struct span *to)
{
	return file.n ? tool_read_der(t->a, file, to, &t->diag) : 0;
}

static int make_ctx(struct tool *t)
{
	struct request *r = &t->req;
	t->ctx = (struct attest_ctx){
		.anchors = anchors_production,
		.gcp = gcp_layout_production,
		.rules = r->relax,
		.fetcher = {get, r},
	};
	/* this tool shows the identity as upstream derives it; what a service does with it is the service's policy */
	attest_rule_relax(&t->ctx.rules, SPAN_STR(attest_rule_table[RULE_NITRO_SIGNED_IDENTITY].name));
	if (span_is(r->profile, "jan"))
		t->ctx.rules.generation = GEN_COMPAT;
	else if (r->profile.n && !span_is(r->profile, "aug"))
		return diag_fail(&t->diag, ERR_INPUT, "profile is neither aug nor jan");
	int e = anchor(t, r->root_sgx, &t->ctx.anchors.intel_sgx_root);
	if (!e)
		e = anchor(t, r->root_gcp, &t->ctx.anchors.google_ek_root);
	if (!e)
		e = anchor(t, r->root_nitro, &t->ctx.anchors.aws_nitro_root);
	if (!e)
		e = anchor(t, r->root_nitro, &t->ctx.anchors.aws_nitro_tpm_root);
	if (!e)
		e = anchor(t, r->ark_milan, &t->ctx.anchors.amd_ark_milan);
	if (!e)
		e = anchor(t, r->ark_genoa, &t->ctx.anchors.amd_ark_genoa);
	if (!e)
		e = anchor(t, r->ark_turin, &t->ctx.anchors.amd_ark_turin);
	return e;
}

/* ERR_IO. Collateral that cannot be used refuses the quote that needs it, not the request. */
static int open_collateral(struct tool *t)
{
	struct collateral_config c = {
		.bundle_for_all = true,
		.offline = true,
		.root_der = t->ctx.anchors.intel_sgx_root,
		.fetcher = t->ctx.fetcher,
	};
	if (t->req.collateral.n == 0)
		return 0;
	int e = tool_read_file(t->a, t->req.collateral, &c.bundle, &t->diag);
	if (!e && collateral_cache_open(&c, &t->ctx.collateral, &t->collateral_fault))
		t->ctx.collateral = NULL;
	return e;
}

static int run(struct tool *t)
{
	size_t k = 0;
	while (k < sizeof kinds / sizeof kinds[0] && !span_is(t->req.kind, kinds[k].name))
		k++;
	if (k == sizeof kinds / sizeof kinds[0])
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_INPUT, "unknown kind: %.*s", SPAN_FMT(t->req.kind)));
	int e = make_ctx(t);
	if (!e)
		e = tool_read_file(t->a, t->req.file, &t->input, &t->diag);
	bool own_collateral = kinds[k].run == kind_dcap;
	if (!e && !own_collateral)
		e = open_collateral(t);
	if (e)
		return tool_fail(t, "io", e);
	e = kinds[k].run(t);
	collateral_cache_close(t->ctx.collateral);
	t->ctx.collateral = NULL;
	return e;
}

int tool_answer(struct tool *t)
{
	out_open(&t->out, NULL);
	if (t->req.id.n)
		out_raw(&t->out, "id", t->req.id);
	diag_clear(&t->diag);
	diag_clear(&t->collateral_fault);
	t->stage = NULL;
	t->result = NULL;
	int e = run(t);
	if (e) {
		out_text(&t->out, "result", SPAN_LIT("reject"));
		out_text(&t->out, "stage", SPAN_STR(t->stage ? t->stage : "decode"));
		out_text(&t->out, "error", SPAN_STR(t->diag.text));
	} else {
		out_text(&t->out, "result", t->result ? SPAN_STR(t->result) : t->req.has_now ? SPAN_LIT("accept") : SPAN_LIT("parsed"));
	}
	out_close(&t->out);
	return e;
}

int tool_runtime_events(struct tool *t, const struct json *j, const struct runtime_event **out, size_t *count)
{
	struct span text, name, payload;
	struct diag *d = &t->diag;
	if (j->type == JSON_STRING) {
		text = j->str;
		int e = span_starts(text, "[") ? 0 : tool_read_file(t->a, j->str, &text, d);
		if (!e)
			e = json_parse(t->a, text, &j, d);
		if (e)
			return tool_fail(t, "io", e);
	}
	struct runtime_event *list = arena_array(t->a, j->count, sizeof *list);
	if (!list)
		return tool_fail(t, "io", diag_fail(d, ERR_LIMIT, "too many runtime events"));
	size_t n = 0;
	for (const struct json *k = j->kids; k; k = k->next, n++) {
		uint64_t version = 1;
		if (!json_get_str(k, "event", &name) || !json_get_str(k, "payload", &payload))
			return tool_fail(t, "io", diag_fail(d, ERR_INPUT, "runtime event %zu is malformed", n));
		payload = hex_decode_in(t->a, payload);
		if (!payload.p)
			return tool_fail(t, "io", diag_fail(d, ERR_INPUT, "runtime event %zu: the payload is not hex", n));
		json_get_u64(k, "version", &version);
		list[n] = (struct runtime_event){name, payload, (uint32_t)version};
	}
	*out = list;
	*count = n;
	return 0;
}

void tool_put_events(struct out *o, const struct runtime_event *events, size_t count)
{
	out_open_array(o, "runtime_events");
	for (size_t i = 0; i < count; i++) {
		out_open(o, NULL);
		out_text(o, "event", events[i].name);
		out_hex(o, "payload", events[i].payload);
		if (events[i].version != 1)
			out_u64(o, "version", events[i].version);
		out_close(o);
	}
	out_close(o);
}
