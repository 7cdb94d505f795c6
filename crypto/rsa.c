#include "crypto/sig.h"

#include <bearssl.h>

#include "crypto/sig_hash.h"

enum { RSA_MIN = 256, RSA_MAX = 512, HASH_MAX_LEN = 64 };

static struct span without_zeros(struct span v)
{
	while (v.n && v.p[0] == 0)
		v = SPAN(v.p + 1, v.n - 1);
	return v;
}

/* 2048 to 4096 bits; an odd exponent of at least 3 and at most 64 bits, which bounds the time that a key from outside can cost. */
static bool key_from(br_rsa_public_key *pk, struct span n, struct span e)
{
	n = without_zeros(n);
	e = without_zeros(e);
	if (n.n < RSA_MIN || n.n > RSA_MAX || (n.n == RSA_MIN && !(n.p[0] & 0x80)) || e.n == 0 || e.n > 8)
		return false;
	if (!(e.p[e.n - 1] & 1) || (e.n == 1 && e.p[0] < 3))
		return false;
	*pk = (br_rsa_public_key){(unsigned char *)n.p, n.n, (unsigned char *)e.p, e.n};
	return true;
}

bool rsa_verify_pkcs1(struct span n, struct span e, enum sig_hash h, struct span digest, struct span sig)
{
	static const unsigned char *const oid[] = {BR_HASH_OID_SHA256, BR_HASH_OID_SHA384, BR_HASH_OID_SHA512};
	uint8_t got[HASH_MAX_LEN];
	br_rsa_public_key pk;
	if (digest.n != sig_hash_len(h) || !key_from(&pk, n, e) || sig.n != pk.nlen)
		return false;
	return br_rsa_pkcs1_vrfy_get_default()(sig.p, sig.n, oid[h], digest.n, &pk, got) == 1 && memcmp(got, digest.p, digest.n) == 0;
}

static void mgf1_xor(enum sig_hash h, struct span seed, uint8_t *data, size_t len)
{
	const br_hash_class *hc = sig_hash_class(h);
	size_t hlen = sig_hash_len(h);
	for (uint32_t block = 0; (size_t)block * hlen < len; block++) {
		uint8_t count[4] = {(uint8_t)(block >> 24), (uint8_t)(block >> 16), (uint8_t)(block >> 8), (uint8_t)block};
		uint8_t mask[HASH_MAX_LEN];
		br_hash_compat_context c;
		hc->init(&c.vtable);
		hc->update(&c.vtable, seed.p, seed.n);
		hc->update(&c.vtable, count, sizeof count);
		hc->out(&c.vtable, mask);
		for (size_t i = 0; i < hlen && block * hlen + i < len; i++)
			data[block * hlen + i] ^= mask[i];
	}
}

bool rsa_verify_pss(struct span n, struct span e, enum sig_hash h, size_t salt_len, struct span digest, struct span sig)
{
	uint8_t em[RSA_MAX];
	size_t hlen = sig_hash_len(h);
	br_rsa_public_key pk;
	if (digest.n != hlen || !key_from(&pk, n, e) || sig.n != pk.nlen)
		return false;
	memcpy(em, sig.p, sig.n);
	if (br_rsa_public_get_default()(em, sig.n, &pk) != 1)
		return false;

	/* RFC 8017, 9.1.2 with emBits = modBits - 1 */
	size_t mod_bits = 8 * pk.nlen;
	for (uint8_t top = pk.n[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		mod_bits--;
	size_t em_len = (mod_bits + 6) / 8;
	const uint8_t *m = em + (pk.nlen - em_len);
	if (m != em && em[0] != 0)
		return false;
	if (em_len < hlen + salt_len + 2 || m[em_len - 1] != 0xbc)
		return false;
	size_t db_len = em_len - hlen - 1;
	unsigned spare = (unsigned)(8 * em_len - (mod_bits - 1));
	uint8_t db[RSA_MAX];
	memcpy(db, m, db_len);
	if (spare && db[0] >> (8 - spare))
		return false;
	mgf1_xor(h, SPAN(m + db_len, hlen), db, db_len);
	if (spare)
		db[0] &= (uint8_t)(0xff >> spare);
	size_t zeros = db_len - salt_len - 1;
	for (size_t i = 0; i < zeros; i++)
		if (db[i] != 0)
			return false;
	if (db[zeros] != 1)
		return false;

	uint8_t check[HASH_MAX_LEN];
	static const uint8_t eight[8];
	const br_hash_class *hc = sig_hash_class(h);
	br_hash_compat_context c;
	hc->init(&c.vtable);
	hc->update(&c.vtable, eight, sizeof eight);
	hc->update(&c.vtable, digest.p, digest.n);
	hc->update(&c.vtable, db + zeros + 1, salt_len);
	hc->out(&c.vtable, check);
	return memcmp(check, m + db_len, hlen) == 0;
}
