#include "kms/attest/ratls.h"

#include "crypto/der.h"
#include "crypto/x509.h"
#include "kms/attest/verify.h"

/* 1.3.6.1.4.1.62397.1.x */
#define OID(x)                                                                                                                             \
	{                                                                                                                                  \
		0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xe7, 0x3d, 0x01, x                                                                    \
	}
static const uint8_t oid_quote[] = OID(1), oid_event_log[] = OID(2), oid_container[] = OID(8);

/* The bytes of an extension: an OCTET STRING inside the extnValue. Absent: {NULL, 0}. */
static int extension(const struct x509 *c, struct span oid, const char *name, struct span *out, struct diag *d)
{
	struct span value;
	*out = SPAN(NULL, 0);
	size_t n = x509_extension(c, oid, &value);
	if (n > 1)
		return diag_fail(d, ERR_REFUSED, "certificate extension %s is there %zu times", name, n);
	if (n == 0)
		return 0;
	struct rd r = rd_from(value);
	*out = der_take(&r, DER_OCTET_STRING);
	if (!rd_done(&r))
		return diag_fail(d, ERR_INPUT, "certificate extension %s is not an OCTET STRING", name);
	if (!out->p) /* present and empty is not absent */
		*out = SPAN_LIT("");
	return 0;
}

int ratls_extract(struct span cert_der, struct ratls_evidence *out, struct diag *d)
{
	struct x509 c;
	*out = (struct ratls_evidence){.form = RATLS_NONE};
	int e = x509_parse(cert_der, &c, d);
	if (e)
		return e;
	out->spki = c.spki;
	e = extension(&c, SPAN_ARR(oid_container), "1.3.6.1.4.1.62397.1.8", &out->container, d);
	if (e)
		return diag_wrap(d, e, "Failed to decode attestation from cert extension");
	if (out->container.p) {
		out->form = RATLS_CONTAINER;
		return 0;
	}
	e = extension(&c, SPAN_ARR(oid_quote), "1.3.6.1.4.1.62397.1.1", &out->quote, d);
	if (e || !out->quote.p)
		return e;
	e = extension(&c, SPAN_ARR(oid_event_log), "1.3.6.1.4.1.62397.1.2", &out->event_log, d);
	if (e)
		return e;
	if (!out->event_log.p)
		return diag_fail(d, ERR_REFUSED, "TDX event log missing");
	out->form = RATLS_LEGACY;
	return 0;
}

int ratls_decode(const struct attest_rules *rules, struct arena *a, const struct ratls_evidence *r, struct evidence **out, struct diag *d)
{
	int e;
	if (r->form == RATLS_CONTAINER) {
		e = evidence_decode(a, r->container, rules, out, d);
		return e ? diag_wrap(d, e, "Failed to decode attestation from cert extension") : 0;
	}
	e = evidence_from_legacy(a, r->quote, r->event_log, out, d);
	return e ? diag_wrap(d, e, "Failed to create attestation from TDX quote") : 0;
}

int ratls_verify(const struct attest_ctx *ctx, struct arena *a, const struct ratls_evidence *r, int64_t now, struct verified *out,
		 struct diag *d)
{
	struct evidence *ev;
	struct verified claimed = {0};
	int e = ratls_decode(&ctx->rules, a, r, &ev, d);
	if (e)
		return e;
	/* the key first: it costs one hash, and is the first thing upstream looks at */
	memcpy(claimed.report_data, ev->report_data, sizeof claimed.report_data);
	e = attest_check_key(&claimed, r->spki, d);
	if (e)
		return e;
	if (r->form == RATLS_CONTAINER)
		return attest_verify(ctx, a, r->container, now, out, d);
	return attest_verify_legacy(ctx, a, r->quote, r->event_log, now, out, d);
}
