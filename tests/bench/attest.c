/* Microseconds of processor time to judge one piece of evidence, by what is remembered; beside them OpenSSL's bare signature checks of the
 * same run. JSON on stdout. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "kms/attest/attest.h"
#include "kms/attest/cache.h"
#include "kms/attest/collateral.h"
#include "kms/attest/dcap.h"
#include "kms/attest/doc_cache.h"

#define SHARED "tests/vectors/attestation/"

enum { ROUNDS = 5 };
static const double slice = 0.1;
static struct arena files, work;

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(int ok, const char *what, const struct diag *d)
{
	if (ok)
		return;
	fprintf(stderr, "bench attest: %s failed: %s\n", what, d ? d->text : "");
	exit(1);
}

static struct span file(const char *path)
{
	FILE *f = fopen(path, "rb");
	must(f != NULL, path, NULL);
	fseek(f, 0, SEEK_END);
	size_t n = (size_t)ftell(f);
	rewind(f);
	uint8_t *p = arena_alloc(&files, n);
	must(p && fread(p, 1, n, f) == n, path, NULL);
	fclose(f);
	return SPAN(p, n);
}

static int get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	static const char *const names[] = {"inter.crt", "root.crt", "inter.crl", "root.crl"};
	static struct span kept[4];
	(void)self;
	(void)a;
	(void)timeout_ms;
	(void)d;
	out->status = 404;
	for (size_t i = 0; i < 4; i++) {
		if (!strstr(url, names[i]))
			continue;
		char path[128];
		snprintf(path, sizeof path, SHARED "gcp-tpm-synthetic/%s", names[i]);
		if (!kept[i].p)
			kept[i] = file(path);
		out->status = 200;
		out->body = kept[i];
	}
	return 0;
}

struct bench {
	struct attest_ctx ctx;
	struct span container, quote, collateral_json, root;
	int64_t now;
	const struct collateral *collateral;
	EVP_PKEY_CTX *verify;
	uint8_t digest[48], sig[160];
	size_t digest_len, sig_len;
};

typedef void op(struct bench *b);

static void judge(struct bench *b)
{
	struct verified v;
	struct diag d = {0};
	must(attest_verify(&b->ctx, &work, b->container, b->now, &v, &d) == 0, "verification", &d);
}

static void dcap_full(struct bench *b)
{
	const struct collateral *c;
	struct dcap_result r;
	struct diag d = {0};
	must(collateral_from_json(&work, b->collateral_json, b->root, &c, &d) == 0, "collateral", &d);
	must(dcap_verify(&work, b->quote, c, b->now, NULL, &r, &d) == 0, "DCAP", &d);
}

static void dcap_cached(struct bench *b)
{
	struct dcap_result r;
	struct diag d = {0};
	must(dcap_verify(&work, b->quote, b->collateral, b->now, NULL, &r, &d) == 0, "DCAP", &d);
}

static void openssl_verify(struct bench *b)
{
	must(EVP_PKEY_verify(b->verify, b->sig, b->sig_len, b->digest, b->digest_len) == 1, "OpenSSL", NULL);
}

static double best(op *f, struct bench *b)
{
	double us = 1e12;
	for (int round = 0; round < ROUNDS; round++) {
		double start = cpu(), end;
		size_t n = 0;
		do {
			f(b);
			arena_reset(&work);
			n++;
			end = cpu();
		} while (end - start < slice);
		double each = (end - start) / (double)n * 1e6;
		us = each < us ? each : us;
	}
	return us;
}

static double bare(const char *curve, size_t digest_len)
{
	struct bench b = {.digest_len = digest_len, .sig_len = sizeof b.sig};
	EVP_PKEY *key = EVP_EC_gen(curve);
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(key, NULL);
	must(EVP_PKEY_sign_init(sign) == 1 && EVP_PKEY_sign(sign, b.sig, &b.sig_len, b.digest, digest_len) == 1, "OpenSSL sign", NULL);
	b.verify = EVP_PKEY_CTX_new(key, NULL);
	must(EVP_PKEY_verify_init(b.verify) == 1, "OpenSSL", NULL);
	double us = best(openssl_verify, &b);
	EVP_PKEY_CTX_free(b.verify);
	EVP_PKEY_CTX_free(sign);
	EVP_PKEY_free(key);
	return us;
}

static void print(const char *name, double us, const char *against, double bare_us)
{
	printf("  \"%s\": {\"us\": %.0f, \"%s\": %.1f},\n", name, us, against, us / bare_us);
}

int main(void)
{
	struct diag d = {0};
	must(arena_open(&files, 64 << 20) == 0 && arena_open(&work, 64 << 20) == 0, "memory", NULL);
	double p256 = bare("P-256", 32), p384 = bare("P-384", 48);
	printf("{\n");

	struct bench dcap = {.quote = file(SHARED "dcap-real/tdx_v4_uptodate/quote.bin"),
			     .collateral_json = file(SHARED "dcap-real/tdx_v4_uptodate/collateral.json"),
			     .root = anchors_production.intel_sgx_root,
			     .now = 1752919234};
	print("dcap_full", best(dcap_full, &dcap), "openssl_p256_verifications", p256);
	must(collateral_from_json(&files, dcap.collateral_json, dcap.root, &dcap.collateral, &d) == 0, "collateral", &d);
	print("dcap_with_collateral", best(dcap_cached, &dcap), "openssl_p256_verifications", p256);

	struct bench nitro = {.container = file(SHARED "containers/nitro_prod.v0.bin"), .now = 1766678659};
	nitro.ctx.anchors = anchors_production;
	print("nitro_full", best(judge, &nitro), "openssl_p384_verifications", p384);
	must(evidence_cache_open(16, &nitro.ctx.cache) == 0, "cache", NULL);
	print("nitro_remembered", best(judge, &nitro), "openssl_p384_verifications", p384);

	struct bench gcp = {.container = file(SHARED "gcp-container-synthetic/valid.v0.bin"), .now = 1772323200};
	const struct collateral_config cc = {.bundle = file(SHARED "gcp-container-synthetic/collateral.json"),
					     .bundle_for_all = true,
					     .offline = true,
					     .root_der = file(SHARED "gcp-container-synthetic/sgx_root_ca.der")};
	gcp.ctx.gcp = gcp_layout_production;
	gcp.ctx.fetcher = (struct fetcher){get, NULL};
	struct rd pem = rd_from(file(SHARED "gcp-tpm-synthetic/root_ca.pem"));
	must(pem_next(&files, &pem, "CERTIFICATE", &gcp.ctx.anchors.google_ek_root, &d) == 1, "root", &d);
	must(collateral_cache_open(&cc, &gcp.ctx.collateral, &d) == 0, "collateral", &d);
	must(doc_cache_open(&gcp.ctx.docs) == 0, "cache", NULL);
	print("gcp_with_collateral", best(judge, &gcp), "openssl_p256_verifications", p256);
	must(evidence_cache_open(16, &gcp.ctx.cache) == 0, "cache", NULL);
	print("gcp_remembered", best(judge, &gcp), "openssl_p256_verifications", p256);

	printf("  \"openssl_p256_verify\": {\"us\": %.0f},\n  \"openssl_p384_verify\": {\"us\": %.0f}\n}\n", p256, p384);
	return 0;
}
