/* Signature verification on public data. Times may depend on the input. */
#ifndef UKMS_CRYPTO_SIG_H
#define UKMS_CRYPTO_SIG_H

#include "base/span.h"

enum sig_hash { SIG_SHA256, SIG_SHA384, SIG_SHA512 };
enum sig_curve { SIG_P256, SIG_P384 };

/* Length of H(...) in bytes: 32, 48, 64. */
size_t sig_hash_len(enum sig_hash h);
void sig_hash(enum sig_hash h, struct span in, uint8_t out[64]);

/* ECDSA (FIPS 186-5, 6.4.2). pub: the uncompressed point 04||x||y (65 or 97 bytes); digest: any hash, cut to the order's length;
 * r||s: two halves of 32 or 48 bytes, big endian. false for any malformed or wrong value: r or s zero or not below the order,
 * point not on the curve. */
bool ecdsa_verify_raw(enum sig_curve c, struct span pub, struct span digest, struct span rs);
/* The same for a DER ECDSA-Sig-Value (strict DER: minimal positive INTEGERs, nothing left over). */
bool ecdsa_verify_der(enum sig_curve c, struct span pub, struct span digest, struct span der);

/* RSA, modulus n of 2048 to 8192 bits and exponent e, both big endian (leading zeros allowed).
 * RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2) and RSASSA-PSS with MGF1 over the same hash and salt_len bytes of salt (8.1.2). */
bool rsa_verify_pkcs1(struct span n, struct span e, enum sig_hash h, struct span digest, struct span sig);
bool rsa_verify_pss(struct span n, struct span e, enum sig_hash h, size_t salt_len, struct span digest, struct span sig);

/* Ed25519 (RFC 8032, 5.1.7): pub 32 bytes, sig 64. The equation is checked without the cofactor and by comparing encodings; false for a
 * second half that is not below the order, for a key that is no point, and for any other length. */
bool ed25519_verify(struct span pub, struct span message, struct span sig);

#endif
