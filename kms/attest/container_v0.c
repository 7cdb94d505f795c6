/* Container version 0: SCALE (attestation specification 1.3). */
#include "kms/attest/container.h"
#include "kms/wire/scale.h"

/* An array for n items, at most max; NULL and a failed reader otherwise. */
static void *items(struct arena *a, struct rd *r, size_t n, size_t max, size_t size, bool *full)
{
	if (n > max) {
		rd_fail(r);
		return NULL;
	}
	void *p = arena_array(a, n, size);
	if (!p) {
		*full = true;
		rd_fail(r);
	}
	return p;
}

static void tdx_events(struct arena *a, struct rd *r, struct evidence *ev, bool *full)
{
	size_t n = scale_count(r, 11);
	struct tdx_event *e = items(a, r, n, EVENTS_MAX, sizeof *e, full);
	for (size_t i = 0; e && i < n; i++) {
		e[i].imr = rd_u32le(r);
		e[i].type = rd_u32le(r);
		e[i].digest = scale_bytes(r);
		e[i].name = scale_str(r);
		e[i].payload = scale_bytes(r);
		e[i].version = 1;
	}
	ev->log = e;
	ev->log_count = e ? n : 0;
}

static void tpm_quote(struct arena *a, struct rd *r, struct tpm_evidence *t, bool *full)
{
	t->message = scale_bytes(r);
	t->signature = scale_bytes(r);
	size_t n = scale_count(r, 6);
	struct pcr_value *v = items(a, r, n, PCR_VALUES_MAX, sizeof *v, full);
	for (size_t i = 0; v && i < n; i++) {
		v[i].index = rd_u32le(r);
		v[i].algorithm = scale_str(r);
		v[i].value = scale_bytes(r);
	}
	t->pcrs = v;
	t->pcr_count = v ? n : 0;
	t->ak_cert = scale_bytes(r);
	uint8_t platform = rd_u8(r);
	if (platform >= TPM_PLATFORMS)
		rd_fail(r);
	t->platform = (enum tpm_platform)platform;
	n = scale_count(r, 5);
	struct boot_event *e = items(a, r, n, EVENTS_MAX, sizeof *e, full);
	for (size_t i = 0; e && i < n; i++) {
		e[i].pcr = rd_u32le(r);
		e[i].digest = scale_bytes(r);
	}
	t->log = e;
	t->log_count = e ? n : 0;
}

static void certificates(struct arena *a, struct rd *r, struct evidence *ev, bool *full)
{
	size_t n = scale_count(r, 1);
	struct span *c = items(a, r, n, CERTS_MAX, sizeof *c, full);
	for (size_t i = 0; c && i < n; i++)
		c[i] = scale_bytes(r);
	ev->certs = c;
	ev->cert_count = c ? n : 0;
}

static void runtime_events(struct arena *a, struct rd *r, struct evidence *ev, bool *full)
{
	size_t n = scale_count(r, 2);
	struct runtime_event *e = items(a, r, n, EVENTS_MAX, sizeof *e, full);
	for (size_t i = 0; e && i < n; i++) {
		e[i].name = scale_str(r);
		e[i].payload = scale_bytes(r);
		e[i].version = 1;
	}
	ev->events = e;
	ev->event_count = e ? n : 0;
}

int container_v0_decode(struct arena *a, struct span in, bool strict_end, struct evidence *ev, struct diag *d)
{
	struct rd r = rd_from(in);
	bool full = false;
	uint8_t version = rd_u8(&r), variant = rd_u8(&r);
	if (version != 0)
		return diag_fail(d, ERR_INPUT, "Failed to decode attestation: version index %u", version);
	if (rd_ok(&r) && variant >= VARIANTS)
		return diag_fail(d, ERR_INPUT, "Failed to decode attestation: unknown variant %u", variant);
	ev->container = 0;
	ev->variant = (enum variant)variant;
	ev->quote = scale_bytes(&r);
	switch (ev->variant) {
	case VARIANT_TDX:
		tdx_events(a, &r, ev, &full);
		break;
	case VARIANT_GCP_TDX:
		tdx_events(a, &r, ev, &full);
		tpm_quote(a, &r, &ev->tpm, &full);
		break;
	case VARIANT_SEV_SNP:
		certificates(a, &r, ev, &full);
		ev->mr_config = scale_str(&r);
		break;
	case VARIANT_NITRO:
	case VARIANT_NITRO_TPM:
		break;
	}
	runtime_events(a, &r, ev, &full);
	rd_copy(&r, ev->report_data, sizeof ev->report_data);
	ev->config = scale_str(&r);
	if (full)
		return diag_fail(d, ERR_LIMIT, "Failed to decode attestation: no memory left for it");
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "Failed to decode attestation: the SCALE value is malformed or ends early");
	if (r.left && strict_end)
		return diag_fail(d, ERR_INPUT, "Trailing bytes after the attestation: %zu", r.left);
	return 0;
}

void container_v0_encode(struct wr *w, const struct evidence *ev)
{
	wr_u8(w, 0);
	wr_u8(w, (uint8_t)ev->variant);
	scale_put_bytes(w, ev->quote);
	if (ev->variant == VARIANT_TDX || ev->variant == VARIANT_GCP_TDX) {
		scale_put_compact(w, ev->log_count);
		for (size_t i = 0; i < ev->log_count; i++) {
			const struct tdx_event *e = &ev->log[i];
			wr_u32le(w, e->imr);
			wr_u32le(w, e->type);
			scale_put_bytes(w, e->digest);
			scale_put_bytes(w, e->name);
			scale_put_bytes(w, e->payload);
		}
	}
	if (ev->variant == VARIANT_GCP_TDX) {
		const struct tpm_evidence *t = &ev->tpm;
		scale_put_bytes(w, t->message);
		scale_put_bytes(w, t->signature);
		scale_put_compact(w, t->pcr_count);
		for (size_t i = 0; i < t->pcr_count; i++) {
			wr_u32le(w, t->pcrs[i].index);
			scale_put_bytes(w, t->pcrs[i].algorithm);
			scale_put_bytes(w, t->pcrs[i].value);
		}
		scale_put_bytes(w, t->ak_cert);
		wr_u8(w, (uint8_t)t->platform);
		scale_put_compact(w, t->log_count);
		for (size_t i = 0; i < t->log_count; i++) {
			wr_u32le(w, t->log[i].pcr);
			scale_put_bytes(w, t->log[i].digest);
		}
	}
	if (ev->variant == VARIANT_SEV_SNP) {
		scale_put_compact(w, ev->cert_count);
		for (size_t i = 0; i < ev->cert_count; i++)
			scale_put_bytes(w, ev->certs[i]);
		scale_put_bytes(w, ev->mr_config);
	}
	scale_put_compact(w, ev->event_count);
	for (size_t i = 0; i < ev->event_count; i++) {
		scale_put_bytes(w, ev->events[i].name);
		scale_put_bytes(w, ev->events[i].payload);
	}
	wr_bytes(w, ev->report_data, sizeof ev->report_data);
	scale_put_bytes(w, ev->config);
}
