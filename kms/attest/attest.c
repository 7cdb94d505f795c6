#include "kms/attest/attest.h"

#include "crypto/hash.h"
#include "kms/attest/cache.h"
#include "kms/attest/verify.h"

/* A verdict that is remembered: what it adds to the decoded evidence. */
static bool recall(const struct attest_ctx *ctx, struct arena *a, const uint8_t digest[32], int64_t now, struct evidence *ev,
		   struct verified *out)
{
	struct verdict v;
	if (!ctx->cache || !evidence_cache_get(ctx->cache, a, digest, now, &v))
		return false;
	if (evidence_preview(ctx, a, ev, out, NULL))
		return false;
	out->preview = false;
	out->tcb_status = v.tcb_status;
	out->device = v.device;
	memcpy(out->advisories, v.advisories, sizeof out->advisories);
	out->advisory_count = v.advisory_count;
	out->expires = v.expires;
	return true;
}

static void remember(const struct attest_ctx *ctx, const uint8_t digest[32], int64_t now, const struct verified *out)
{
	if (!ctx->cache)
		return;
	struct verdict v = {
		.tcb_status = out->tcb_status,
		.device = out->device,
		.advisory_count = out->advisory_count,
		.expires = out->expires,
	};
	memcpy(v.advisories, out->advisories, sizeof v.advisories);
	evidence_cache_put(ctx->cache, digest, now, &v);
}

int attest_verify(const struct attest_ctx *ctx, struct arena *a, struct span container, int64_t now, struct verified *out, struct diag *d)
{
	uint8_t digest[SHA256_LEN];
	struct evidence *ev;
	int e = evidence_decode(a, container, &ctx->rules, &ev, d);
	if (e)
		return e;
	if (ctx->cache)
		sha256(container, digest);
	if (recall(ctx, a, digest, now, ev, out))
		return 0;
	e = evidence_verify(ctx, a, ev, now, out, d);
	if (!e)
		remember(ctx, digest, now, out);
	return e;
}

int attest_verify_legacy(const struct attest_ctx *ctx, struct arena *a, struct span quote, struct span event_log_json, int64_t now,
			 struct verified *out, struct diag *d)
{
	uint8_t parts[2][SHA256_LEN], digest[SHA256_LEN];
	struct evidence *ev;
	int e = evidence_from_legacy(a, quote, event_log_json, &ev, d);
	if (e)
		return e;
	if (ctx->cache) {
		sha256(quote, parts[0]);
		sha256(event_log_json, parts[1]);
		sha256(SPAN(parts, sizeof parts), digest);
	}
	if (recall(ctx, a, digest, now, ev, out))
		return 0;
	e = evidence_verify(ctx, a, ev, now, out, d);
	if (!e)
		remember(ctx, digest, now, out);
	return e;
}

int attest_preview(const struct attest_ctx *ctx, struct arena *a, struct span container, struct verified *out, struct diag *d)
{
	struct evidence *ev;
	int e = evidence_decode(a, container, &ctx->rules, &ev, d);
	return e ? e : evidence_preview(ctx, a, ev, out, d);
}

int attest_preview_legacy(const struct attest_ctx *ctx, struct arena *a, struct span quote, struct span event_log_json,
			  struct verified *out, struct diag *d)
{
	struct evidence *ev;
	int e = evidence_from_legacy(a, quote, event_log_json, &ev, d);
	return e ? e : evidence_preview(ctx, a, ev, out, d);
}

int attest_check_key(const struct verified *v, struct span spki_der, struct diag *d)
{
	uint8_t want[64];
	report_data("ratls-cert", spki_der, want);
	if (memcmp(want, v->report_data, sizeof want) != 0)
		return diag_fail(d, ERR_REFUSED, "report data mismatch");
	return 0;
}
