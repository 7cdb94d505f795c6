/* Container version 1: MessagePack with named members (attestation specification 1.4). */
#include "kms/attest/container.h"
#include "kms/wire/msgpack.h"

struct ctx {
	struct arena *a;
	bool full;
};

#define COUNT(names) (sizeof(names) / sizeof(names)[0])

/* n items or, when the arena is full or n is above max, NULL and a failed reader. */
static void *items(struct ctx *c, struct rd *r, size_t n, size_t max, size_t size)
{
	if (n > max) {
		rd_fail(r);
		return NULL;
	}
	void *p = arena_array(c->a, n, size);
	if (!p) {
		c->full = true;
		rd_fail(r);
	}
	return p;
}

/* Plain byte vectors travel as arrays of integers; the bin form is refused (1.4). */
static struct span byte_array(struct ctx *c, struct rd *r, size_t max)
{
	size_t n = msgpack_array(r);
	uint8_t *p = items(c, r, n, max, 1);
	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)msgpack_uint(r, UINT8_MAX);
	return p && rd_ok(r) ? SPAN(p, n) : SPAN(NULL, 0);
}

/* An optional event version: 1 unless present. */
static uint32_t event_version(struct rd *r, struct rd *outer)
{
	if (!r->p)
		return 1;
	uint64_t v = msgpack_uint(r, 2);
	if (!rd_done(r) || v == 0)
		rd_fail(outer);
	return (uint32_t)v;
}

/* Members that turned bad, or were absent, make the map that holds them bad. */
static void require(struct rd *outer, const struct rd *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!rd_ok(&members[i]))
			rd_fail(outer);
}

static void tdx_events(struct ctx *c, struct rd *r, struct evidence *ev)
{
	static const char *const names[] = {"imr", "event_type", "event", "event_payload", "digest", "version", "preimage"};
	struct rd m[COUNT(names)];
	size_t n = msgpack_array(r);
	struct tdx_event *e = items(c, r, n, EVENTS_MAX, sizeof *e);
	for (size_t i = 0; e && i < n && rd_ok(r); i++) {
		msgpack_members(r, names, m, COUNT(names));
		e[i].imr = (uint32_t)msgpack_uint(&m[0], UINT32_MAX);
		e[i].type = (uint32_t)msgpack_uint(&m[1], UINT32_MAX);
		e[i].name = msgpack_str(&m[2]);
		e[i].payload = msgpack_bin(&m[3]);
		require(r, m, 4);
		if (m[4].p) {
			e[i].digest = msgpack_bin(&m[4]);
			require(r, &m[4], 1);
		}
		e[i].version = event_version(&m[5], r);
		if (m[6].p && !msgpack_nil(&m[6])) {
			e[i].preimage = msgpack_str(&m[6]);
			e[i].has_preimage = true;
			require(r, &m[6], 1);
		}
	}
	ev->log = e;
	ev->log_count = e ? n : 0;
}

static void runtime_events(struct ctx *c, struct rd *r, struct evidence *ev)
{
	static const char *const names[] = {"event", "payload", "version"};
	struct rd m[COUNT(names)];
	size_t n = msgpack_array(r);
	struct runtime_event *e = items(c, r, n, EVENTS_MAX, sizeof *e);
	for (size_t i = 0; e && i < n && rd_ok(r); i++) {
		msgpack_members(r, names, m, COUNT(names));
		e[i].name = msgpack_str(&m[0]);
		e[i].payload = msgpack_bin(&m[1]);
		require(r, m, 2);
		e[i].version = event_version(&m[2], r);
	}
	ev->events = e;
	ev->event_count = e ? n : 0;
}

static void pcr_values(struct ctx *c, struct rd *r, struct tpm_evidence *t)
{
	static const char *const names[] = {"index", "algorithm", "value"};
	struct rd m[COUNT(names)];
	size_t n = msgpack_array(r);
	struct pcr_value *v = items(c, r, n, PCR_VALUES_MAX, sizeof *v);
	for (size_t i = 0; v && i < n && rd_ok(r); i++) {
		msgpack_members(r, names, m, COUNT(names));
		v[i].index = (uint32_t)msgpack_uint(&m[0], UINT32_MAX);
		v[i].algorithm = msgpack_str(&m[1]);
		v[i].value = msgpack_bin(&m[2]);
		require(r, m, COUNT(names));
	}
	t->pcrs = v;
	t->pcr_count = v ? n : 0;
}

static void boot_events(struct ctx *c, struct rd *r, struct tpm_evidence *t)
{
	static const char *const names[] = {"pcr_index", "digest"};
	struct rd m[COUNT(names)];
	size_t n = msgpack_array(r);
	struct boot_event *e = items(c, r, n, EVENTS_MAX, sizeof *e);
	for (size_t i = 0; e && i < n && rd_ok(r); i++) {
		msgpack_members(r, names, m, COUNT(names));
		e[i].pcr = (uint32_t)msgpack_uint(&m[0], UINT32_MAX);
		e[i].digest = msgpack_bin(&m[1]);
		require(r, m, COUNT(names));
	}
	t->log = e;
	t->log_count = e ? n : 0;
}

static const char *const platform_words[TPM_PLATFORMS] = {"dstack", "gcp", "nitroenclave", "aws-ec2"};

static void tpm_quote(struct ctx *c, struct rd *r, struct tpm_evidence *t)
{
	static const char *const names[] = {"message", "signature", "pcr_values", "ak_cert", "platform", "event_log"};
	struct rd m[COUNT(names)];
	msgpack_members(r, names, m, COUNT(names));
	t->message = msgpack_bin(&m[0]);
	t->signature = msgpack_bin(&m[1]);
	pcr_values(c, &m[2], t);
	t->ak_cert = msgpack_bin(&m[3]);
	struct span word = msgpack_str(&m[4]);
	boot_events(c, &m[5], t);
	require(r, m, COUNT(names));
	for (unsigned i = 0; i < TPM_PLATFORMS; i++) {
		if (span_is(word, platform_words[i])) {
			t->platform = (enum tpm_platform)i;
			return;
		}
	}
	rd_fail(r);
}

static void certificates(struct ctx *c, struct rd *r, struct evidence *ev)
{
	size_t n = msgpack_array(r);
	struct span *v = items(c, r, n, CERTS_MAX, sizeof *v);
	for (size_t i = 0; v && i < n; i++)
		v[i] = byte_array(c, r, QUOTE_MAX);
	ev->certs = v;
	ev->cert_count = v ? n : 0;
}

/* Each platform kind and its members; the first is the byte vector that becomes evidence.quote. */
static const struct {
	const char *kind;
	enum variant variant;
	size_t count;
	const char *members[3];
} kinds[] = {
	{"tdx", VARIANT_TDX, 2, {"quote", "event_log"}},
	{"gcp-tdx", VARIANT_GCP_TDX, 3, {"quote", "event_log", "tpm_quote"}},
	{"nitro-enclave", VARIANT_NITRO, 1, {"nsm_quote"}},
	{"aws-nitro-tpm", VARIANT_NITRO_TPM, 1, {"attestation_doc"}},
	{"sev-snp", VARIANT_SEV_SNP, 3, {"report", "cert_chain", "mr_config"}},
};

static void platform(struct ctx *c, struct rd *r, struct evidence *ev)
{
	static const char *const names[] = {"kind", "data"};
	struct rd m[2], v[3];
	msgpack_members(r, names, m, 2);
	struct span word = msgpack_str(&m[0]);
	require(r, m, 2);
	size_t k = 0;
	while (k < COUNT(kinds) && !span_is(word, kinds[k].kind))
		k++;
	if (k == COUNT(kinds)) {
		rd_fail(r);
		return;
	}
	ev->variant = kinds[k].variant;
	msgpack_members(&m[1], kinds[k].members, v, kinds[k].count);
	ev->quote = byte_array(c, &v[0], QUOTE_MAX);
	if (ev->variant == VARIANT_TDX || ev->variant == VARIANT_GCP_TDX)
		tdx_events(c, &v[1], ev);
	if (ev->variant == VARIANT_GCP_TDX)
		tpm_quote(c, &v[2], &ev->tpm);
	if (ev->variant == VARIANT_SEV_SNP) {
		certificates(c, &v[1], ev);
		ev->mr_config = msgpack_str(&v[2]);
	}
	require(r, v, kinds[k].count);
	require(r, &m[1], 1);
}

static void stack(struct ctx *c, struct rd *r, struct evidence *ev)
{
	static const char *const names[] = {"kind", "data"};
	static const char *const members[] = {"report_data", "runtime_events", "config", "report_data_payload"};
	struct rd m[2], v[4];
	msgpack_members(r, names, m, 2);
	struct span word = msgpack_str(&m[0]);
	require(r, m, 2);
	ev->is_pod = span_is(word, "dstack-pod");
	if (!ev->is_pod && !span_is(word, "dstack"))
		rd_fail(r);
	size_t used = ev->is_pod ? 4 : 3;
	msgpack_members(&m[1], members, v, used);
	struct span rdata = byte_array(c, &v[0], sizeof ev->report_data);
	if (rdata.n == sizeof ev->report_data)
		memcpy(ev->report_data, rdata.p, sizeof ev->report_data);
	else
		rd_fail(r);
	runtime_events(c, &v[1], ev);
	ev->config = msgpack_str(&v[2]);
	if (ev->is_pod)
		ev->pod_payload = msgpack_str(&v[3]);
	require(r, v, used);
	require(r, &m[1], 1);
}

int container_v1_decode(struct arena *a, struct span in, struct evidence *ev, struct diag *d)
{
	static const char *const names[] = {"version", "platform", "stack"};
	static const char malformed[] = "failed to decode V1 attestation: a member is missing, repeated, of a wrong type or cut off";
	struct ctx c = {a, false};
	struct rd r = rd_from(in), m[COUNT(names)];
	msgpack_members(&r, names, m, COUNT(names));
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, malformed);
	uint64_t version = msgpack_uint(&m[0], UINT64_MAX);
	require(&r, m, COUNT(names));
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, malformed);
	if (r.left)
		return diag_fail(d, ERR_INPUT, "trailing bytes after V1 attestation: %zu", r.left);
	if (version != 1)
		return diag_fail(d, ERR_INPUT, "unsupported attestation version: %llu", (unsigned long long)version);
	ev->container = 1;
	platform(&c, &m[1], ev);
	stack(&c, &m[2], ev);
	if (c.full)
		return diag_fail(d, ERR_LIMIT, "failed to decode V1 attestation: no memory left for it");
	if (!rd_ok(&m[1]))
		return diag_fail(d, ERR_INPUT, "failed to decode V1 attestation: platform is malformed or of an unknown kind");
	if (!rd_ok(&m[2]))
		return diag_fail(d, ERR_INPUT, "failed to decode V1 attestation: stack is malformed or of an unknown kind");
	return 0;
}

static void put_key(struct wr *w, const char *key)
{
	msgpack_put_str(w, SPAN_STR(key));
}

static void put_version(struct wr *w, uint32_t version)
{
	if (version == 1)
		return;
	put_key(w, "version");
	msgpack_put_uint(w, version);
}

static void put_tdx_events(struct wr *w, const struct evidence *ev)
{
	put_key(w, "event_log");
	msgpack_put_array(w, ev->log_count);
	for (size_t i = 0; i < ev->log_count; i++) {
		const struct tdx_event *e = &ev->log[i];
		msgpack_put_map(w, 5u + (e->version != 1) + e->has_preimage);
		put_key(w, "imr");
		msgpack_put_uint(w, e->imr);
		put_key(w, "event_type");
		msgpack_put_uint(w, e->type);
		put_key(w, "digest");
		msgpack_put_bin(w, e->digest);
		put_key(w, "event");
		msgpack_put_str(w, e->name);
		put_key(w, "event_payload");
		msgpack_put_bin(w, e->payload);
		put_version(w, e->version);
		if (e->has_preimage) {
			put_key(w, "preimage");
			msgpack_put_str(w, e->preimage);
		}
	}
}

static void put_tpm_quote(struct wr *w, const struct tpm_evidence *t)
{
	put_key(w, "tpm_quote");
	msgpack_put_map(w, 6);
	put_key(w, "message");
	msgpack_put_bin(w, t->message);
	put_key(w, "signature");
	msgpack_put_bin(w, t->signature);
	put_key(w, "pcr_values");
	msgpack_put_array(w, t->pcr_count);
	for (size_t i = 0; i < t->pcr_count; i++) {
		msgpack_put_map(w, 3);
		put_key(w, "index");
		msgpack_put_uint(w, t->pcrs[i].index);
		put_key(w, "algorithm");
		msgpack_put_str(w, t->pcrs[i].algorithm);
		put_key(w, "value");
		msgpack_put_bin(w, t->pcrs[i].value);
	}
	put_key(w, "ak_cert");
	msgpack_put_bin(w, t->ak_cert);
	put_key(w, "platform");
	put_key(w, platform_words[t->platform]);
	put_key(w, "event_log");
	msgpack_put_array(w, t->log_count);
	for (size_t i = 0; i < t->log_count; i++) {
		msgpack_put_map(w, 2);
		put_key(w, "pcr_index");
		msgpack_put_uint(w, t->log[i].pcr);
		put_key(w, "digest");
		msgpack_put_bin(w, t->log[i].digest);
	}
}

void container_v1_encode(struct wr *w, const struct evidence *ev)
{
	size_t k = 0;
	while (kinds[k].variant != ev->variant)
		k++;
	msgpack_put_map(w, 3);
	put_key(w, "version");
	msgpack_put_uint(w, 1);
	put_key(w, "platform");
	msgpack_put_map(w, 2);
	put_key(w, "kind");
	put_key(w, kinds[k].kind);
	put_key(w, "data");
	msgpack_put_map(w, kinds[k].count);
	put_key(w, kinds[k].members[0]);
	msgpack_put_bytes_as_array(w, ev->quote);
	if (ev->variant == VARIANT_TDX || ev->variant == VARIANT_GCP_TDX)
		put_tdx_events(w, ev);
	if (ev->variant == VARIANT_GCP_TDX)
		put_tpm_quote(w, &ev->tpm);
	if (ev->variant == VARIANT_SEV_SNP) {
		put_key(w, "cert_chain");
		msgpack_put_array(w, ev->cert_count);
		for (size_t i = 0; i < ev->cert_count; i++)
			msgpack_put_bytes_as_array(w, ev->certs[i]);
		put_key(w, "mr_config");
		msgpack_put_str(w, ev->mr_config);
	}
	put_key(w, "stack");
	msgpack_put_map(w, 2);
	put_key(w, "kind");
	put_key(w, ev->is_pod ? "dstack-pod" : "dstack");
	put_key(w, "data");
	msgpack_put_map(w, ev->is_pod ? 4 : 3);
	put_key(w, "report_data");
	msgpack_put_bytes_as_array(w, SPAN_ARR(ev->report_data));
	put_key(w, "runtime_events");
	msgpack_put_array(w, ev->event_count);
	for (size_t i = 0; i < ev->event_count; i++) {
		msgpack_put_map(w, 2u + (ev->events[i].version != 1));
		put_key(w, "event");
		msgpack_put_str(w, ev->events[i].name);
		put_key(w, "payload");
		msgpack_put_bin(w, ev->events[i].payload);
		put_version(w, ev->events[i].version);
	}
	put_key(w, "config");
	msgpack_put_str(w, ev->config);
	if (ev->is_pod) {
		put_key(w, "report_data_payload");
		msgpack_put_str(w, ev->pod_payload);
	}
}
