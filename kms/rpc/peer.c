#include "kms/rpc/peer.h"

#include "crypto/der.h"
#include "crypto/x509.h"
#include "kms/attest/ratls.h"
#include "kms/rpc/series.h"
#include "kms/wire/app_info.h"

/* 1.3.6.1.4.1.62397.1.3 and .9 */
static const uint8_t oid_app_id[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xe7, 0x3d, 0x01, 0x03};
static const uint8_t oid_app_info[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xe7, 0x3d, 0x01, 0x09};

/* The content of the OCTET STRING inside the extension's value. */
static int inner(struct span value, struct span *out, struct diag *d)
{
	struct rd r = rd_from(value);
	*out = der_take(&r, DER_OCTET_STRING);
	return rd_done(&r) ? 0 : diag_fail(d, ERR_INPUT, "extension value is not an OCTET STRING");
}

static int check_extensions(struct span cert, struct diag *d)
{
	struct x509 c;
	struct span value, content;
	struct app_info info;
	int e = x509_parse(cert, &c, d);
	if (e)
		return diag_wrap(d, e, "Failed to parse client certificate");
	if (x509_extension(&c, SPAN_ARR(oid_app_id), &value) && (e = inner(value, &content, d)))
		return diag_wrap(d, e, "Failed to read app id from cert extension");
	if (!x509_extension(&c, SPAN_ARR(oid_app_info), &value))
		return 0;
	if ((e = inner(value, &content, d)) || (e = app_info_decode(content, &info, d)))
		return diag_wrap(d, e, "Failed to read app info from cert extension");
	return 0;
}

int peer_check(struct rpc_call *c, struct diag *d)
{
	static const char undecoded[] = "Failed to decode attestation from cert extension",
			  legacy[] = "Failed to create attestation from TDX quote";
	struct ratls_evidence evidence;
	if (!c->http->client_cert.n)
		return 0;
	int e = check_extensions(c->http->client_cert, d);
	if (e || (e = ratls_extract(c->http->client_cert, &evidence, d)))
		return e;
	if (evidence.form == RATLS_NONE)
		return 0;
	uint64_t since = metric_now_us();
	e = ratls_verify(c->kms->attest, c->a, &evidence, c->now, &c->caller, d);
	metric_observe(&series_evidence_seconds, metric_now_us() - since);
	metric_add(&series_evidence_checked, 1);
	if (e) {
		metric_add(&series_evidence_refused, 1);
		metric_add(&series_denials[DENIAL_EVIDENCE], 1);
		/* What does not decode is not called a quote. */
		bool decoded = !strstr(d->text, undecoded) && !strstr(d->text, legacy);
		return decoded ? diag_wrap(d, e, "invalid quote") : e;
	}
	c->attested = true;
	return 0;
}
