/* The elliptic-curve implementation that TLS, certificates and key derivation use: secret-independent time for every scalar. */
#ifndef UKMS_CRYPTO_EC_H
#define UKMS_CRYPTO_EC_H

#include <bearssl.h>

/* Curves: P-256, P-384, X25519. */
const br_ec_impl *ec_impl(void);

#endif
