#include "crypto/p256.h"

#include <bearssl.h>

#include "base/rd.h"
#include "base/wipe.h"
#include "base/wr.h"
#include "crypto/der.h"
#include "crypto/ec.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/sign.h"

static const uint8_t spki_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
				    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const uint8_t pkcs8_head[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
				     0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
				     0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t pkcs8_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};
_Static_assert(sizeof spki_head + P256_POINT_LEN == P256_SPKI_LEN, "SPKI");
_Static_assert(sizeof pkcs8_head + P256_SCALAR_LEN + sizeof pkcs8_middle + P256_POINT_LEN == P256_PKCS8_LEN, "PKCS#8");

static const uint8_t order[P256_SCALAR_LEN] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
					       0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
					       0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

/* 1 <= scalar < order, without branching on its bits */
static bool in_range(const uint8_t scalar[P256_SCALAR_LEN])
{
	unsigned borrow = 0, any = 0;
	for (int i = P256_SCALAR_LEN - 1; i >= 0; i--) {
		borrow = (((unsigned)scalar[i] - order[i] - borrow) >> 8) & 1;
		any |= scalar[i];
	}
	return borrow == 1 && any != 0;
}

int p256_from_scalar(struct p256_key *k, const uint8_t scalar[P256_SCALAR_LEN])
{
	if (!in_range(scalar))
		return ERR_CRYPTO;
	memcpy(k->scalar, scalar, P256_SCALAR_LEN);
	if (ec_impl()->mulgen(k->point, k->scalar, P256_SCALAR_LEN, BR_EC_secp256r1) != P256_POINT_LEN)
		return ERR_CRYPTO;
	return 0;
}

void p256_generate(struct p256_key *k)
{
	uint8_t scalar[P256_SCALAR_LEN];
	do
		random_bytes(scalar, sizeof scalar);
	while (p256_from_scalar(k, scalar));
	wipe(scalar, sizeof scalar);
}

void p256_wipe(struct p256_key *k)
{
	wipe(k, sizeof *k);
}

void p256_spki(const uint8_t point[P256_POINT_LEN], uint8_t out[P256_SPKI_LEN])
{
	memcpy(out, spki_head, sizeof spki_head);
	memcpy(out + sizeof spki_head, point, P256_POINT_LEN);
}

void p256_pkcs8(const struct p256_key *k, uint8_t out[P256_PKCS8_LEN])
{
	struct wr w = wr_to(out, P256_PKCS8_LEN);
	wr_bytes(&w, pkcs8_head, sizeof pkcs8_head);
	wr_bytes(&w, k->scalar, P256_SCALAR_LEN);
	wr_bytes(&w, pkcs8_middle, sizeof pkcs8_middle);
	wr_bytes(&w, k->point, P256_POINT_LEN);
}

size_t p256_sign(const struct p256_key *k, struct span msg, uint8_t sig[P256_SIG_MAX])
{
	uint8_t digest[SHA256_LEN];
	uint8_t scalar[P256_SCALAR_LEN];
	memcpy(scalar, k->scalar, sizeof scalar);
	br_ec_private_key sk = {BR_EC_secp256r1, scalar, sizeof scalar};
	sha256(msg, digest);
	size_t n = ecdsa_sign_der(ec_impl(), &br_sha256_vtable, digest, &sk, sig);
	wipe(scalar, sizeof scalar);
	if (n == 0 || n > P256_SIG_MAX)
		__builtin_trap();
	return n;
}

/* --- reading private keys --------------------------------------------------------------------------------------------------------- */

static const uint8_t oid_ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const uint8_t oid_prime256v1[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static bool is_oid(struct rd *from, struct span oid)
{
	return span_eq(der_take(from, DER_OID), oid) && rd_ok(from);
}

/* ECPrivateKey (RFC 5915). */
static int read_sec1(struct p256_key *k, struct rd r, bool need_curve, struct diag *d)
{
	if (der_u64(&r) != 1)
		return diag_fail(d, ERR_INPUT, "EC private key: version is not 1");
	struct span bytes = der_take(&r, DER_OCTET_STRING);
	if (!rd_ok(&r) || bytes.n != P256_SCALAR_LEN)
		return diag_fail(d, ERR_INPUT, "EC private key: expected 32 bytes, found %zu", bytes.n);
	if (der_is(&r, DER_CONTEXT_CONS(0))) {
		struct rd curve = der_open(&r, DER_CONTEXT_CONS(0));
		if (!is_oid(&curve, SPAN_ARR(oid_prime256v1)) || !rd_done(&curve))
			return diag_fail(d, ERR_UNSUPPORTED, "EC private key: the curve is not P-256");
	} else if (need_curve) {
		return diag_fail(d, ERR_UNSUPPORTED, "EC private key: the curve is not named");
	}
	struct span point = {NULL, 0};
	if (r.left) {
		struct rd tagged = der_open(&r, DER_CONTEXT_CONS(1));
		point = der_bits(&tagged);
		if (!rd_done(&tagged) || point.n == 0)
			return diag_fail(d, ERR_INPUT, "EC private key: malformed public key");
	}
	if (!rd_done(&r))
		return diag_fail(d, ERR_INPUT, "EC private key: malformed DER");
	if (p256_from_scalar(k, bytes.p))
		return diag_fail(d, ERR_CRYPTO, "EC private key: the scalar is out of range");
	if (point.n && !span_eq(point, SPAN_ARR(k->point)))
		return diag_fail(d, ERR_CRYPTO, "EC private key: the public key in the file belongs to another private key");
	return 0;
}

int p256_read_private(struct p256_key *k, struct span der, struct diag *d)
{
	struct rd all = rd_from(der);
	struct rd r = der_open(&all, DER_SEQUENCE), sec1 = r;
	if (der_u64(&r) > 1 || !rd_ok(&r) || !rd_done(&all))
		return diag_fail(d, ERR_INPUT, "private key: malformed DER or unknown version");
	if (der_is(&r, DER_OCTET_STRING))
		return read_sec1(k, sec1, true, d);
	struct rd algorithm = der_open(&r, DER_SEQUENCE);
	if (!is_oid(&algorithm, SPAN_ARR(oid_ec_public_key)) || !is_oid(&algorithm, SPAN_ARR(oid_prime256v1)) || !rd_done(&algorithm))
		return diag_fail(d, ERR_UNSUPPORTED, "private key: not an EC key on P-256");
	struct rd octets = der_open(&r, DER_OCTET_STRING);
	struct rd inner = der_open(&octets, DER_SEQUENCE);
	/* Attributes [0] and the public key [1] of RFC 5958 may follow; the inner structure decides. */
	if (der_is(&r, DER_CONTEXT_CONS(0)))
		der_any(&r, NULL, NULL);
	if (der_is(&r, DER_CONTEXT(1)))
		der_any(&r, NULL, NULL);
	if (!rd_done(&octets) || !rd_done(&r))
		return diag_fail(d, ERR_INPUT, "private key: malformed PKCS#8");
	return read_sec1(k, inner, false, d);
}
