#include "kms/attest/verify.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/ak_chain.h"
#include "kms/attest/cache.h"
#include "kms/attest/dcap.h"
#include "kms/attest/nsm.h"
#include "kms/attest/replay.h"
#include "kms/attest/rules.h"
#include "kms/attest/snp.h"
#include "kms/attest/tpm_quote.h"

enum { RUNTIME_PCR = 14 };

static int no_memory(struct diag *d)
{
	return diag_fail(d, ERR_LIMIT, "no memory left to verify the attestation");
}

struct span nitro_device(enum variant v, struct span module_id)
{
	size_t n = 0;
	/* an enclave's id is cut at its first dash, which leaves the letter i; that is what peers compute (5.6) */
	while (n < module_id.n && !(v == VARIANT_NITRO && module_id.p[n] == '-'))
		n++;
	return SPAN(module_id.p, n);
}

static void copy_pcr(const struct tpm_evidence *t, uint32_t index, uint8_t out[32])
{
	struct span v = tpm_pcr(t, index);
	if (v.n == 32)
		memcpy(out, v.p, 32);
}

static int measure_snp(struct arena *a, struct evidence *ev, struct diag *d)
{
	struct snp_result *s = arena_alloc(a, sizeof *s);
	if (!s)
		return no_memory(d);
	ev->measured.snp = s;
	return snp_preview(a, ev->quote, ev->mr_config, s, d);
}

int evidence_measure(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, struct diag *d)
{
	struct measured *m = &ev->measured;
	struct quote q;
	struct nsm_doc *doc;
	int e;
	switch (ev->variant) {
	case VARIANT_TDX:
	case VARIANT_GCP_TDX:
		e = quote_parse(ev->quote, &q, d);
		if (e)
			return e;
		if (q.body == QUOTE_BODY_SGX)
			return diag_fail(d, ERR_INPUT, "Invalid TDX report: the quote is of an SGX enclave");
		m->mr_td = q.td.mr_td;
		m->mr_config_id = q.td.mr_config_id;
		m->mr_owner = q.td.mr_owner;
		m->mr_owner_config = q.td.mr_owner_config;
		for (size_t i = 0; i < 4; i++)
			m->rtmr[i] = q.td.rtmr[i];
		if (ev->variant == VARIANT_GCP_TDX) {
			copy_pcr(&ev->tpm, 0, m->pcr0);
			copy_pcr(&ev->tpm, ctx->gcp.boot_pcr, m->pcr_boot);
			copy_pcr(&ev->tpm, RUNTIME_PCR, m->pcr14);
		}
		return 0;
	case VARIANT_NITRO:
	case VARIANT_NITRO_TPM:
		doc = arena_alloc(a, sizeof *doc);
		if (!doc)
			return no_memory(d);
		m->nsm = doc;
		return nsm_parse(a, ev->quote, doc, d);
	case VARIANT_SEV_SNP:
		return measure_snp(a, ev, d);
	}
	return diag_fail(d, ERR_INTERNAL, "unknown variant");
}

static int mismatch(struct arena *a, const char *reg, struct span quoted, struct span replayed, struct diag *d)
{
	const char *q = hex_encode_in(a, quoted), *r = hex_encode_in(a, replayed);
	return diag_fail(d, ERR_REFUSED, "%s mismatch, quoted: %s, replayed: %s", reg, q ? q : "?", r ? r : "?");
}

/* Replays all runtime events and compares them with a signed register. */
static int check_replay(struct arena *a, const struct evidence *ev, enum sig_hash h, const char *name, struct span reg, struct diag *d)
{
	uint8_t replayed[64];
	events_replay(ev->events, ev->event_count, h, NULL, replayed);
	struct span got = SPAN(replayed, sig_hash_len(h));
	return span_eq(reg, got) ? 0 : mismatch(a, name, reg, got, d);
}

static int verify_td_quote(const struct attest_ctx *ctx, struct arena *a, const struct evidence *ev, int64_t now, struct verified *out,
			   struct diag *d)
{
	const struct dcap_options options = {.january = !attest_rule_holds(&ctx->rules, RULE_DCAP_AUGUST)};
	struct dcap_result *r = arena_alloc(a, sizeof *r);
	if (!r)
		return no_memory(d);
	if (!ctx->collateral)
		return diag_fail(d, ERR_CONFIG, "TDX quotes cannot be verified: there is no source of collateral");
	int e = dcap_verify_cached(a, ev->quote, ctx->collateral, now, &options, r, d);
	if (e)
		return e;
	if (r->quote.body == QUOTE_BODY_SGX)
		return diag_fail(d, ERR_REFUSED, "the quote is of an SGX enclave");
	e = dcap_check_dstack(&r->quote, d);
	if (e)
		return e;
	e = check_replay(a, ev, SIG_SHA384, "RTMR3", r->quote.td.rtmr[3], d);
	if (e)
		return e;
	if (!span_eq(r->quote.td.report_data, SPAN_ARR(ev->report_data)))
		return diag_fail(d, ERR_REFUSED, "tdx report_data mismatch");
	out->tcb_status = SPAN_STR(tcb_status_name(r->status));
	out->advisory_count = r->advisory_count;
	memcpy(out->advisories, r->advisories, sizeof out->advisories);
	out->device = r->ppid;
	out->expires = r->expires;
	return 0;
}

static int check_pcr14(struct arena *a, const struct evidence *ev, struct diag *d)
{
	return check_replay(a, ev, SIG_SHA256, "PCR14", tpm_pcr(&ev->tpm, RUNTIME_PCR), d);
}

static int check_qualifying_data(const struct evidence *ev, const struct tpms_attest *q, struct diag *d)
{
	uint8_t digest[SHA256_LEN];
	sha256(ev->quote, digest); /* the padding behind the quote included */
	if (!span_eq(q->extra_data, SPAN_ARR(digest)))
		return diag_fail(d, ERR_REFUSED, "tpm qualified_data mismatch");
	return 0;
}

static int verify_gcp(const struct attest_ctx *ctx, struct arena *a, const struct evidence *ev, int64_t now, struct verified *out,
		      struct diag *d)
{
	const uint32_t needed[] = {0, ctx->gcp.boot_pcr, RUNTIME_PCR};
	struct x509 ak;
	struct tpms_attest q;
	int64_t expires;
	if (ctx->anchors.google_ek_root.n == 0)
		return diag_fail(d, ERR_CONFIG, "TPM quotes cannot be verified: there is no Google trust anchor");
	int e = x509_parse(ev->tpm.ak_cert, &ak, d);
	if (e)
		return diag_wrap(d, e, "AK certificate");
	e = tpm_quote_verify(&ev->tpm, &ak, !attest_rule_holds(&ctx->rules, RULE_PCR_BANK), &q, d);
	if (e)
		return e;
	e = ak_chain_verify(ctx, a, &ak, now, &expires, d);
	if (e)
		return e;
	for (size_t i = 0; i < 3; i++)
		if (!tpm_pcr(&ev->tpm, needed[i]).p)
			return diag_fail(d, ERR_REFUSED, "TPM quote: PCR %u not found", (unsigned)needed[i]);
	/* the order in which upstream reports the two differs by container version */
	e = ev->container == 0 ? check_pcr14(a, ev, d) : check_qualifying_data(ev, &q, d);
	if (!e)
		e = ev->container == 0 ? check_qualifying_data(ev, &q, d) : check_pcr14(a, ev, d);
	if (!e && expires < out->expires)
		out->expires = expires;
	return e;
}

static int verify_nsm(const struct attest_ctx *ctx, struct arena *a, const struct evidence *ev, int64_t now, struct verified *out,
		      struct diag *d)
{
	const struct nsm_doc *doc = ev->measured.nsm;
	bool enclave = ev->variant == VARIANT_NITRO;
	struct span root = enclave ? ctx->anchors.aws_nitro_root : ctx->anchors.aws_nitro_tpm_root;
	if (root.n == 0)
		return diag_fail(d, ERR_CONFIG, "NSM documents cannot be verified: there is no AWS trust anchor");
	int e = nsm_verify(a, doc, root, now, !attest_rule_holds(&ctx->rules, RULE_NITRO_FRESHNESS), &out->expires, d);
	if (!e)
		e = nsm_check_user_data(doc, ev->report_data, d);
	if (e)
		return e;
	out->device = nitro_device(ev->variant, doc->module_id);
	if (enclave) {
		uint8_t hash[32];
		bool debug;
		return nsm_image_hash(doc, hash, &debug, d);
	}
	const uint64_t needed[] = {4, 7, 12, RUNTIME_PCR};
	for (size_t i = 0; i < 4; i++)
		if (!nsm_pcr(doc, needed[i]).p)
			return diag_fail(d, ERR_REFUSED, "PCR %u not found", (unsigned)needed[i]);
	out->tcb_status = SPAN_LIT("UpToDate");
	return check_replay(a, ev, SIG_SHA384, "PCR14", nsm_pcr(doc, RUNTIME_PCR), d);
}

static int verify_snp(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, int64_t now, struct verified *out, struct diag *d)
{
	struct snp_result *s = arena_alloc(a, sizeof *s);
	if (!s)
		return no_memory(d);
	int e = snp_verify(ctx, a, ev->quote, ev->certs, ev->cert_count, ev->mr_config, now, s, d);
	if (e)
		return e;
	if (memcmp(s->report.report_data, ev->report_data, sizeof ev->report_data) != 0)
		return diag_fail(d, ERR_REFUSED, "SEV-SNP report_data mismatch");
	ev->measured.snp = s;
	out->tcb_status = SPAN_STR(s->tcb_status);
	out->device = SPAN_ARR(s->report.chip_id);
	/* nothing that was checked has a date */
	out->expires = INT64_MAX;
	return 0;
}

struct compare {
	struct rd rest;
};

static void compare_next(void *self, const void *p, size_t n)
{
	struct compare *c = self;
	if (!span_eq(rd_bytes(&c->rest, n), SPAN(p, n)))
		rd_fail(&c->rest);
}

/* Version 2 events of the TDX event log: the preimage hashes to the digest and is the canonical form (3.3). */
static int check_preimages(struct arena *a, const struct evidence *ev, struct diag *d)
{
	for (size_t i = 0; i < ev->log_count; i++) {
		const struct tdx_event *t = &ev->log[i];
		if (t->type != EVENT_TYPE_RUNTIME || t->version != 2)
			continue;
		if (!t->has_preimage)
			return diag_fail(d, ERR_REFUSED, "event %zu has no preimage", i);
		struct span bytes = hex_decode_in(a, t->preimage);
		if (!bytes.p)
			return diag_fail(d, ERR_INPUT, "the preimage of event %zu is not hex", i);
		uint8_t digest[SHA384_LEN];
		sha384(bytes, digest);
		if (!span_eq(t->digest, SPAN_ARR(digest)))
			return diag_fail(d, ERR_REFUSED, "the preimage of event %zu does not match its digest", i);
		struct compare c = {rd_from(bytes)};
		const struct runtime_event e = {t->name, t->payload, 2};
		event_canonical(&e, compare_next, &c);
		if (!rd_done(&c.rest))
			return diag_fail(d, ERR_REFUSED, "the preimage of event %zu is not its canonical form", i);
	}
	return 0;
}

static int check_pod(const struct evidence *ev, struct diag *d)
{
	uint8_t want[64];
	if (!ev->is_pod)
		return 0;
	report_data("app-data", ev->pod_payload, want);
	if (memcmp(want, ev->report_data, sizeof want) != 0)
		return diag_fail(d, ERR_REFUSED, "report_data does not match report_data_payload");
	return 0;
}

static void take(const struct attest_ctx *ctx, const struct evidence *ev, struct verified *out)
{
	*out = (struct verified){
		.variant = ev->variant,
		.config = ev->config,
		.events = ev->events,
		.event_count = ev->event_count,
		.expires = INT64_MAX,
		.evidence = ev,
		.rules = ctx->rules,
	};
	memcpy(out->report_data, ev->report_data, sizeof out->report_data);
}

int evidence_preview(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, struct verified *out, struct diag *d)
{
	take(ctx, ev, out);
	out->preview = true;
	return evidence_measure(ctx, a, ev, d);
}

int evidence_verify(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev, int64_t now, struct verified *out, struct diag *d)
{
	take(ctx, ev, out);
	int e = check_pod(ev, d);
	if (!e)
		e = evidence_measure(ctx, a, ev, d);
	if (e)
		return e;
	switch (ev->variant) {
	case VARIANT_TDX:
		e = verify_td_quote(ctx, a, ev, now, out, d);
		break;
	case VARIANT_GCP_TDX:
		e = verify_td_quote(ctx, a, ev, now, out, d);
		if (!e)
			e = verify_gcp(ctx, a, ev, now, out, d);
		break;
	case VARIANT_NITRO:
	case VARIANT_NITRO_TPM:
		e = verify_nsm(ctx, a, ev, now, out, d);
		break;
	case VARIANT_SEV_SNP:
		e = verify_snp(ctx, a, ev, now, out, d);
		break;
	}
	return e ? e : check_preimages(a, ev, d);
}
