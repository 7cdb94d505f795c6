#include "crypto/tls.h"

#include <pthread.h>
#include <stdio.h>

#include "base/wipe.h"
#include "crypto/ec.h"
#include "crypto/random.h"
#include "crypto/sig.h"

static const uint16_t suites[] = {
	BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,

	/* clients only from here */
	BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};
enum { SERVER_SUITES = 3, CLIENT_SUITES = sizeof suites / sizeof suites[0] };

static uint32_t verify_ecdsa(const br_ec_impl *impl, const void *hash, size_t hash_len, const br_ec_public_key *pk, const void *sig,
			     size_t sig_len)
{
	(void)impl;
	if (pk->curve != BR_EC_secp256r1 && pk->curve != BR_EC_secp384r1)
		return 0;
	enum sig_curve c = pk->curve == BR_EC_secp256r1 ? SIG_P256 : SIG_P384;
	return ecdsa_verify_der(c, SPAN(pk->q, pk->qlen), SPAN(hash, hash_len), SPAN(sig, sig_len)) ? 1 : 0;
}

/* What this CPU has: AES-NI, PCLMULQDQ, SSE2, else constant-time code. Asked once, since CPUID leaves a virtual machine and costs more than
 * all of a handshake's hashing. */
static struct {
	const br_block_ctr_class *aes;
	br_ghash ghash;
	br_chacha20_run chacha20;
	br_poly1305_run poly1305;
} aead;
static pthread_once_t aead_once = PTHREAD_ONCE_INIT;

static void aead_choose(void)
{
	aead.aes = br_aes_x86ni_ctr_get_vtable();
	if (!aead.aes)
		aead.aes = &br_aes_ct64_ctr_vtable;
	aead.ghash = br_ghash_pclmul_get();
	if (!aead.ghash)
		aead.ghash = br_ghash_ctmul64;
	aead.chacha20 = br_chacha20_sse2_get();
	if (!aead.chacha20)
		aead.chacha20 = br_chacha20_ct_run;
	aead.poly1305 = br_poly1305_ctmulq_get();
	if (!aead.poly1305)
		aead.poly1305 = br_poly1305_ctmul_run;
}

void tls_profile(br_ssl_engine_context *eng, enum tls_side side)
{
	static const char *const alpn[] = {"http/1.1"};

	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(eng, suites, side == TLS_SERVER ? SERVER_SUITES : CLIENT_SUITES);
	br_ssl_engine_set_ec(eng, ec_impl());
	br_ssl_engine_set_ecdsa(eng, verify_ecdsa);
	if (side == TLS_CLIENT)
		br_ssl_engine_set_default_rsavrfy(eng);

	br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
	/* Every hash that is set here runs over the whole handshake, a client's certificate with its attestation included. */
	if (side == TLS_CLIENT)
		br_ssl_engine_set_hash(eng, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);

	pthread_once(&aead_once, aead_choose);
	br_ssl_engine_set_aes_ctr(eng, aead.aes);
	br_ssl_engine_set_ghash(eng, aead.ghash);
	br_ssl_engine_set_gcm(eng, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
	br_ssl_engine_set_chacha20(eng, aead.chacha20);
	br_ssl_engine_set_poly1305(eng, aead.poly1305);
	br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);

	br_ssl_engine_set_protocol_names(eng, (const char **)(uintptr_t)alpn, 1);
	br_ssl_engine_add_flags(eng, BR_OPT_NO_RENEGOTIATION);
}

void tls_seed(br_ssl_engine_context *eng)
{
	uint8_t seed[32];
	random_bytes(seed, sizeof seed);
	br_ssl_engine_inject_entropy(eng, seed, sizeof seed);
	/* Nothing of BearSSL's own choosing on top: it would ask CPUID, RDRAND and the kernel again. */
	eng->rng_os_rand_done = 1;
	wipe(seed, sizeof seed);
}

const char *tls_error_text(int err, char *buf, size_t cap)
{
	static const struct {
		int err;
		const char *text;
	} known[] = {
		{BR_ERR_OK, "closed"},
		{BR_ERR_UNSUPPORTED_VERSION, "no TLS, or a version that is not supported"},
		{BR_ERR_BAD_VERSION, "protocol version changed"},
		{BR_ERR_BAD_MAC, "record authentication failed"},
		{BR_ERR_UNEXPECTED, "unexpected message"},
		{BR_ERR_BAD_CIPHER_SUITE, "no common cipher suite"},
		{BR_ERR_BAD_SIGNATURE, "wrong signature in the handshake"},
		{BR_ERR_BAD_FINISHED, "wrong Finished message"},
		{BR_ERR_TOO_LARGE, "record too large"},
		{BR_ERR_X509_NOT_TRUSTED, "certificate refused"},
		{BR_ERR_RECV_FATAL_ALERT + 42, "peer sent alert bad_certificate"},
		{BR_ERR_RECV_FATAL_ALERT + 40, "peer sent alert handshake_failure"},
		{BR_ERR_RECV_FATAL_ALERT + 48, "peer sent alert unknown_ca"},
		{BR_ERR_RECV_FATAL_ALERT + 70, "peer sent alert protocol_version"},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].err == err)
			return known[i].text;
	snprintf(buf, cap, "TLS error %d", err);
	return buf;
}
