#include "crypto/sig.h"

#include <bearssl.h>

#include "base/rd.h"

enum { RSA_MAX = 512, HASH_MAX_LEN = 64 };

size_t sig_hash_len(enum sig_hash h)
{
	return h == SIG_SHA256 ? 32 : h == SIG_SHA384 ? 48 : 64;
}

static const br_hash_class *hash_class(enum sig_hash h)
{
	return h == SIG_SHA256 ? &br_sha256_vtable : h == SIG_SHA384 ? &br_sha384_vtable : &br_sha512_vtable;
}

void sig_hash(enum sig_hash h, struct span in, uint8_t out[64])
{
	br_hash_compat_context c;
	const br_hash_class *hc = hash_class(h);
	hc->init(&c.vtable);
	hc->update(&c.vtable, in.p, in.n);
	hc->out(&c.vtable, out);
}

bool ecdsa_verify_raw(enum sig_curve c, struct span pub, struct span digest, struct span rs)
{
	size_t half = c == SIG_P256 ? 32 : 48;
	if (pub.n != 1 + 2 * half || pub.p[0] != 4 || rs.n != 2 * half || digest.n > HASH_MAX_LEN)
		return false;
	br_ec_public_key pk = {.curve = c == SIG_P256 ? BR_EC_secp256r1 : BR_EC_secp384r1, .q = (unsigned char *)pub.p, .qlen = pub.n};
	return br_ecdsa_i31_vrfy_raw(br_ec_get_default(), digest.p, digest.n, &pk, rs.p, rs.n) == 1;
}

/* One minimal positive INTEGER, right-aligned into half bytes. */
static bool der_uint(struct rd *r, uint8_t *out, size_t half)
{
	if (rd_u8(r) != 0x02)
		return false;
	struct span v = rd_bytes(r, rd_u8(r));
	if (v.n == 0 || v.n > half + 1 || v.p[0] & 0x80 || (v.n > 1 && v.p[0] == 0 && !(v.p[1] & 0x80)))
		return false;
	if (v.p[0] == 0)
		v = SPAN(v.p + 1, v.n - 1);
	if (v.n > half)
		return false;
	memset(out, 0, half);
	memcpy(out + half - v.n, v.p, v.n);
	return true;
}

bool ecdsa_verify_der(enum sig_curve c, struct span pub, struct span digest, struct span der)
{
	size_t half = c == SIG_P256 ? 32 : 48;
	uint8_t rs[96];
	struct rd r = rd_from(der);
	if (rd_u8(&r) != 0x30 || rd_u8(&r) != r.left || r.left >= 0x80)
		return false;
	if (!der_uint(&r, rs, half) || !der_uint(&r, rs + half, half) || !rd_done(&r))
		return false;
	return ecdsa_verify_raw(c, pub, digest, SPAN(rs, 2 * half));
}

bool rsa_verify_pkcs1(struct span n, struct span e, enum sig_hash h, struct span digest, struct span sig)
{
	static const unsigned char *const oid[] = {BR_HASH_OID_SHA256, BR_HASH_OID_SHA384, BR_HASH_OID_SHA512};
	uint8_t got[HASH_MAX_LEN];
	if (digest.n != sig_hash_len(h) || sig.n > RSA_MAX)
		return false;
	br_rsa_public_key pk = {(unsigned char *)n.p, n.n, (unsigned char *)e.p, e.n};
	return br_rsa_pkcs1_vrfy_get_default()(sig.p, sig.n, oid[h], digest.n, &pk, got) == 1 && memcmp(got, digest.p, digest.n) == 0;
}

static void mgf1_xor(enum sig_hash h, struct span seed, uint8_t *data, size_t len)
{
	const br_hash_class *hc = hash_class(h);
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
	while (n.n && n.p[0] == 0)
		n = SPAN(n.p + 1, n.n - 1);
	if (digest.n != hlen || n.n == 0 || sig.n != n.n || sig.n > RSA_MAX)
		return false;
	memcpy(em, sig.p, sig.n);
	br_rsa_public_key pk = {(unsigned char *)n.p, n.n, (unsigned char *)e.p, e.n};
	if (br_rsa_public_get_default()(em, sig.n, &pk) != 1)
		return false;

	/* RFC 8017, 9.1.2 with emBits = modBits - 1 */
	size_t mod_bits = 8 * n.n;
	for (uint8_t top = n.p[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		mod_bits--;
	size_t em_len = (mod_bits + 6) / 8;
	const uint8_t *m = em + (n.n - em_len);
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
	const br_hash_class *hc = hash_class(h);
	br_hash_compat_context c;
	hc->init(&c.vtable);
	hc->update(&c.vtable, eight, sizeof eight);
	hc->update(&c.vtable, digest.p, digest.n);
	hc->update(&c.vtable, db + zeros + 1, salt_len);
	hc->out(&c.vtable, check);
	return memcmp(check, m + db_len, hlen) == 0;
}
