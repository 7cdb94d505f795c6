/* Containers, the old form, and certificates that carry either. */
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "kms/attest/dcap.h"
#include "kms/attest/evidence.h"
#include "kms/attest/image.h"
#include "kms/attest/nsm.h"
#include "kms/attest/ratls.h"
#include "kms/attest/replay.h"
#include "kms/attest/rules.h"
#include "kms/attest/snp.h"
#include "kms/attest/tpm_quote.h"
#include "kms/attest/verify.h"
#include "kms/attest/vm_config.h"
#include "kms/tool/show.h"

static const char *const variant_words[VARIANTS] = {
	[VARIANT_TDX] = "DstackTdx",           [VARIANT_GCP_TDX] = "DstackGcpTdx",        [VARIANT_NITRO] = "DstackNitroEnclave",
	[VARIANT_SEV_SNP] = "DstackAmdSevSnp", [VARIANT_NITRO_TPM] = "DstackAwsNitroTpm",
};

/* PPID and FMSPC out of the quote's own PCK certificate, unverified. */
static void show_pck(struct tool *t, const struct quote *q)
{
	struct span chain[X509_CHAIN_MAX];
	size_t n;
	struct pck_info info;
	uint8_t device[32];
	if (show_pck_info(t, q, chain, &n, &info))
		return;
	sha256(info.ppid, device);
	out_hex(&t->out, "device_id_when_verified", SPAN_ARR(device));
	out_hex(&t->out, "fmspc", info.fmspc);
}

static void show_tdx(struct tool *t, const struct evidence *ev)
{
	struct out *o = &t->out;
	struct quote q;
	uint8_t reg[64];
	if (quote_parse(ev->quote, &q, NULL) || q.body == QUOTE_BODY_SGX)
		return;
	events_replay(ev->events, ev->event_count, SIG_SHA384, NULL, reg);
	out_u64(o, "quote_len", ev->quote.n);
	out_u64(o, "event_count", ev->log_count);
	out_hex(o, "rtmr3", q.td.rtmr[3]);
	out_hex(o, "rtmr3_replay", SPAN(reg, SHA384_LEN));
	out_bool(o, "rtmr3_matches_quote", span_eq(q.td.rtmr[3], SPAN(reg, SHA384_LEN)));
	out_bool(o, "report_data_matches_quote", span_eq(q.td.report_data, SPAN_ARR(ev->report_data)));
	show_pck(t, &q);
	if (ev->variant != VARIANT_GCP_TDX)
		return;
	struct tpms_attest quoted;
	struct span uki = tpm_boot_event(&ev->tpm, t->ctx.gcp.boot_pcr, 2);
	out_hex(o, "pcr14", tpm_pcr(&ev->tpm, 14));
	if (tpms_attest_parse(ev->tpm.message, &quoted, NULL) == 0)
		out_hex(o, "tpm_qualifying_data", quoted.extra_data);
	if (uki.p)
		out_hex(o, "uki_digest", uki);
	else
		out_null(o, "uki_digest");
}

static void show_evidence(struct tool *t, const struct evidence *ev)
{
	struct out *o = &t->out;
	size_t n = t->input.n < 12 ? t->input.n : 12;
	out_text(o, "variant", SPAN_STR(variant_words[ev->variant]));
	out_text(o, "tee_variant", SPAN_STR(variant_name(ev->variant)));
	out_u64(o, "container_version", ev->container);
	out_hex(o, "first_bytes", SPAN(t->input.p, n));
	out_hex(o, "report_data", SPAN_ARR(ev->report_data));
	out_text(o, "config", ev->config);
	tool_put_events(o, ev->events, ev->event_count);
	for (unsigned v = 0; v < 2; v++) {
		struct span bytes = evidence_encode(t->a, ev, v, NULL);
		const char *name = v ? "v1_prefix" : "v0_prefix";
		if (bytes.n >= 24)
			out_hex(o, name, SPAN(bytes.p, v ? 24 : 12));
		if (bytes.p && ev->container == v)
			out_bool(o, "encodes_to_itself", span_eq(bytes, t->input));
	}
	if (ev->variant == VARIANT_TDX || ev->variant == VARIANT_GCP_TDX)
		show_tdx(t, ev);
	if (ev->measured.nsm)
		show_nsm_doc(t, "nitro", ev->measured.nsm, ev->quote.n);
	if (ev->measured.snp)
		show_snp(t, ev);
}

/* Every init-script-hash up to system-ready; on SEV-SNP the document's list, if it has one (7.1). */
static void show_init_scripts(struct out *o, const struct verified *v)
{
	const struct mr_config_v3 *doc = v->variant == VARIANT_SEV_SNP ? &v->evidence->measured.snp->document : NULL;
	if (doc && !doc->has_init_scripts)
		return;
	out_open_array(o, "init_script_hashes");
	for (size_t i = 0; doc && i < doc->init_script_count; i++)
		out_hex(o, NULL, doc->init_script_hashes[i]);
	for (size_t i = 0; !doc && i < v->event_count && !span_is(v->events[i].name, "system-ready"); i++)
		if (span_is(v->events[i].name, "init-script-hash"))
			out_hex(o, NULL, v->events[i].payload);
	out_close(o);
}

static void show_app_info(struct tool *t, const char *name, const struct verified *v, const struct boot_info *b)
{
	struct out *o = &t->out;
	out_open(o, name);
	out_hex(o, "app_id", b->app_id);
	out_hex(o, "compose_hash", b->compose_hash);
	out_hex(o, "instance_id", b->instance_id);
	out_hex(o, "device_id", SPAN_ARR(b->device_id));
	if (v->variant == VARIANT_NITRO) {
		struct span module = nitro_device(v->variant, v->evidence->measured.nsm->module_id);
		uint8_t device[32];
		sha256(SPAN(NULL, 0), device);
		out_hex(o, "device_id_unverified", SPAN_ARR(device));
		sha256(module, device);
		out_hex(o, "device_id_verified", SPAN_ARR(device));
	}
	out_hex(o, "mr_system", SPAN_ARR(b->mr_system));
	out_hex(o, "mr_aggregated", SPAN_ARR(b->mr_aggregated));
	out_hex(o, "mr_key_provider", SPAN_ARR(b->mr_key_provider));
	out_hex(o, "os_image_hash", b->os_image_hash);
	out_hex(o, "key_provider_info", b->key_provider_info);
	show_init_scripts(o, v);
	if (v->variant == VARIANT_TDX)
		out_bool(o, "mr_config_tail_included", b->mr_config_tail);
	if (!v->preview) {
		out_text(o, "tcb_status", b->tcb_status);
		show_texts(o, "advisory_ids", b->advisories, b->advisory_count);
	}
	out_close(o);
}

static bool show_boot_info(struct tool *t, const char *name, enum generation g, const struct verified *v)
{
	struct verified under = *v;
	struct boot_info b;
	under.rules.generation = g;
	/* January has three platforms (0) */
	bool known = g == GEN_STRICT || (v->variant != VARIANT_SEV_SNP && v->variant != VARIANT_NITRO_TPM);
	int e = known ? boot_info_derive(t->a, &under, t->req.vm_config, false, &b, NULL) : ERR_UNSUPPORTED;
	struct span json = e ? SPAN(NULL, 0) : boot_info_json_as(t->a, &b, g == GEN_COMPAT, g == GEN_STRICT);
	if (json.p)
		out_raw(&t->out, name, json);
	else
		out_null(&t->out, name);
	return json.p != NULL;
}

/* What a release says about the OS image: "accept", or "reject: " and why. */
static bool image_result(struct tool *t, const char *name, enum image_form form, const struct verified *v)
{
	struct diag d = {0};
	int e = image_check_as(&t->ctx, form, t->a, v, t->req.vm_config, &d);
	if (!e) {
		out_text(&t->out, name, SPAN_LIT("accept"));
		return true;
	}
	if (form == IMAGE_AUTO || t->diag.text[0] == '\0')
		t->diag = d;
	diag_wrap(&d, e, "reject");
	out_text(&t->out, name, SPAN_STR(d.text));
	return false;
}

/* The recorded older form of the SEV-SNP measurement (6.2), which nothing binds to os_image_hash: a service refuses it, and here it says
 * nothing about the evidence. */
static bool unbound_snp(struct tool *t, const struct vm_config *cfg)
{
	const struct json *j;
	return cfg->sev_snp_measurement.n && json_parse(t->a, cfg->sev_snp_measurement, &j, NULL) == 0 && json_get(j, "ovmf_sections") &&
	       !json_get(j, "checksum_file");
}

/* The checks of both releases and our own decision, which is "auto" and what counts. In a batch the evidence passes as a whole when the
 * release it was made for lets it pass, and that is the one whose check it satisfies. */
static int show_image(struct tool *t, const struct verified *v)
{
	static const struct {
		const char *name;
		enum image_form form;
	} forms[] = {{"january", IMAGE_JANUARY}, {"august", IMAGE_AUGUST}, {"auto", IMAGE_AUTO}};
	struct vm_config cfg;
	struct span text = t->req.vm_config.n ? t->req.vm_config : v->config;
	int e = vm_config_parse(t->a, text, v->preview, &cfg, &t->diag);
	if (e)
		return tool_fail(t, "app-info", e);
	bool january = t->ctx.rules.generation == GEN_COMPAT && image_check_applies(IMAGE_JANUARY, v->variant, &cfg);
	enum image_form counts = january ? IMAGE_JANUARY : IMAGE_AUTO;
	bool any = false, passed = false;
	out_open(&t->out, "image_check");
	for (size_t i = 0; i < 3; i++) {
		if (!image_check_applies(forms[i].form, v->variant, &cfg))
			continue;
		any = true;
		bool ok = image_result(t, forms[i].name, forms[i].form, v);
		passed |= ok && (t->batch || forms[i].form == counts);
	}
	out_close(&t->out);
	if (v->variant == VARIANT_TDX && cfg.lite)
		out_text(&t->out, "lite_image_check", passed ? SPAN_LIT("accept") : SPAN_LIT("reject"));
	if (any && !passed && !unbound_snp(t, &cfg))
		return tool_fail(t, "os-image", diag_wrap(&t->diag, ERR_REFUSED, "Failed to verify os image hash"));
	diag_clear(&t->diag);
	return 0;
}

static int show_identity(struct tool *t, const struct verified *v)
{
	struct verified lenient = *v;
	struct boot_info b;
	lenient.rules.relaxed |= UINT32_C(1) << RULE_APP_ID_LENGTH;
	int e = boot_info_derive(t->a, &lenient, t->req.vm_config, false, &b, &t->diag);
	if (e)
		return tool_fail(t, "app-info", e);
	show_app_info(t, "app_info", v, &b);
	if (!v->preview) {
		out_text(&t->out, "tcb_status", b.tcb_status);
		show_texts(&t->out, "advisory_ids", b.advisories, b.advisory_count);
	}
	e = boot_info_derive(t->a, &lenient, t->req.vm_config, true, &b, &t->diag);
	if (e)
		return tool_fail(t, "app-info", e);
	show_app_info(t, "app_info_boottime_mr", v, &b);
	bool august = show_boot_info(t, "boot_info_aug", GEN_STRICT, v), january = show_boot_info(t, "boot_info_jan", GEN_COMPAT, v);
	out_open(&t->out, "boot_info");
	out_text(&t->out, "august", august ? SPAN_LIT("accept") : SPAN_LIT("reject"));
	out_text(&t->out, "january", january ? SPAN_LIT("accept") : SPAN_LIT("reject"));
	out_close(&t->out);
	return show_image(t, v);
}

static int check_report_data(struct tool *t, const struct evidence *ev)
{
	uint8_t want[64];
	if (t->req.expect_report_data.n == 0)
		return 0;
	if (hex_decode(t->req.expect_report_data, want, sizeof want) != (int)sizeof want)
		return tool_fail(t, "report-data", diag_fail(&t->diag, ERR_INPUT, "the expected report data is not 64 bytes of hex"));
	if (memcmp(want, ev->report_data, sizeof want) != 0)
		return tool_fail(t, "report-data", diag_fail(&t->diag, ERR_REFUSED, "report data mismatch"));
	return 0;
}

/* The certificates that would have come from the network, put where a container with its own would have them. */
static int add_snp_certs(struct tool *t, struct evidence *ev)
{
	struct span *certs = arena_array(t->a, 2, sizeof *certs);
	if (ev->variant != VARIANT_SEV_SNP || ev->cert_count || t->req.ask.n == 0 || t->req.vcek.n == 0)
		return 0;
	int e = certs ? tool_read_der(t->a, t->req.ask, &certs[0], &t->diag) : ERR_LIMIT;
	if (!e)
		e = tool_read_der(t->a, t->req.vcek, &certs[1], &t->diag);
	if (e)
		return tool_fail(t, "io", e);
	ev->certs = certs;
	ev->cert_count = 2;
	/* none of the checks of 6.2 asks for the time */
	if (!t->req.has_now) {
		t->req.has_now = true;
		t->req.now = 0;
	}
	return 0;
}

/* What was found, and what became of its verification: 0 or an error. */
static int show_verdict(struct tool *t, const struct evidence *ev, const struct verified *v, int e)
{
	show_evidence(t, ev);
	if (t->req.has_now)
		out_text(&t->out, "evidence_result", e ? SPAN_LIT("reject") : SPAN_LIT("accept"));
	if (e == ERR_CONFIG && t->collateral_fault.text[0]) {
		t->diag = t->collateral_fault;
		e = ERR_INPUT;
	}
	if (e)
		return tool_fail(t, "quote", e);
	e = check_report_data(t, ev);
	if (e)
		return e;
	e = show_identity(t, v);
	/* without a clock nothing is judged: what the checks said stands beside */
	return t->req.has_now ? e : 0;
}

static int answer(struct tool *t, struct evidence *ev)
{
	struct verified v;
	if (ev->variant == VARIANT_SEV_SNP)
		out_u64(&t->out, "cert_chain_count", ev->cert_count);
	int e = add_snp_certs(t, ev);
	if (e)
		return e;
	if (t->req.has_now)
		e = evidence_verify(&t->ctx, t->a, ev, (int64_t)t->req.now, &v, &t->diag);
	else
		e = evidence_preview(&t->ctx, t->a, ev, &v, &t->diag);
	return show_verdict(t, ev, &v, e);
}

int kind_attestation(struct tool *t)
{
	struct evidence *ev;
	if (t->req.event_log)
		return kind_quote_and_events(t);
	int e = evidence_decode(t->a, t->input, &t->ctx.rules, &ev, &t->diag);
	return e ? tool_fail(t, "decode", e) : answer(t, ev);
}

int kind_quote_and_events(struct tool *t)
{
	struct evidence *ev;
	struct span log;
	if (!t->req.event_log)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_INPUT, "TDX event log missing"));
	int e = show_event_log_text(t, t->req.event_log, &log);
	if (e)
		return tool_fail(t, "io", e);
	e = evidence_from_legacy(t->a, t->input, log, &ev, &t->diag);
	return e ? tool_fail(t, "decode", e) : answer(t, ev);
}

int kind_certificate(struct tool *t)
{
	static const struct span forms[] = {
		[RATLS_NONE] = SPAN_LIT("none"), [RATLS_LEGACY] = SPAN_LIT("old"), [RATLS_CONTAINER] = SPAN_LIT("container")};
	struct ratls_evidence r;
	struct evidence *ev;
	struct verified v = {0};
	struct span der;
	int e = tool_der(t->a, t->input, &der, &t->diag);
	if (!e)
		e = ratls_extract(der, &r, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	out_bool(&t->out, "has_attestation", r.form != RATLS_NONE);
	out_text(&t->out, "form", forms[r.form]);
	if (r.form == RATLS_NONE)
		return 0;
	e = ratls_decode(&t->ctx.rules, t->a, &r, &ev, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	t->input = r.form == RATLS_CONTAINER ? r.container : r.quote;
	memcpy(v.report_data, ev->report_data, sizeof v.report_data);
	e = attest_check_key(&v, r.spki, &t->diag);
	out_bool(&t->out, "report_data_binds_key", e == 0);
	if (!t->req.has_now)
		return answer(t, ev);
	if (e)
		return tool_fail(t, "report-data", e);
	e = ratls_verify(&t->ctx, t->a, &r, (int64_t)t->req.now, &v, &t->diag);
	if (e)
		(void)evidence_measure(&t->ctx, t->a, ev, NULL);
	return show_verdict(t, e ? ev : v.evidence, &v, e);
}
