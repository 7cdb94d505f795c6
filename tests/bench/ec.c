/* Microseconds of processor time per signature operation: ours, BearSSL's default, OpenSSL's, turn by turn in one run. JSON on stdout. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/ec.h"
#include "crypto/ec_curve.h"
#include "crypto/sig.h"
#include "crypto/sign.h"

enum { ROUNDS = 5, IMPLS = 3 };
static const double slice = 0.06;

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench ec: %s failed\n", what);
		exit(1);
	}
}

/* What the operations of one curve or key share. */
struct bench {
	const struct ec_curve *c;
	enum sig_curve sig_curve;
	const br_hash_class *hf;
	const char *group;
	uint8_t key[EC_BYTES_MAX], pub[EC_POINT_MAX], digest[64], rs[2 * EC_BYTES_MAX], der[ECDSA_DER_MAX];
	size_t pub_len, der_len;
	EVP_PKEY *own, *peer, *rsa;
	EVP_PKEY_CTX *verify, *sign, *derive; /* made once, as `openssl speed` does */
	uint8_t n[512], e[8], rsa_sig[512];
	size_t n_len, e_len;
};

typedef void op(struct bench *b);

static const br_ec_impl *impl_of(int which)
{
	return which == 0 ? &ec_impl_fast : br_ec_get_default();
}

#define OURS_AND_BEARSSL(name, ...)                                                                                                        \
	static void name##_0(struct bench *b)                                                                                              \
	{                                                                                                                                  \
		const br_ec_impl *impl = impl_of(0);                                                                                       \
		__VA_ARGS__                                                                                                                \
	}                                                                                                                                  \
	static void name##_1(struct bench *b)                                                                                              \
	{                                                                                                                                  \
		const br_ec_impl *impl = impl_of(1);                                                                                       \
		__VA_ARGS__                                                                                                                \
	}

OURS_AND_BEARSSL(sign, {
	br_ec_private_key sk = {b->c->id, b->key, b->c->bytes};
	uint8_t sig[2 * EC_BYTES_MAX];
	must(ecdsa_sign_raw(impl, b->hf, b->digest, &sk, sig) == 2 * b->c->bytes, "sign");
})

OURS_AND_BEARSSL(ecdh, {
	uint8_t p[EC_POINT_MAX];
	memcpy(p, b->pub, b->pub_len);
	must((int)impl->mul(p, b->pub_len, b->key, b->c->bytes, b->c->id), "ECDH");
})

OURS_AND_BEARSSL(keygen, {
	uint8_t p[EC_POINT_MAX];
	must(impl->mulgen(p, b->key, b->c->bytes, b->c->id) == b->pub_len, "key generation");
})

OURS_AND_BEARSSL(x_ecdh, {
	uint8_t u[32];
	memcpy(u, b->digest, 32);
	must((int)impl->mul(u, 32, b->key, 32, BR_EC_curve25519), "X25519");
})

OURS_AND_BEARSSL(x_keygen, {
	uint8_t u[32];
	must(impl->mulgen(u, b->key, 32, BR_EC_curve25519) == 32, "X25519 key generation");
})

static void verify_0(struct bench *b)
{
	must(ecdsa_verify_raw(b->sig_curve, SPAN(b->pub, b->pub_len), SPAN(b->digest, b->c->bytes), SPAN(b->rs, 2 * b->c->bytes)),
	     "verify");
}

static void verify_1(struct bench *b)
{
	br_ec_public_key pk = {b->c->id, b->pub, b->pub_len};
	must((int)br_ecdsa_i31_vrfy_raw(br_ec_get_default(), b->digest, b->c->bytes, &pk, b->rs, 2 * b->c->bytes), "BearSSL verify");
}

static void pss_0(struct bench *b)
{
	must(rsa_verify_pss(SPAN(b->n, b->n_len), SPAN(b->e, b->e_len), SIG_SHA384, 48, SPAN(b->digest, 48), SPAN(b->rsa_sig, 512)), "PSS");
}

static void verify_2(struct bench *b)
{
	must(EVP_PKEY_verify(b->verify, b->der, b->der_len, b->digest, b->c->bytes) == 1, "OpenSSL verify");
}

static void sign_2(struct bench *b)
{
	uint8_t sig[256];
	size_t n = sizeof sig;
	must(EVP_PKEY_sign(b->sign, sig, &n, b->digest, b->c->bytes) == 1, "OpenSSL sign");
}

static void ecdh_2(struct bench *b)
{
	uint8_t out[EC_BYTES_MAX];
	size_t n = sizeof out;
	must(EVP_PKEY_derive(b->derive, out, &n) == 1, "OpenSSL ECDH");
}

static void keygen_2(struct bench *b)
{
	EVP_PKEY *k = b->c ? EVP_EC_gen(b->group) : EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	must(k != NULL, "OpenSSL key generation");
	EVP_PKEY_free(k);
}

static void pss_2(struct bench *b)
{
	must(EVP_PKEY_verify(b->verify, b->rsa_sig, sizeof b->rsa_sig, b->digest, 48) == 1, "OpenSSL PSS");
}

/* Best of ROUNDS slices, the implementations taking turns. */
static void measure(const char *name, const char *what, struct bench *b, op *const ops[IMPLS])
{
	static bool first = true;
	double best[IMPLS] = {0};
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < IMPLS; i++) {
			if (!ops[i])
				continue;
			ops[i](b);
			size_t count = 0;
			double start = cpu(), took;
			do {
				ops[i](b);
				count++;
			} while ((took = cpu() - start) < slice);
			double us = 1e6 * took / (double)count;
			if (best[i] == 0 || us < best[i])
				best[i] = us;
		}
	}
	printf("%s{\"name\":\"%s %s\",\"us\":%.2f,\"ops_per_s\":%.0f", first ? "[" : ",\n ", name, what, best[0], 1e6 / best[0]);
	if (best[1] > 0)
		printf(",\"bearssl_us\":%.2f,\"bearssl_ratio\":%.3f", best[1], best[0] / best[1]);
	printf(",\"openssl_us\":%.2f,\"openssl_ratio\":%.3f}", best[2], best[0] / best[2]);
	first = false;
}

static void contexts(struct bench *b)
{
	b->verify = EVP_PKEY_CTX_new(b->own, NULL);
	b->sign = EVP_PKEY_CTX_new(b->own, NULL);
	b->derive = EVP_PKEY_CTX_new(b->own, NULL);
	must(EVP_PKEY_derive_init(b->derive) == 1 && EVP_PKEY_derive_set_peer(b->derive, b->peer) == 1, "OpenSSL ECDH");
}

static void release(struct bench *b)
{
	EVP_PKEY_CTX_free(b->verify);
	EVP_PKEY_CTX_free(b->sign);
	EVP_PKEY_CTX_free(b->derive);
	EVP_PKEY_free(b->own);
	EVP_PKEY_free(b->peer);
}

static void curve(const char *name, struct bench *b)
{
	size_t n = sizeof b->der;
	uint8_t raw[256];
	for (size_t i = 0; i < sizeof b->digest; i++)
		b->digest[i] = (uint8_t)(7 * i + 1);
	must((b->own = EVP_EC_gen(b->group)) != NULL && (b->peer = EVP_EC_gen(b->group)) != NULL, "OpenSSL key generation");
	contexts(b);
	must(EVP_PKEY_sign_init(b->sign) == 1 && EVP_PKEY_sign(b->sign, b->der, &n, b->digest, b->c->bytes) == 1, "OpenSSL sign");
	must(EVP_PKEY_verify_init(b->verify) == 1, "OpenSSL verify");
	b->der_len = n;
	memcpy(raw, b->der, n);
	must(br_ecdsa_asn1_to_raw(raw, n) <= 2 * b->c->bytes, "signature form");
	n = br_ecdsa_asn1_to_raw(memcpy(raw, b->der, n), n);
	memset(b->rs, 0, sizeof b->rs);
	for (size_t half = 0; half < 2; half++) /* BearSSL's raw halves may be shorter than the order */
		memcpy(b->rs + (half + 1) * b->c->bytes - n / 2, raw + half * n / 2, n / 2);
	must(EVP_PKEY_get_octet_string_param(b->own, "pub", b->pub, sizeof b->pub, &b->pub_len) == 1, "OpenSSL public key");
	memset(b->key, 0x5a, sizeof b->key);

	measure(name, "verify", b, (op *const[]){verify_0, verify_1, verify_2});
	measure(name, "sign", b, (op *const[]){sign_0, sign_1, sign_2});
	measure(name, "ECDH", b, (op *const[]){ecdh_0, ecdh_1, ecdh_2});
	measure(name, "key generation", b, (op *const[]){keygen_0, keygen_1, keygen_2});
	release(b);
}

static void rsa(struct bench *b)
{
	size_t n = sizeof b->rsa_sig;
	must((b->rsa = EVP_RSA_gen(4096)) != NULL, "OpenSSL RSA key generation");
	b->sign = EVP_PKEY_CTX_new(b->rsa, NULL);
	b->verify = EVP_PKEY_CTX_new(b->rsa, NULL);
	must(EVP_PKEY_sign_init(b->sign) == 1 && EVP_PKEY_verify_init(b->verify) == 1, "OpenSSL PSS");
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_CTX *x = i ? b->verify : b->sign;
		must(EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_signature_md(x, EVP_sha384()) == 1 &&
			     EVP_PKEY_CTX_set_rsa_pss_saltlen(x, 48) == 1,
		     "OpenSSL PSS");
	}
	must(EVP_PKEY_sign(b->sign, b->rsa_sig, &n, b->digest, 48) == 1, "OpenSSL PSS");
	BIGNUM *v = NULL;
	must(EVP_PKEY_get_bn_param(b->rsa, "n", &v) == 1, "modulus");
	b->n_len = (size_t)BN_bn2bin(v, b->n);
	must(EVP_PKEY_get_bn_param(b->rsa, "e", &v) == 1, "exponent");
	b->e_len = (size_t)BN_bn2bin(v, b->e);
	BN_free(v);
	measure("RSA-4096", "PSS verify", b, (op *const[]){pss_0, NULL, pss_2});
	EVP_PKEY_CTX_free(b->verify);
	EVP_PKEY_CTX_free(b->sign);
	EVP_PKEY_free(b->rsa);
}

int main(void)
{
	must(ec_fast_here(), "finding BMI2 and ADX");
	static struct bench p256 = {.c = &ec_p256, .sig_curve = SIG_P256, .group = "P-256"},
			    p384 = {.c = &ec_p384, .sig_curve = SIG_P384, .group = "P-384"};
	p256.hf = &br_sha256_vtable;
	p384.hf = &br_sha384_vtable;
	curve("P-256", &p256);
	curve("P-384", &p384);
	static struct bench x;
	must((x.own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519")) != NULL && (x.peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519")) != NULL,
	     "X25519");
	contexts(&x);
	memset(x.key, 0x5a, sizeof x.key);
	memset(x.digest, 0x77, sizeof x.digest);
	measure("X25519", "ECDH", &x, (op *const[]){x_ecdh_0, x_ecdh_1, ecdh_2});
	measure("X25519", "key generation", &x, (op *const[]){x_keygen_0, x_keygen_1, keygen_2});
	release(&x);
	rsa(&p384);
	printf("]\n");
	return 0;
}
