/* Whether a TLS client certificate may be used at all (protocol 6.11, attestation 2.5). Passing proves nothing about the client: the temp
 * CA's private key is public. What counts is the attestation inside the certificate. */
#ifndef UKMS_KMS_SERVER_CLIENT_CERT_H
#define UKMS_KMS_SERVER_CLIENT_CERT_H

#include "crypto/x509.h"

/* Parses der into leaf; 0 if it is issued by ca itself (name and key) and valid at now: dates, no cA, clientAuth if it has extKeyUsage, no
 * unknown critical extension, an EC key. ERR_INPUT, ERR_REFUSED, ERR_UNSUPPORTED. */
int client_cert_check(const struct x509 *ca, struct span der, int64_t now, struct x509 *leaf, struct diag *d);

#endif
