#include "kms/rpc/own_evidence.h"

#include "kms/attest/evidence.h"
#include "kms/server/metrics.h"

enum { ROOM = 32 << 20 };

void own_evidence_init(struct own_evidence *o)
{
	*o = (struct own_evidence){.keep_ms = OWN_EVIDENCE_KEEP_MS, .retry_ms = OWN_EVIDENCE_RETRY_MS};
	pthread_mutex_init(&o->lock, NULL);
}

static const uint8_t zero[64];

static int make(struct own_evidence *o, const struct attester *by)
{
	diag_clear(&o->why);
	if (!o->arena.p && arena_open(&o->arena, ROOM))
		return diag_fail(&o->why, ERR_LIMIT, "out of memory");
	arena_reset(&o->arena);
	return by->attest(by->self, &o->arena, zero, &o->container, &o->why);
}

int own_evidence_get(struct own_evidence *o, const struct attester *by, struct arena *a, struct span *container, struct diag *d)
{
	/* Whoever came before it was finished takes part in it, however long he waited. */
	uint64_t came = metric_now_us();
	int e;
	pthread_mutex_lock(&o->lock);
	if (!o->made || came >= o->finished_us + UINT64_C(1000) * (o->error || o->doubted ? o->retry_ms : o->keep_ms)) {
		o->error = make(o, by);
		o->finished_us = metric_now_us();
		o->made = true;
		o->doubted = false;
	}
	if ((e = o->error))
		diag_set(d, "%s", o->why.text);
	else if (!(*container = arena_dup(a, o->container)).p)
		e = diag_fail(d, ERR_LIMIT, "out of memory");
	pthread_mutex_unlock(&o->lock);
	return e;
}

int own_evidence_verify(struct own_evidence *o, const struct attest_ctx *ctx, struct arena *a, struct span container, int64_t now,
			const char *what, struct verified *out, struct diag *d)
{
	struct evidence *unverified;
	int e = evidence_decode(a, container, &ctx->rules, &unverified, d);
	if (e)
		diag_prefix(d, "Failed to decode %s", what);
	else {
		e = attest_verify(ctx, a, container, now, out, d);
		if (!e && memcmp(out->report_data, zero, sizeof zero) != 0)
			e = diag_fail(d, ERR_REFUSED, "report data mismatch");
		if (e)
			diag_prefix(d, "Failed to verify %s", what);
	}
	if (e) {
		pthread_mutex_lock(&o->lock);
		o->doubted = true;
		pthread_mutex_unlock(&o->lock);
	}
	return e;
}

void own_evidence_forget(struct own_evidence *o)
{
	pthread_mutex_lock(&o->lock);
	o->made = false;
	arena_close(&o->arena);
	pthread_mutex_unlock(&o->lock);
}
