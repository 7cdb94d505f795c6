/* Names and places inside certificates: URIs of distribution points and issuers, common names. */
#include "crypto/der.h"
#include "crypto/x509_inner.h"

enum { GENERAL_NAME_URI = DER_CONTEXT(6) };

bool x509_next_uri(struct rd *names, struct span *uri)
{
	while (names->left) {
		unsigned tag;
		struct span body = der_any(names, &tag, NULL);
		if (tag == GENERAL_NAME_URI) {
			*uri = body;
			return true;
		}
	}
	return false;
}

bool x509_point_name(struct rd *r, struct crl_point *p)
{
	if (der_is(r, DER_CONTEXT_CONS(1))) {
		p->relative_name = true;
		(void)der_take(r, DER_CONTEXT_CONS(1));
	} else {
		p->full_name = der_take(r, DER_CONTEXT_CONS(0));
	}
	return rd_done(r);
}

struct crl_point x509_next_crl_point(struct rd *list)
{
	struct crl_point p = {0};
	struct rd r = der_open(list, DER_SEQUENCE);
	if (der_is(&r, DER_CONTEXT_CONS(0))) {
		struct rd name = der_open(&r, DER_CONTEXT_CONS(0));
		if (!x509_point_name(&name, &p))
			rd_fail(list);
	}
	if (der_is(&r, DER_CONTEXT(1))) {
		p.has_reasons = true;
		(void)der_take(&r, DER_CONTEXT(1));
	}
	if (der_is(&r, DER_CONTEXT_CONS(2))) {
		p.has_crl_issuer = true;
		(void)der_take(&r, DER_CONTEXT_CONS(2));
	}
	if (!rd_done(&r))
		rd_fail(list);
	return p;
}

bool x509_crl_uri(const struct x509 *c, size_t n, struct span *uri)
{
	struct rd list = rd_from(c->crl_points);
	while (list.left) {
		struct crl_point p = x509_next_crl_point(&list);
		struct rd names = rd_from(p.full_name);
		while (rd_ok(&list) && x509_next_uri(&names, uri))
			if (n-- == 0)
				return true;
	}
	return false;
}

bool x509_ca_issuers_uri(const struct x509 *c, struct span *uri)
{
	static const struct span aia = SPAN_LIT("\x2b\x06\x01\x05\x05\x07\x01\x01"),
				 ca_issuers = SPAN_LIT("\x2b\x06\x01\x05\x05\x07\x30\x02");
	struct span value;
	if (x509_extension(c, aia, &value) == 0)
		return false;
	struct rd outer = rd_from(value);
	struct rd list = der_open(&outer, DER_SEQUENCE);
	while (list.left) {
		struct rd access = der_open(&list, DER_SEQUENCE);
		struct span method = der_take(&access, DER_OID);
		unsigned tag;
		struct span location = der_any(&access, &tag, NULL);
		if (!rd_done(&access))
			return false;
		if (span_eq(method, ca_issuers) && tag == GENERAL_NAME_URI) {
			*uri = location;
			return true;
		}
	}
	return false;
}

bool x509_self_issued(struct span der)
{
	struct x509_signed sig;
	struct span alg;
	struct rd r;
	if (x509_signed_parse(der, &r, &sig, &alg, NULL))
		return false;
	if (der_is(&r, DER_CONTEXT_CONS(0)))
		(void)der_take(&r, DER_CONTEXT_CONS(0));
	(void)der_take(&r, DER_INTEGER);
	(void)der_take(&r, DER_SEQUENCE); /* algorithm */
	struct span issuer = der_whole(&r, DER_SEQUENCE);
	(void)der_take(&r, DER_SEQUENCE); /* validity */
	struct span subject = der_whole(&r, DER_SEQUENCE);
	(void)der_whole(&r, DER_SEQUENCE); /* key */
	return rd_ok(&r) && span_eq(issuer, subject);
}

bool x509_common_name(struct span name, struct span *out)
{
	static const struct span cn = SPAN_LIT("\x55\x04\x03");
	struct rd outer = rd_from(name);
	struct rd rdns = der_open(&outer, DER_SEQUENCE);
	while (rdns.left) {
		struct rd set = der_open(&rdns, DER_SET);
		while (set.left) {
			struct rd attribute = der_open(&set, DER_SEQUENCE);
			struct span type = der_take(&attribute, DER_OID);
			struct span value = der_any(&attribute, NULL, NULL);
			if (rd_done(&attribute) && span_eq(type, cn)) {
				*out = value;
				return true;
			}
		}
	}
	return false;
}
