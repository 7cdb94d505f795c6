#include "kms/server/client_cert.h"

int client_cert_check(const struct x509 *ca, struct span der, int64_t now, struct x509 *leaf, struct diag *d)
{
	int e = x509_parse(der, leaf, d);
	if (e)
		return e;
	if (leaf->key.type != X509_KEY_P256 && leaf->key.type != X509_KEY_P384)
		return diag_fail(d, ERR_UNSUPPORTED, "client key is neither P-256 nor P-384");
	const struct x509_policy policy = {
		.anchor = ca,
		.now = now,
		.purpose = x509_client_auth,
		.revocation = X509_REVOCATION_OFF,
		.max_intermediates = X509_NO_INTERMEDIATES,
	};
	return x509_path_verify(leaf, NULL, 0, &policy, NULL, d);
}
