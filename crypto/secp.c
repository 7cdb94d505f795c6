#include "crypto/secp.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/wipe.h"
#include "crypto/keccak.h"
#include "crypto/random.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static secp256k1_context *context;

/* One context for the process, blinded once against side channels; used read-only afterwards, which the library allows from any thread. */
static void make_context(void)
{
	uint8_t seed[32];
	context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	random_bytes(seed, sizeof seed);
	if (!secp256k1_context_randomize(context, seed))
		__builtin_trap();
	wipe(seed, sizeof seed);
}

static const secp256k1_context *secp(void)
{
	pthread_once(&once, make_context);
	return context;
}

static bool compress(const secp256k1_pubkey *point, uint8_t pub[SECP_PUB_LEN])
{
	size_t n = SECP_PUB_LEN;
	return secp256k1_ec_pubkey_serialize(secp(), pub, &n, point, SECP256K1_EC_COMPRESSED) == 1 && n == SECP_PUB_LEN;
}

void secp_generate(uint8_t key[SECP_KEY_LEN])
{
	do
		random_bytes(key, SECP_KEY_LEN);
	while (!secp256k1_ec_seckey_verify(secp(), key));
}

bool secp_public(const uint8_t key[SECP_KEY_LEN], uint8_t pub[SECP_PUB_LEN])
{
	secp256k1_pubkey point;
	return secp256k1_ec_pubkey_create(secp(), &point, key) == 1 && compress(&point, pub);
}

bool secp_sign(const uint8_t key[SECP_KEY_LEN], struct span msg, uint8_t sig[SECP_SIG_LEN])
{
	secp256k1_ecdsa_recoverable_signature s;
	uint8_t digest[KECCAK256_LEN];
	int recid;
	keccak256(msg, digest);
	if (!secp256k1_ecdsa_sign_recoverable(secp(), &s, digest, key, NULL, NULL))
		return false;
	secp256k1_ecdsa_recoverable_signature_serialize_compact(secp(), sig, &recid, &s);
	sig[64] = (uint8_t)recid;
	return true;
}

bool secp_recover(struct span msg, const uint8_t sig[SECP_SIG_LEN], uint8_t pub[SECP_PUB_LEN])
{
	secp256k1_ecdsa_recoverable_signature s;
	secp256k1_pubkey point;
	uint8_t digest[KECCAK256_LEN];
	keccak256(msg, digest);
	return sig[64] <= 3 && secp256k1_ecdsa_recoverable_signature_parse_compact(secp(), &s, sig, sig[64]) &&
	       secp256k1_ecdsa_recover(secp(), &point, &s, digest) && compress(&point, pub);
}
