/* Containers from outside: what decodes also encodes, to the same bytes (V0) or to the same evidence (V1); a preview, its identity and the
 * image checks of every release run over whatever was decoded. */
#include "kms/attest/evidence.h"
#include "kms/attest/image.h"
#include "kms/attest/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void derive(const struct attest_ctx *ctx, struct arena *a, struct evidence *ev)
{
	struct verified v;
	struct boot_info b;
	struct diag d = {0};
	if (evidence_preview(ctx, a, ev, &v, &d))
		return;
	for (int boottime = 0; boottime < 2; boottime++)
		if (boot_info_derive(a, &v, SPAN(NULL, 0), boottime, &b, &d) == 0)
			boot_info_json(a, &b);
	image_check_as(ctx, IMAGE_JANUARY, a, &v, SPAN(NULL, 0), &d);
	image_check_as(ctx, IMAGE_AUGUST, a, &v, SPAN(NULL, 0), &d);
}

static struct span encode(struct arena *a, const struct evidence *ev, unsigned version)
{
	struct diag d = {0};
	struct span out = evidence_encode(a, ev, version, &d);
	if (!out.p && a->used + 65536 < a->cap)
		__builtin_trap();
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[16 << 20];
	static struct attest_ctx ctx;
	struct arena a = arena_over(block, sizeof block);
	struct span in = SPAN(data, size), again;
	struct evidence *ev, *second;
	struct diag d = {0};
	ctx.anchors = anchors_production;
	ctx.gcp = gcp_layout_production;
	if (evidence_decode(&a, in, &ctx.rules, &ev, &d)) {
		if (d.text[0] == 0)
			__builtin_trap();
		return 0;
	}
	again = encode(&a, ev, ev->container);
	if (ev->container == 0 && again.p && !span_eq(in, again))
		__builtin_trap();
	if (ev->container == 1 && again.p &&
	    (evidence_decode(&a, again, &ctx.rules, &second, &d) || !span_eq(encode(&a, second, 1), again)))
		__builtin_trap();
	if (again.p && container_strip(&a, again, &d).n > again.n)
		__builtin_trap();
	derive(&ctx, &a, ev);
	return 0;
}
