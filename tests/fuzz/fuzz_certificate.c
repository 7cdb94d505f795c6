/* A certificate: fields, names, extensions, and a path to itself and to a root. */
#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509 c;
	struct diag d;
	struct span s;
	struct x509_path path;
	bool self_issued = x509_self_issued(SPAN(data, size));
	if (x509_parse(SPAN(data, size), &c, &d))
		return 0;
	if (self_issued != span_eq(c.subject, c.issuer))
		__builtin_trap(); /* the two readers disagree */
	for (size_t i = 0; x509_crl_uri(&c, i, &s); i++)
		if (s.p < data || s.p + s.n > data + size)
			__builtin_trap();
	(void)x509_ca_issuers_uri(&c, &s);
	(void)x509_common_name(c.subject, &s);
	(void)x509_extension(&c, SPAN_LIT("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"), &s);
	struct x509 pool[3] = {c, c, c};
	struct x509_policy p = {.anchor = &c, .now = c.not_before, .purpose = x509_client_auth, .revocation = X509_REVOCATION_REQUIRED};
	if (x509_path_verify(&c, pool, 3, &p, &path, &d) == 0)
		__builtin_trap(); /* no CRL was given */
	p.revocation = X509_REVOCATION_OFF;
	(void)x509_path_verify(&c, pool, 3, &p, &path, &d);
	return 0;
}
