/* Shared by the files of the X.509 module only. */
#ifndef UKMS_CRYPTO_X509_INNER_H
#define UKMS_CRYPTO_X509_INNER_H

#include "crypto/x509.h"

/* SIGNED{...}: nothing left over. *tbs reads the contents of the signed element, *alg is the outer algorithm's contents. */
int x509_signed_parse(struct span der, struct rd *tbs, struct x509_signed *out, struct span *alg, struct diag *d);

struct x509_ext {
	struct span oid;
	bool critical;
	struct span value;
	unsigned ce; /* n of 2.5.29.n, or 0 */
};
/* Takes one Extension; list turns bad when it is malformed. */
struct x509_ext x509_next_extension(struct rd *list);

/* DistributionPoint: the contents of fullName; empty when it has none. */
struct crl_point {
	struct span full_name;
	bool has_reasons, has_crl_issuer, relative_name;
};
/* Takes one DistributionPoint; list turns bad when it is malformed. */
struct crl_point x509_next_crl_point(struct rd *list);
/* DistributionPointName (its contents, after [0]): fullName into p. false if malformed. */
bool x509_point_name(struct rd *r, struct crl_point *p);
/* Takes GeneralNames up to the next URI; false at the end or when malformed (the reader is then bad). */
bool x509_next_uri(struct rd *names, struct span *uri);

#endif
