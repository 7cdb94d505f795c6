#include "kms/attest/report_data.h"

#include <bearssl.h>

#include "crypto/keccak.h"

static void sha2(const br_hash_class *class, const struct span *parts, size_t n, uint8_t *out)
{
	br_hash_compat_context c;
	class->init(&c.vtable);
	for (size_t i = 0; i < n; i++)
		class->update(&c.vtable, parts[i].p, parts[i].n);
	class->out(&c.vtable, out);
}

static const struct {
	const char *name;
	const br_hash_class *sha2; /* NULL: SHA-3 */
	unsigned bits;
	enum keccak_padding padding;
} hashes[] = {
	{"sha512", &br_sha512_vtable, 0, 0},       {"", &br_sha512_vtable, 0, 0},
	{"sha384", &br_sha384_vtable, 0, 0},       {"sha256", &br_sha256_vtable, 0, 0},
	{"sha3-256", NULL, 256, KECCAK_SHA3},      {"sha3-384", NULL, 384, KECCAK_SHA3},
	{"sha3-512", NULL, 512, KECCAK_SHA3},      {"keccak256", NULL, 256, KECCAK_ORIGINAL},
	{"keccak384", NULL, 384, KECCAK_ORIGINAL}, {"keccak512", NULL, 512, KECCAK_ORIGINAL},
};

int report_data_hashed(struct span tag, struct span content, struct span hash, uint8_t out[64], struct diag *d)
{
	const struct span parts[] = {tag, SPAN_LIT(":"), content};
	memset(out, 0, 64);
	if (span_is(hash, "raw")) {
		if (content.n != 64)
			return diag_fail(d, ERR_INPUT, "raw content must be exactly 64 bytes, not %zu", content.n);
		memcpy(out, content.p, 64);
		return 0;
	}
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (!span_is(hash, hashes[i].name))
			continue;
		if (hashes[i].sha2)
			sha2(hashes[i].sha2, parts, 3, out);
		else
			keccak(hashes[i].bits, hashes[i].padding, parts, 3, out);
		return 0;
	}
	return diag_fail(d, ERR_INPUT, "unknown hash: %.*s", SPAN_FMT(hash));
}

void report_data(const char *tag, struct span content, uint8_t out[64])
{
	const struct span parts[] = {SPAN_STR(tag), SPAN_LIT(":"), content};
	sha2(&br_sha512_vtable, parts, 3, out);
}
