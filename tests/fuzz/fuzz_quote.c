/* A quote as a caller sends it: taken apart, and verified against real collateral. */
#include <stdio.h>
#include <stdlib.h>

#include "kms/attest/dcap.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena kept, arena;
static const struct collateral *collateral;

static struct span file(const char *path)
{
	static uint8_t block[1 << 17];
	FILE *f = fopen(path, "rb");
	if (!f)
		abort();
	struct span s = SPAN(block, fread(block, 1, sizeof block, f));
	fclose(f);
	return arena_dup(&kept, s);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct diag d;
	(void)argc;
	(void)argv;
	if (arena_open(&kept, 4 << 20) || arena_open(&arena, 4 << 20))
		abort();
	struct span json = file("tests/vectors/attestation/dcap-real/tdx_v4_uptodate/collateral.json");
	struct span root = file("tests/vectors/attestation/roots/intel_sgx_root_ca.der");
	if (collateral_from_json(&kept, json, root, &collateral, &d))
		abort();
	return 0;
}

static void inside(struct span outer, struct span s)
{
	if (s.n && (s.p < outer.p || s.n > outer.n || (size_t)(s.p - outer.p) > outer.n - s.n))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span raw = SPAN(data, size);
	struct quote q;
	struct dcap_result r;
	struct diag d;
	if (quote_parse(raw, &q, &d) == 0) {
		inside(raw, q.signed_part);
		inside(raw, q.attestation_key);
		inside(raw, q.qe_auth_data);
		inside(raw, q.cert_data);
		inside(raw, q.td.report_data);
		inside(raw, q.sgx.report_data);
		if (q.used > size)
			__builtin_trap();
	}
	arena_reset(&arena);
	if (dcap_verify(&arena, raw, collateral, 1752919234, NULL, &r, &d) == 0)
		(void)dcap_check_dstack(&r.quote, &d);
	return 0;
}
