#include "kms/attest/evidence.h"

#include "base/json.h"
#include "base/text.h"
#include "kms/attest/container.h"
#include "kms/attest/quote.h"
#include "kms/attest/rules.h"

static const char *const names[VARIANTS] = {
	[VARIANT_TDX] = "dstack-tdx",
	[VARIANT_GCP_TDX] = "dstack-gcp-tdx",
	[VARIANT_NITRO] = "dstack-nitro-enclave",
	[VARIANT_SEV_SNP] = "dstack-amd-sev-snp",
	[VARIANT_NITRO_TPM] = "dstack-aws-nitro-tpm",
};

const char *variant_name(enum variant v)
{
	return names[v];
}

int evidence_decode(struct arena *a, struct span container, const struct attest_rules *rules, struct evidence **out, struct diag *d)
{
	if (container.n > CONTAINER_MAX)
		return diag_fail(d, ERR_LIMIT, "attestation bytes too large: %zu > %d", container.n, (int)CONTAINER_MAX);
	if (container.n == 0)
		return diag_fail(d, ERR_INPUT, "Empty attestation bytes");
	struct evidence *ev = arena_alloc(a, sizeof *ev);
	if (!ev)
		return diag_fail(d, ERR_LIMIT, "Failed to decode attestation: no memory left for it");
	uint8_t first = container.p[0];
	int e;
	if (first == 0x00)
		e = container_v0_decode(a, container, attest_rule_holds(rules, RULE_CONTAINER_TRAILING_BYTES), ev, d);
	else if ((first & 0xf0) == 0x80 || first == 0xde || first == 0xdf)
		e = container_v1_decode(a, container, ev, d);
	else
		e = diag_fail(d, ERR_INPUT, "Unknown attestation wire format");
	if (e == 0)
		*out = ev;
	return e;
}

/* One event of the JSON form. */
static bool json_event(struct arena *a, const struct json *j, struct tdx_event *e)
{
	uint64_t imr, type, version = 1;
	struct span text;
	if (j->type != JSON_OBJECT || !json_get_u64(j, "imr", &imr) || imr > UINT32_MAX || !json_get_u64(j, "event_type", &type) ||
	    type > UINT32_MAX || !json_get_str(j, "event", &e->name) || !json_get_str(j, "event_payload", &text))
		return false;
	e->payload = hex_decode_in(a, text);
	if (!e->payload.p)
		return false;
	if (json_get(j, "digest")) {
		if (!json_get_str(j, "digest", &text))
			return false;
		e->digest = hex_decode_in(a, text);
		if (!e->digest.p)
			return false;
	}
	const struct json *v = json_get(j, "version"), *p = json_get(j, "preimage");
	if (v && (!json_u64(v, &version) || version < 1 || version > 2))
		return false;
	if (p && p->type != JSON_NULL) {
		if (!json_get_str(j, "preimage", &e->preimage))
			return false;
		e->has_preimage = true;
	}
	e->imr = (uint32_t)imr;
	e->type = (uint32_t)type;
	e->version = (uint32_t)version;
	return true;
}

int tdx_events_parse_json(struct arena *a, struct span text, const struct tdx_event **out, size_t *count, struct diag *d)
{
	static const char what[] = "Failed to parse tdx_event_log";
	const struct json *top;
	if (text.n > EVENT_LOG_JSON_MAX)
		return diag_fail(d, ERR_LIMIT, "%s: longer than %d bytes", what, (int)EVENT_LOG_JSON_MAX);
	int e = json_parse(a, text, &top, d);
	if (e)
		return diag_wrap(d, e, what);
	if (top->type != JSON_ARRAY)
		return diag_fail(d, ERR_INPUT, "%s: not an array", what);
	if (top->count > EVENTS_MAX)
		return diag_fail(d, ERR_LIMIT, "%s: more than %d events", what, (int)EVENTS_MAX);
	struct tdx_event *ev = arena_array(a, top->count, sizeof *ev);
	if (!ev)
		return diag_fail(d, ERR_LIMIT, "%s: no memory left for it", what);
	size_t n = 0;
	for (const struct json *j = top->kids; j; j = j->next, n++)
		if (!json_event(a, j, &ev[n]))
			return diag_fail(d, ERR_INPUT, "%s: event %zu has a missing or malformed member", what, n);
	*out = ev;
	*count = n;
	return 0;
}

int evidence_from_legacy(struct arena *a, struct span quote, struct span event_log_json, struct evidence **out, struct diag *d)
{
	struct evidence *ev = arena_alloc(a, sizeof *ev);
	struct quote q;
	if (!ev)
		return diag_fail(d, ERR_LIMIT, "no memory left for the attestation");
	ev->variant = VARIANT_TDX;
	ev->quote = quote;
	int e = tdx_events_parse_json(a, event_log_json, &ev->log, &ev->log_count, d);
	if (e)
		return e;
	struct runtime_event *list = arena_array(a, ev->log_count, sizeof *list);
	if (!list)
		return diag_fail(d, ERR_LIMIT, "no memory left for the attestation");
	for (size_t i = 0; i < ev->log_count; i++) {
		const struct tdx_event *t = &ev->log[i];
		if (t->type == EVENT_TYPE_RUNTIME)
			list[ev->event_count++] = (struct runtime_event){t->name, t->payload, t->version};
	}
	ev->events = list;
	if (quote.n > CONTAINER_MAX)
		return diag_fail(d, ERR_LIMIT, "Invalid TDX quote: longer than %d bytes", (int)CONTAINER_MAX);
	e = quote_parse(quote, &q, d);
	if (e)
		return diag_wrap(d, e, "Invalid TDX quote");
	if (q.body == QUOTE_BODY_SGX)
		return diag_fail(d, ERR_INPUT, "Invalid TDX report: the quote is of an SGX enclave");
	memcpy(ev->report_data, q.td.report_data.p, sizeof ev->report_data);
	ev->config = SPAN_LIT("");
	*out = ev;
	return 0;
}

int evidence_strip(struct arena *a, struct evidence *ev, enum generation g, struct diag *d)
{
	if (ev->variant != VARIANT_TDX && ev->variant != VARIANT_GCP_TDX)
		return 0;
	struct tdx_event *kept = arena_array(a, ev->log_count, sizeof *kept);
	if (!kept)
		return diag_fail(d, ERR_LIMIT, "no memory left to strip the attestation");
	bool keep_acpi = g == GEN_STRICT && ev->variant == VARIANT_TDX;
	size_t n = 0;
	for (size_t i = 0; i < ev->log_count; i++) {
		struct tdx_event e = ev->log[i];
		if (e.imr == 3) {
			if (e.type == EVENT_TYPE_RUNTIME)
				e.digest.n = 0;
			else
				e.payload.n = 0;
		} else if (!keep_acpi || e.imr != 0 || e.type != EVENT_TYPE_ACPI || !span_is(e.payload, "ACPI DATA")) {
			continue;
		}
		kept[n++] = e;
	}
	ev->log = kept;
	ev->log_count = n;
	return 0;
}

bool evidence_fits_v0(const struct evidence *ev)
{
	for (size_t i = 0; i < ev->event_count; i++)
		if (ev->events[i].version != 1)
			return false;
	for (size_t i = 0; i < ev->log_count; i++)
		if (ev->log[i].version != 1)
			return false;
	return !ev->is_pod;
}

/* An upper bound of the encoding in either version: byte vectors double at most, a member name or length is below 32 bytes each. */
static size_t encoded_bound(const struct evidence *ev)
{
	size_t n = 1024 + 2 * ev->quote.n + ev->config.n + ev->mr_config.n + ev->pod_payload.n;
	for (size_t i = 0; i < ev->log_count; i++)
		n += 128 + ev->log[i].digest.n + ev->log[i].name.n + ev->log[i].payload.n + ev->log[i].preimage.n;
	for (size_t i = 0; i < ev->event_count; i++)
		n += 64 + ev->events[i].name.n + ev->events[i].payload.n;
	for (size_t i = 0; i < ev->cert_count; i++)
		n += 16 + 2 * ev->certs[i].n;
	n += ev->tpm.message.n + ev->tpm.signature.n + ev->tpm.ak_cert.n;
	for (size_t i = 0; i < ev->tpm.pcr_count; i++)
		n += 64 + ev->tpm.pcrs[i].algorithm.n + ev->tpm.pcrs[i].value.n;
	for (size_t i = 0; i < ev->tpm.log_count; i++)
		n += 48 + ev->tpm.log[i].digest.n;
	return n;
}

struct span evidence_encode(struct arena *a, const struct evidence *ev, unsigned version, struct diag *d)
{
	if (version == 0 && !evidence_fits_v0(ev)) {
		diag_set(d, "a V0 container holds neither version 2 events nor a pod payload");
		return SPAN(NULL, 0);
	}
	size_t cap = encoded_bound(ev);
	uint8_t *buf = arena_alloc(a, cap);
	if (!buf) {
		diag_set(d, "no memory left for the attestation");
		return SPAN(NULL, 0);
	}
	struct wr w = wr_to(buf, cap);
	if (version == 0)
		container_v0_encode(&w, ev);
	else
		container_v1_encode(&w, ev);
	if (!wr_ok(&w)) {
		diag_set(d, "the bound of an encoded attestation is wrong");
		return SPAN(NULL, 0);
	}
	return wr_span(&w);
}

struct span container_strip(struct arena *a, struct span container, struct diag *d)
{
	static const struct attest_rules strict;
	struct evidence *ev;
	if (evidence_decode(a, container, &strict, &ev, d) || evidence_strip(a, ev, GEN_STRICT, d))
		return SPAN(NULL, 0);
	return evidence_encode(a, ev, evidence_fits_v0(ev) ? 0 : 1, d);
}
