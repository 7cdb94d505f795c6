#include "drivers/eventlog.h"

#include <bearssl.h>

/* Event type 0x08000001. */
static const uint8_t type_le[] = {0x01, 0x00, 0x00, 0x08};

void event_digest_sha384(struct span name, struct span payload, uint8_t out[48])
{
	br_sha384_context h;
	br_sha384_init(&h);
	br_sha384_update(&h, type_le, sizeof type_le);
	br_sha384_update(&h, ":", 1);
	br_sha384_update(&h, name.p, name.n);
	br_sha384_update(&h, ":", 1);
	br_sha384_update(&h, payload.p, payload.n);
	br_sha384_out(&h, out);
}

void event_digest_sha256(struct span name, struct span payload, uint8_t out[32])
{
	br_sha256_context h;
	br_sha256_init(&h);
	br_sha256_update(&h, type_le, sizeof type_le);
	br_sha256_update(&h, ":", 1);
	br_sha256_update(&h, name.p, name.n);
	br_sha256_update(&h, ":", 1);
	br_sha256_update(&h, payload.p, payload.n);
	br_sha256_out(&h, out);
}

void eventlog_init(struct eventlog *log, struct tdx *tdx, struct tpm *tpm)
{
	memset(log, 0, sizeof *log);
	log->tdx = tdx;
	log->tpm = tpm;
	pthread_mutex_init(&log->lock, NULL);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

int eventlog_require_fresh(struct eventlog *log, struct diag *d)
{
	uint8_t rtmr[TDX_RTMR_LEN] = {0}, pcr[TPM_PCR_LEN] = {0};
	int r = log->tdx ? tdx_rtmr_read(log->tdx, EVENT_RTMR, rtmr, d) : 0;
	if (!r && log->tpm)
		r = tpm_pcr_read(log->tpm, EVENT_PCR, pcr, d);
	if (r)
		return r;
	if (!all_zero(rtmr, sizeof rtmr))
		return diag_fail(d, ERR_REFUSED, "RTMR%d is not zero: something was measured before", EVENT_RTMR);
	if (!all_zero(pcr, sizeof pcr))
		return diag_fail(d, ERR_REFUSED, "PCR %d is not zero: something was measured before", EVENT_PCR);
	return 0;
}

static struct span keep(struct eventlog *log, struct span s)
{
	uint8_t *to = log->bytes + log->used;
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	log->used += s.n;
	return SPAN(to, s.n);
}

static int measure_locked(struct eventlog *log, struct span name, struct span payload, struct diag *d)
{
	uint8_t for_rtmr[TDX_RTMR_LEN], for_pcr[TPM_PCR_LEN];
	if (log->broken)
		return diag_fail(d, ERR_REFUSED, "an earlier event was measured in part only");
	if (log->count == EVENTLOG_EVENTS || name.n > EVENTLOG_BYTES - log->used || payload.n > EVENTLOG_BYTES - log->used - name.n)
		return diag_fail(d, ERR_LIMIT, "the event log is full");
	event_digest_sha384(name, payload, for_rtmr);
	event_digest_sha256(name, payload, for_pcr);
	int r = log->tdx ? tdx_rtmr_extend(log->tdx, EVENT_RTMR, for_rtmr, d) : 0;
	if (!r && log->tpm)
		r = tpm_pcr_extend(log->tpm, EVENT_PCR, for_pcr, d);
	if (r) {
		log->broken = true;
		return r;
	}
	struct eventlog_event *e = &log->event[log->count++];
	e->name = keep(log, name);
	e->payload = keep(log, payload);
	return 0;
}

int eventlog_measure(struct eventlog *log, const char *name, struct span payload, struct diag *d)
{
	pthread_mutex_lock(&log->lock);
	int r = measure_locked(log, SPAN_STR(name), payload, d);
	pthread_mutex_unlock(&log->lock);
	return r ? diag_wrap(d, r, "measure event %s", name) : 0;
}

static int copy_locked(struct eventlog *log, struct arena *a, const struct eventlog_event **out, size_t *count, struct diag *d)
{
	if (log->broken)
		return diag_fail(d, ERR_REFUSED, "the event log does not match the registers");
	struct eventlog_event *e = arena_array(a, log->count, sizeof *e);
	if (!e)
		return diag_fail(d, ERR_LIMIT, "no room for the event log");
	for (size_t i = 0; i < log->count; i++) {
		e[i].name = arena_dup(a, log->event[i].name);
		e[i].payload = arena_dup(a, log->event[i].payload);
		if (!e[i].name.p || !e[i].payload.p)
			return diag_fail(d, ERR_LIMIT, "no room for the event log");
	}
	*out = e;
	*count = log->count;
	return 0;
}

int eventlog_copy(struct eventlog *log, struct arena *a, const struct eventlog_event **out, size_t *count, struct diag *d)
{
	*out = NULL;
	*count = 0;
	pthread_mutex_lock(&log->lock);
	int r = copy_locked(log, a, out, count, d);
	pthread_mutex_unlock(&log->lock);
	return r;
}
