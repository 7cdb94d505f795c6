/* Event logs: the firmware's two forms and dstack's JSON. */
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sig.h"
#include "drivers/tcg_log.h"
#include "kms/attest/quote.h"
#include "kms/attest/replay.h"
#include "kms/tool/show.h"

enum { REGISTERS = 32 };

struct registers {
	enum sig_hash hash;
	uint8_t value[REGISTERS][64];
	bool any[REGISTERS];
};

static void show_registers(struct tool *t, const char *key, const struct registers *r)
{
	out_open(&t->out, key);
	for (unsigned i = 0; i < REGISTERS; i++)
		if (r->any[i])
			out_hex(&t->out, arena_fmt(t->a, "%u", i), SPAN(r->value[i], sig_hash_len(r->hash)));
	out_close(&t->out);
}

/* The spec-id event inside the first record (3.1). */
static void show_spec_id(struct tool *t)
{
	struct rd r = rd_from(t->input);
	rd_skip(&r, 4 + 4 + 20);
	struct rd body = rd_sub(&r, rd_u32le(&r));
	struct span signature = rd_bytes(&body, 16);
	rd_skip(&body, 4 + 4);
	uint32_t n = rd_u32le(&body);
	if (!rd_ok(&body) || n > 16)
		return;
	size_t len = 0;
	while (len < signature.n && signature.p[len])
		len++;
	out_text(&t->out, "spec_id", SPAN(signature.p, len));
	out_open_array(&t->out, "algorithms");
	for (uint32_t i = 0; i < n; i++) {
		uint16_t alg = rd_u16le(&body), size = rd_u16le(&body);
		out_open_array(&t->out, NULL);
		out_u64(&t->out, NULL, alg);
		out_u64(&t->out, NULL, size);
		out_close(&t->out);
	}
	out_close(&t->out);
}

static void replay(struct registers *r, unsigned index, struct span digest)
{
	if (index >= REGISTERS)
		return;
	r->any[index] = true;
	register_extend(r->hash, r->value[index], digest);
}

struct walk {
	bool ccel;
	struct registers all, extended; /* with and without EV_NO_ACTION */
	size_t count, extended_count;
	struct span *pcr2; /* room for as many as the log can hold */
	size_t pcr2_count;
};

/* A CCEL record has one digest, of whichever algorithm; of a TPM log's the SHA-256 one counts. */
static struct span digest_of(const struct tcg_event *e, bool ccel)
{
	static const enum tcg_alg algs[] = {TCG_SHA1, TCG_SHA256, TCG_SHA384, TCG_SHA512};
	struct span digest = {NULL, 0};
	if (!ccel)
		return tcg_event_digest(e, TCG_SHA256);
	for (size_t i = 0; i < sizeof algs / sizeof algs[0] && !digest.p; i++)
		digest = tcg_event_digest(e, algs[i]);
	return digest;
}

/* One record: shown, and replayed. ERR_INPUT for a CCEL record that does not have exactly one digest. */
static int take(struct tool *t, struct walk *w, const struct tcg_event *e)
{
	struct out *o = &t->out;
	struct span digest = digest_of(e, w->ccel);
	int index = w->ccel ? tcg_ccel_rtmr(e) : (int)e->index;
	if (w->ccel && e->digest_count != 1)
		return diag_fail(&t->diag, ERR_INPUT, "a CCEL record has %u digests, not one", (unsigned)e->digest_count);
	if (!digest.p || index < 0)
		return 0;
	w->count++;
	replay(&w->all, (unsigned)index, digest);
	out_open(o, NULL);
	out_u64(o, w->ccel ? "imr" : "pcr", (uint64_t)index);
	out_u64(o, "event_type", e->type);
	out_hex(o, w->ccel ? "digest" : "sha256", digest);
	out_u64(o, "data_len", e->data.n);
	out_close(o);
	if (e->type == TCG_EV_NO_ACTION)
		return 0;
	w->extended_count++;
	replay(&w->extended, (unsigned)index, digest);
	if (!w->ccel && index == 2)
		w->pcr2[w->pcr2_count++] = digest;
	return 0;
}

static int walk_log(struct tool *t, bool ccel)
{
	struct out *o = &t->out;
	struct tcg_log log;
	struct tcg_event event;
	struct walk *w = arena_alloc(t->a, sizeof *w);
	/* a record with a SHA-256 digest: index, type, count, algorithm, digest, size */
	struct span *pcr2 = arena_array(t->a, t->input.n / (4 + 4 + 4 + 2 + SHA256_LEN + 4) + 1, sizeof *pcr2);
	if (!w || !pcr2)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_LIMIT, "no memory left"));
	w->pcr2 = pcr2;
	w->ccel = ccel;
	w->all.hash = w->extended.hash = ccel ? SIG_SHA384 : SIG_SHA256;
	int e = t->input.n > TCG_LOG_MAX ? diag_fail(&t->diag, ERR_LIMIT, "event log: longer than %d bytes", (int)TCG_LOG_MAX)
					 : tcg_log_open(&log, t->input, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	show_spec_id(t);
	out_open_array(o, "events");
	int more;
	while ((more = tcg_log_next(&log, &event, &t->diag)) > 0 && !e)
		e = take(t, w, &event);
	out_close(o);
	if (more < 0 || e)
		return tool_fail(t, "decode", e ? e : more);
	out_u64(o, "event_count", w->count);
	out_u64(o, "event_count_without_no_action", w->extended_count);
	out_u64(o, "bytes_used", t->input.n - log.r.left);
	show_registers(t, "replay_without_no_action", &w->extended);
	if (ccel) {
		show_registers(t, "replay_by_imr", &w->all);
	} else {
		show_registers(t, "pcr_sha256", &w->extended);
		out_open_array(o, "pcr2_events");
		for (size_t i = 0; i < w->pcr2_count; i++)
			out_hex(o, NULL, w->pcr2[i]);
		out_close(o);
		if (w->pcr2_count > 2)
			out_hex(o, "uki_authenticode_sha256", w->pcr2[2]);
	}
	t->result = "parsed";
	return 0;
}

int kind_ccel(struct tool *t)
{
	return walk_log(t, true);
}

int kind_tpm_log(struct tool *t)
{
	return walk_log(t, false);
}

static int show_against_quote(struct tool *t, uint8_t rtmr[4][64])
{
	static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	struct span bytes;
	struct quote q;
	int e = tool_read_file(t->a, t->req.quote, &bytes, &t->diag);
	if (!e)
		e = quote_parse(bytes, &q, &t->diag);
	if (!e && q.body == QUOTE_BODY_SGX)
		e = diag_fail(&t->diag, ERR_INPUT, "the quote is of an SGX enclave");
	if (e)
		return tool_fail(t, "quote", e);
	out_open(&t->out, "quote_rtmrs");
	for (size_t i = 0; i < 4; i++)
		out_hex(&t->out, names[i], q.td.rtmr[i]);
	out_close(&t->out);
	out_open(&t->out, "matches_quote");
	for (size_t i = 0; i < 4; i++)
		out_bool(&t->out, names[i], span_eq(q.td.rtmr[i], SPAN(rtmr[i], SHA384_LEN)));
	out_close(&t->out);
	return 0;
}

int kind_event_log(struct tool *t)
{
	static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	struct out *o = &t->out;
	const struct tdx_event *events;
	size_t count, runtime_count = 0;
	uint8_t rtmr[4][64] = {{0}}, digest[64];
	int e = tdx_events_parse_json(t->a, t->input, &events, &count, &t->diag);
	struct runtime_event *runtime = e ? NULL : arena_array(t->a, count, sizeof *runtime);
	if (!e && !runtime)
		e = diag_fail(&t->diag, ERR_LIMIT, "no memory left");
	if (e)
		return tool_fail(t, "decode", e);
	for (size_t i = 0; i < count; i++) {
		const struct tdx_event *ev = &events[i];
		struct span d = ev->digest;
		if (ev->type == EVENT_TYPE_RUNTIME) {
			struct runtime_event *to = &runtime[runtime_count++];
			*to = (struct runtime_event){ev->name, ev->payload, ev->version};
			/* the digest of a runtime event is always recomputed (3.2) */
			event_digest(to, SIG_SHA384, digest);
			d = SPAN(digest, SHA384_LEN);
		}
		if (ev->imr < 4)
			register_extend(SIG_SHA384, rtmr[ev->imr], d);
	}
	out_u64(o, "event_count", count);
	out_open(o, "replay");
	for (size_t i = 0; i < 4; i++)
		out_hex(o, names[i], SPAN(rtmr[i], SHA384_LEN));
	out_close(o);
	tool_put_events(o, runtime, runtime_count);
	events_replay(runtime, runtime_count, SIG_SHA384, NULL, digest);
	out_hex(o, "runtime_replay_sha384", SPAN(digest, SHA384_LEN));
	events_replay(runtime, runtime_count, SIG_SHA384, "boot-mr-done", digest);
	out_hex(o, "runtime_replay_sha384_to_boot_mr_done", SPAN(digest, SHA384_LEN));
	events_replay(runtime, runtime_count, SIG_SHA256, NULL, digest);
	out_hex(o, "runtime_replay_sha256", SPAN(digest, SHA256_LEN));
	out_open_array(o, "runtime_digests_sha384");
	for (size_t i = 0; i < runtime_count; i++) {
		event_digest(&runtime[i], SIG_SHA384, digest);
		out_hex(o, NULL, SPAN(digest, SHA384_LEN));
	}
	out_close(o);
	t->result = "parsed";
	return t->req.quote.n ? show_against_quote(t, rtmr) : 0;
}
