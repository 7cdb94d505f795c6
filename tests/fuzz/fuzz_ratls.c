/* Client certificates: extraction of the attestation, and decoding of what was extracted. */
#include "kms/attest/evidence.h"
#include "kms/attest/ratls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[16 << 20];
	static struct attest_ctx ctx;
	struct arena a = arena_over(block, sizeof block);
	struct ratls_evidence e;
	struct verified v;
	struct diag d = {0};
	ctx.gcp = gcp_layout_production;
	if (ratls_extract(SPAN(data, size), &e, &d) || e.form == RATLS_NONE)
		return 0;
	if (ratls_verify(&ctx, &a, &e, 0, &v, &d) == 0) /* there is no anchor at all */
		__builtin_trap();
	return 0;
}
