/* A collateral bundle, and a PEM chain, as an operator or PCCS supplies them; bundles then meet a real quote. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/x509.h"
#include "kms/attest/dcap.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena kept, arena;
static struct span quote, root;

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
	(void)argc;
	(void)argv;
	if (arena_open(&kept, 1 << 20) || arena_open(&arena, 32 << 20))
		abort();
	quote = file("tests/vectors/attestation/dcap-synthetic/valid_tdx_v4/quote.bin");
	root = file("tests/vectors/attestation/dcap-synthetic/root_ca.der");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct collateral *c;
	struct dcap_result r;
	struct span ders[X509_CHAIN_MAX];
	struct diag d;
	size_t n;
	arena_reset(&arena);
	(void)pem_chain(&arena, SPAN(data, size), ders, X509_CHAIN_MAX, &n, &d);
	if (collateral_from_json(&arena, SPAN(data, size), root, &c, &d) == 0)
		(void)dcap_verify(&arena, quote, c, 1772323200, NULL, &r, &d);
	return 0;
}
