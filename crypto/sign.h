/* ECDSA signing in constant time (FIPS 186-5, 6.4.1, with the deterministic numbers of RFC 6979). Both have the type br_ecdsa_sign, so
 * that TLS and certificates use them together with ec_impl(). */
#ifndef UKMS_CRYPTO_SIGN_H
#define UKMS_CRYPTO_SIGN_H

#include <bearssl.h>

enum { ECDSA_DER_MAX = 104 };

/* impl: ec_impl() or any other. hash: the digest, as long as hf says. sk: P-256 or P-384. sig: 64 or 96 bytes r||s, or a DER
 * ECDSA-Sig-Value of at most ECDSA_DER_MAX. Returns the length; 0 if the curve is another or the key is not in 1..n-1. */
size_t ecdsa_sign_raw(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk, void *sig);
size_t ecdsa_sign_der(const br_ec_impl *impl, const br_hash_class *hf, const void *hash, const br_ec_private_key *sk, void *sig);

#endif
