/* Evidence and certificates for the tests of SEV-SNP. */
#ifndef UKMS_TESTS_UNIT_SNP_H
#define UKMS_TESTS_UNIT_SNP_H

#include "tests/unit/attest.h"

#include "kms/attest/snp_inner.h"

static inline struct span pem_file(const char *path)
{
	struct span der;
	struct diag d;
	assert_int_equal(snp_cert_der(&arena, file(path), &der, &d), 0);
	return der;
}

static inline struct evidence *snp_decode(const char *path)
{
	struct evidence *ev = decode(file(path));
	assert_int_equal(ev->variant, VARIANT_SEV_SNP);
	return ev;
}

static inline int run_verify(const struct attest_ctx *ctx, const struct evidence *ev, struct snp_result *out, struct diag *d)
{
	int e = snp_verify(ctx, &arena, ev->quote, ev->certs, ev->cert_count, ev->mr_config, VECTOR_NOW, out, d);
	if (!e && memcmp(out->report.report_data, ev->report_data, 64) != 0)
		e = diag_fail(d, ERR_REFUSED, "report data mismatch");
	return e;
}

static inline struct attest_ctx production(void)
{
	return (struct attest_ctx){.anchors = anchors_production};
}

#endif
