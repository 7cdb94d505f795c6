#include "kms/attest/snp.h"

#include <string.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/snp_inner.h"
#include "kms/attest/snp_kds.h"

/* {"name":...,"id":hex}, with the name that key provider events use */
static int derive_provider(struct arena *a, struct snp_result *out, struct diag *d)
{
	const char *name = strcmp(out->document.key_provider, "local") == 0 ? "local-sgx" : out->document.key_provider;
	const char *id = hex_encode_in(a, out->document.key_provider_id);
	const char *text = id ? arena_fmt(a, "{\"name\":\"%s\",\"id\":\"%s\"}", name, id) : NULL;
	if (!text)
		return diag_fail(d, ERR_LIMIT, "evidence needs more memory than this request may use");
	out->key_provider_info = SPAN_STR(text);
	return 0;
}

int snp_preview(struct arena *a, struct span report, struct span mr_config, struct snp_result *out, struct diag *d)
{
	memset(out, 0, sizeof *out);
	struct snp_report *r = &out->report;
	int e;
	if ((e = snp_report_parse(report, r, d)) || (e = mr_config_v3_parse(a, mr_config, &out->document, d)) ||
	    (e = derive_provider(a, out, d)))
		return e;
	bool current = r->current_tcb == r->committed_tcb && r->current_tcb == r->launch_tcb && r->current_tcb == r->reported_tcb;
	out->tcb_status = current ? "UpToDate" : "OutOfDate";
	sha256(SPAN_ARR(r->measurement), out->mr_system);
	sha256_2(SPAN_ARR(r->measurement), SPAN_ARR(r->host_data), out->mr_aggregated);
	return 0;
}

/* One product's certificates and chain. */
static int verify_as(const struct attest_ctx *ctx, struct arena *a, enum snp_product product, const struct snp_report *r,
		     const struct span *certs, size_t n, struct diag *d)
{
	struct span ask, vcek;
	int e = n ? snp_certs_unpack(a, certs, n, &ask, &vcek, d) : snp_kds_get(ctx->snp_kds, &ctx->fetcher, a, product, r, &ask, &vcek, d);
	if (e || (e = snp_chain_verify(ctx, product, ask, vcek, r, d)))
		return e;
	if (n == 0)
		snp_kds_keep(ctx->snp_kds, product, r, ask, vcek);
	return 0;
}

int snp_verify(const struct attest_ctx *ctx, struct arena *a, struct span report, const struct span *certs, size_t n, struct span mr_config,
	       int64_t now, struct snp_result *out, struct diag *d)
{
	(void)now;
	int e = snp_preview(a, report, mr_config, out, d);
	if (e || (e = snp_check_policy(&out->report, d)))
		return e;
	if (out->report.version >= 3) {
		if (!(e = snp_report_product(&out->report, &out->product, d)))
			e = verify_as(ctx, a, out->product, &out->report, certs, n, d);
	} else {
		/* No CPUID in the report: whose ARK leads to it, is it. */
		for (int p = 0; p < SNP_PRODUCTS; p++) {
			out->product = (enum snp_product)p;
			if ((e = verify_as(ctx, a, out->product, &out->report, certs, n, d)) == 0)
				break;
		}
	}
	if (e)
		return e;
	uint8_t bound[SHA256_LEN];
	mr_config_v3_hash(mr_config, bound);
	if (memcmp(bound, out->report.host_data, sizeof bound) != 0)
		return diag_fail(d, ERR_REFUSED, "SEV-SNP HOST_DATA mismatch: the report is for another mr_config");
	return 0;
}
