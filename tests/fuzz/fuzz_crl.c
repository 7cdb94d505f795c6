/* A certificate revocation list. */
#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct x509_crl crl;
	struct diag d;
	if (x509_crl_parse(SPAN(data, size), &crl, &d))
		return 0;
	(void)x509_crl_lists(&crl, SPAN_LIT("\x01"));
	struct x509 root = {.issuer = crl.issuer, .subject = crl.issuer, .serial = SPAN_LIT("\x01")};
	const struct x509_crl *list[] = {&crl};
	struct x509_policy p = {.anchor = &root, .now = crl.this_update, .crls = list, .crl_count = 1};
	int64_t expires;
	if (x509_anchor_not_revoked(&p, &expires, &d) == 0)
		__builtin_trap(); /* the root has no key */
	return 0;
}
