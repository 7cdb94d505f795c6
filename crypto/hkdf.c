#include "crypto/hkdf.h"

#include <bearssl.h>

#include "base/wipe.h"

void hkdf_sha256(struct span salt, struct span ikm, const struct span *info, size_t parts, uint8_t *out, size_t n)
{
	br_hkdf_context hkdf;
	uint8_t joined[512];
	size_t len = 0;

	/* The library takes info in one piece; every caller here is far below this bound, and a longer one must not be cut silently. */
	for (size_t i = 0; i < parts; i++) {
		if (info[i].n > sizeof joined - len)
			__builtin_trap();
		if (info[i].n)
			memcpy(joined + len, info[i].p, info[i].n);
		len += info[i].n;
	}
	br_hkdf_init(&hkdf, &br_sha256_vtable, salt.p, salt.n);
	br_hkdf_inject(&hkdf, ikm.p, ikm.n);
	br_hkdf_flip(&hkdf);
	if (n > HKDF_SHA256_MAX || br_hkdf_produce(&hkdf, joined, len, out, n) != n)
		__builtin_trap();
	wipe(&hkdf, sizeof hkdf);
}
