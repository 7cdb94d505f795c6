#include "crypto/der.h"
#include "crypto/x509_inner.h"

enum { CRL_VERSION_2 = 1, CRL_NUMBER_MAX = 20 };

/* Last arc of 2.5.29.n */
enum {
	CRL_NUMBER = 20,
	REASON_CODE = 21,
	INVALIDITY_DATE = 24,
	DELTA_CRL = 27,
	ISSUING_POINT = 28,
	CERTIFICATE_ISSUER = 29,
	AUTHORITY_KEY = 35
};

static bool reason_ok(struct span value)
{
	struct rd r = rd_from(value);
	struct span v = der_take(&r, DER_ENUMERATED);
	return rd_done(&r) && v.n == 1 && v.p[0] <= 10 && v.p[0] != 7;
}

static int entry_extensions(struct rd *r, struct diag *d)
{
	struct rd list = der_open(r, DER_SEQUENCE); /* some CAs write an empty one */
	uint64_t seen = 0;
	while (list.left) {
		struct x509_ext x = x509_next_extension(&list);
		if (!rd_ok(&list))
			break;
		if (x.ce == CERTIFICATE_ISSUER)
			return diag_fail(d, ERR_REFUSED, "UnsupportedIndirectCrl");
		if (x.ce != REASON_CODE && x.ce != INVALIDITY_DATE) {
			if (x.critical)
				return diag_fail(d, ERR_REFUSED, "UnsupportedCriticalExtension");
			continue;
		}
		if (seen & 1ull << x.ce)
			return diag_fail(d, ERR_REFUSED, "ExtensionValueInvalid");
		seen |= 1ull << x.ce;
		if (x.ce == REASON_CODE && !reason_ok(x.value))
			return diag_fail(d, ERR_REFUSED, "UnsupportedRevocationReason");
	}
	return rd_ok(&list) ? 0 : diag_fail(d, ERR_INPUT, "BadDer: CRL entry");
}

static struct span next_entry(struct rd *list, struct rd *more)
{
	struct rd r = der_open(list, DER_SEQUENCE);
	struct span serial = der_take(&r, DER_INTEGER);
	(void)der_time(&r);
	if (!rd_ok(&r) || serial.n == 0)
		rd_fail(list);
	*more = r;
	return serial;
}

static int check_entries(const struct x509_crl *crl, struct diag *d)
{
	struct rd list = rd_from(crl->revoked), more;
	while (list.left) {
		(void)next_entry(&list, &more);
		int e = rd_ok(&list) && more.left ? entry_extensions(&more, d) : 0;
		if (e)
			return e;
		if (!rd_ok(&list) || !rd_done(&more))
			return diag_fail(d, ERR_INPUT, "BadDer: CRL entry");
	}
	return 0;
}

static int issuing_point(struct x509_crl *crl, struct span value, struct diag *d)
{
	struct rd outer = rd_from(value);
	struct rd r = der_open(&outer, DER_SEQUENCE);
	struct crl_point p = {0};
	bool flag[6] = {false}; /* by context tag: 1 only user, 2 only CA, 4 indirect, 5 only attribute certificates */

	if (der_is(&r, DER_CONTEXT_CONS(0))) {
		struct rd name = der_open(&r, DER_CONTEXT_CONS(0));
		if (!x509_point_name(&name, &p))
			rd_fail(&r);
	}
	for (unsigned tag = 1; tag <= 5; tag++) {
		if (!der_is(&r, DER_CONTEXT(tag)))
			continue;
		struct span v = der_take(&r, DER_CONTEXT(tag));
		if (tag == 3)
			return diag_fail(d, ERR_REFUSED, "UnsupportedRevocationReasonsPartitioning");
		if (v.n != 1 || (v.p[0] != 0x00 && v.p[0] != 0xff))
			rd_fail(&r);
		else
			flag[tag] = v.p[0] == 0xff;
	}
	if (!rd_done(&r) || !rd_done(&outer))
		return diag_fail(d, ERR_INPUT, "BadDer: issuingDistributionPoint");
	if (flag[4])
		return diag_fail(d, ERR_REFUSED, "UnsupportedIndirectCrl");
	struct rd names = rd_from(p.full_name);
	struct span uri;
	if (flag[5] || !x509_next_uri(&names, &uri))
		return diag_fail(d, ERR_REFUSED, "UnsupportedCrlIssuingDistributionPoint");
	crl->has_idp = true;
	crl->only_user = flag[1];
	crl->only_ca = flag[2];
	crl->idp_names = p.full_name;
	return 0;
}

static int crl_extension(struct x509_crl *crl, const struct x509_ext *x, struct diag *d)
{
	struct rd r = rd_from(x->value);
	switch (x->ce) {
	case CRL_NUMBER: {
		struct span number = der_unsigned(&r);
		if (!rd_done(&r) || number.n > CRL_NUMBER_MAX)
			return diag_fail(d, ERR_INPUT, "InvalidCrlNumber");
		return 0;
	}
	case DELTA_CRL:
		return diag_fail(d, ERR_REFUSED, "UnsupportedDeltaCrl");
	case ISSUING_POINT:
		return issuing_point(crl, x->value, d);
	default:
		return 0;
	}
}

static int crl_extensions(struct x509_crl *crl, struct rd *r, struct diag *d)
{
	struct rd tagged = der_open(r, DER_CONTEXT_CONS(0));
	struct rd list = der_open(&tagged, DER_SEQUENCE);
	uint64_t seen = 0;
	if (!rd_done(&tagged) || !list.left)
		return diag_fail(d, ERR_INPUT, "MalformedExtensions");
	while (list.left) {
		struct x509_ext x = x509_next_extension(&list);
		if (!rd_ok(&list))
			break;
		if (x.ce != CRL_NUMBER && x.ce != DELTA_CRL && x.ce != ISSUING_POINT && x.ce != AUTHORITY_KEY) {
			if (x.critical)
				return diag_fail(d, ERR_REFUSED, "UnsupportedCriticalExtension");
			continue;
		}
		if (seen & 1ull << x.ce)
			return diag_fail(d, ERR_REFUSED, "ExtensionValueInvalid");
		seen |= 1ull << x.ce;
		int e = crl_extension(crl, &x, d);
		if (e)
			return e;
	}
	return rd_ok(&list) ? 0 : diag_fail(d, ERR_INPUT, "MalformedExtensions");
}

int x509_crl_parse(struct span der, struct x509_crl *out, struct diag *d)
{
	struct rd r;
	struct span alg;
	*out = (struct x509_crl){.der = der};
	int e = x509_signed_parse(der, &r, &out->sig, &alg, d);
	if (e)
		return e;
	if (!der_is(&r, DER_INTEGER) || der_u64(&r) != CRL_VERSION_2)
		return diag_fail(d, ERR_REFUSED, "UnsupportedCrlVersion");
	struct span inner_alg = der_take(&r, DER_SEQUENCE);
	out->issuer = der_whole(&r, DER_SEQUENCE);
	out->this_update = der_time(&r);
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "BadDer");
	if (!span_eq(alg, inner_alg))
		return diag_fail(d, ERR_REFUSED, "SignatureAlgorithmMismatch");
	if (!der_is(&r, DER_UTC_TIME) && !der_is(&r, DER_GENERALIZED_TIME))
		return diag_fail(d, ERR_REFUSED, "CRL without nextUpdate");
	out->next_update = der_time(&r);
	if (der_is(&r, DER_SEQUENCE))
		out->revoked = der_take(&r, DER_SEQUENCE);
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "BadDer");
	if ((e = crl_extensions(out, &r, d)))
		return e;
	if (!rd_done(&r))
		return diag_fail(d, ERR_INPUT, "BadDer");
	return check_entries(out, d);
}

bool x509_crl_lists(const struct x509_crl *crl, struct span serial)
{
	struct rd list = rd_from(crl->revoked), more;
	while (list.left)
		if (span_eq(next_entry(&list, &more), serial))
			return true;
	return false;
}
