#include "crypto/sig.h"

#include <bearssl.h>
#include <s2n-bignum.h>
#include <string.h>

#include "base/wr.h"
#include "crypto/hash.h"
#include "crypto/sig_hash.h"
#include "crypto/words.h"

enum { RSA_MIN = 256, RSA_MAX = 1024, RSA_WORDS = RSA_MAX / 8, EXPONENT_MAX = 8 };

static struct span without_zeros(struct span v)
{
	while (v.n && v.p[0] == 0)
		v = SPAN(v.p + 1, v.n - 1);
	return v;
}

/* sig^e mod n as n's number of bytes (RFC 8017, 5.2.2); false for a key or a signature that cannot be. n is odd and of 2048 to 8192 bits; e
 * is odd, at least 3 and below 2^64, which bounds the time that a key from outside can cost. */
static bool public_operation(struct span n, struct span e, struct span sig, uint8_t em[RSA_MAX], size_t *em_len)
{
	uint64_t m[RSA_WORDS], x[RSA_WORDS], y[2][RSA_WORDS], base[RSA_WORDS], scratch[RSA_WORDS], exponent;
	n = without_zeros(n);
	e = without_zeros(e);
	if (n.n < RSA_MIN || n.n > RSA_MAX || (n.n == RSA_MIN && !(n.p[0] & 0x80)) || !(n.p[n.n - 1] & 1) || sig.n != n.n)
		return false;
	if (e.n == 0 || e.n > EXPONENT_MAX || !(e.p[e.n - 1] & 1) || (e.n == 1 && e.p[0] < 3))
		return false;
	size_t k = (n.n + 7) / 8;
	words_from_be(m, k, n.p, n.n);
	words_from_be(x, k, sig.p, sig.n);
	words_from_be(&exponent, 1, e.p, e.n);
	if (!words_less(x, m, k))
		return false;

	/* Left to right, in Montgomery form; the routines do not work in place. */
	unsigned at = 0;
	bignum_amontifier(k, y[0], m, scratch);
	bignum_amontmul(k, base, x, y[0], m);
	memcpy(y[0], base, 8 * k);
	for (int bit = 62 - __builtin_clzll(exponent); bit >= 0; bit--) {
		bignum_amontsqr(k, y[at ^ 1], y[at], m);
		at ^= 1;
		if (exponent >> bit & 1) {
			bignum_amontmul(k, y[at ^ 1], y[at], base, m);
			at ^= 1;
		}
	}
	static const uint64_t one[RSA_WORDS] = {1};
	bignum_montmul(k, x, y[at], one, m);

	uint8_t be[8 * RSA_WORDS];
	words_to_be(be, x, k);
	memcpy(em, be + (8 * k - n.n), n.n);
	*em_len = n.n;
	return true;
}

/* DigestInfo up to the digest (RFC 8017, 9.2, note 1) */
static const uint8_t info[3][19] = {
	[SIG_SHA256] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	[SIG_SHA384] = {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	[SIG_SHA512] = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
};

bool rsa_verify_pkcs1(struct span n, struct span e, enum sig_hash h, struct span digest, struct span sig)
{
	uint8_t em[RSA_MAX], want[RSA_MAX];
	size_t len;
	if (digest.n != sig_hash_len(h) || !public_operation(n, e, sig, em, &len))
		return false;
	/* 00 01 FF .. FF 00 DigestInfo, made and compared as a whole: there is nothing to parse. */
	struct wr w = wr_to(want, len);
	wr_u8(&w, 0);
	wr_u8(&w, 1);
	while (w.len < len - 1 - sizeof info[h] - digest.n)
		wr_u8(&w, 0xff);
	wr_u8(&w, 0);
	wr_bytes(&w, info[h], sizeof info[h]);
	wr_put(&w, digest);
	return wr_ok(&w) && w.len == len && memcmp(em, want, len) == 0;
}

static void mgf1_xor(enum sig_hash h, struct span seed, uint8_t *data, size_t len)
{
	const br_hash_class *hc = sig_hash_class(h);
	size_t hlen = sig_hash_len(h);
	for (uint32_t block = 0; (size_t)block * hlen < len; block++) {
		uint8_t count[4] = {(uint8_t)(block >> 24), (uint8_t)(block >> 16), (uint8_t)(block >> 8), (uint8_t)block};
		uint8_t mask[HASH_MAX];
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
	size_t n_len;
	if (digest.n != hlen || salt_len > RSA_MAX || !public_operation(n, e, sig, em, &n_len))
		return false;

	/* RFC 8017, 9.1.2 with emBits = modBits - 1 */
	size_t mod_bits = 8 * n_len;
	for (uint8_t top = without_zeros(n).p[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		mod_bits--;
	size_t em_len = (mod_bits + 6) / 8;
	const uint8_t *m = em + (n_len - em_len);
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

	uint8_t check[HASH_MAX];
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
