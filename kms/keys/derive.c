#include "kms/keys/derive.h"

#include "base/wipe.h"
#include "base/wr.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/keccak.h"

enum { MESSAGE_MAX = 256 };

void derive_key(struct span ikm, const struct span *parts, size_t count, uint8_t *out, size_t n)
{
	hkdf_sha256(SPAN_LIT("RATLS"), ikm, parts, count, out, n);
}

int derive_p256(const struct p256_key *parent, const struct span *parts, size_t count, struct p256_key *out, struct diag *d)
{
	uint8_t scalar[P256_SCALAR_LEN];
	derive_key(SPAN_ARR(parent->scalar), parts, count, scalar, sizeof scalar);
	int e = p256_from_scalar(out, scalar);
	wipe(scalar, sizeof scalar);
	return e ? diag_fail(d, e, "failed to decode derived secret key") : 0;
}

int derive_dh(const struct p256_key *parent, const struct span *parts, size_t count, uint8_t out[DERIVED_LEN], struct diag *d)
{
	struct p256_key k;
	uint8_t der[P256_PKCS8_LEN];
	int e = derive_p256(parent, parts, count, &k, d);
	if (!e) {
		p256_pkcs8(&k, der);
		sha256(SPAN_ARR(der), out);
	}
	p256_wipe(&k);
	wipe(der, sizeof der);
	return e;
}

int derive_disk_key(const struct root_keys *r, struct span app_id, struct span instance_id, uint8_t out[DERIVED_LEN], struct diag *d)
{
	struct span parts[] = {app_id, instance_id, SPAN_LIT("app-disk-crypt-key")};
	int e = derive_dh(&r->ca, parts, 3, out, d);
	return e ? diag_wrap(d, e, "Failed to derive app disk key") : 0;
}

int derive_env_key(const struct root_keys *r, struct span app_id, uint8_t out[DERIVED_LEN], struct diag *d)
{
	struct span parts[] = {app_id, SPAN_LIT("env-encrypt-key")};
	int e = derive_dh(&r->ca, parts, 2, out, d);
	return e ? diag_wrap(d, e, "Failed to derive env encrypt key") : 0;
}

int derive_app_ca(const struct root_keys *r, struct span app_id, struct p256_key *out, struct diag *d)
{
	struct span parts[] = {app_id, SPAN_LIT("app-ca")};
	int e = derive_p256(&r->ca, parts, 2, out, d);
	/* Upstream's sentence names the disk key here too; tools match on it. */
	return e ? diag_wrap(d, e, "Failed to derive app disk key") : 0;
}

/* "<prefix>:" app_id [timestamp] tail, signed by the k256 root */
static bool sign_message(const struct root_keys *r, const char *prefix, struct span app_id, const uint64_t *timestamp, struct span tail,
			 uint8_t sig[SECP_SIG_LEN])
{
	uint8_t message[MESSAGE_MAX];
	struct wr w = wr_to(message, sizeof message);
	wr_str(&w, prefix);
	wr_u8(&w, ':');
	wr_put(&w, app_id);
	if (timestamp)
		wr_u64be(&w, *timestamp);
	wr_put(&w, tail);
	return wr_ok(&w) && secp_sign(r->k256, wr_span(&w), sig);
}

int derive_k256(const struct root_keys *r, struct span app_id, uint8_t key[SECP_KEY_LEN], uint8_t sig[SECP_SIG_LEN], struct diag *d)
{
	struct span parts[] = {app_id, SPAN_LIT("app-key")};
	uint8_t pub[SECP_PUB_LEN];
	derive_key(SPAN_ARR(r->k256), parts, 2, key, SECP_KEY_LEN);
	if (!secp_public(key, pub) || !sign_message(r, "dstack-kms-issued", app_id, NULL, SPAN_ARR(pub), sig)) {
		wipe(key, SECP_KEY_LEN);
		return diag_fail(d, ERR_CRYPTO, "Failed to derive app ecdsa key");
	}
	return 0;
}

int derive_sign_env(const struct root_keys *r, struct span app_id, const uint8_t env_pub[32], uint8_t legacy[SECP_SIG_LEN],
		    uint64_t timestamp, uint8_t v1[SECP_SIG_LEN], struct diag *d)
{
	static const char prefix[] = "dstack-env-encrypt-pubkey";
	struct span tail = SPAN(env_pub, 32);
	if (!sign_message(r, prefix, app_id, NULL, tail, legacy) || !sign_message(r, prefix, app_id, &timestamp, tail, v1))
		return diag_fail(d, ERR_CRYPTO, "Failed to sign the public key");
	return 0;
}

void derive_bootstrap_report_data(struct span ca_spki, const uint8_t k256_pub[SECP_PUB_LEN], uint8_t out[64])
{
	uint8_t text[512];
	struct wr w = wr_to(text, sizeof text);
	wr_str(&w, "dstack-kms-genereted-keys-v1:"); /* spelled as clients expect it */
	wr_hex(&w, ca_spki);
	wr_u8(&w, ';');
	wr_hex(&w, SPAN(k256_pub, SECP_PUB_LEN));
	wr_u8(&w, ';');
	memset(out, 0, 64);
	keccak256(wr_span(&w), out);
}
