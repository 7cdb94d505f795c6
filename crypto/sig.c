#include "crypto/sig.h"

#include "crypto/sig_hash.h"

size_t sig_hash_len(enum sig_hash h)
{
	return h == SIG_SHA256 ? 32 : h == SIG_SHA384 ? 48 : 64;
}

const br_hash_class *sig_hash_class(enum sig_hash h)
{
	return h == SIG_SHA256 ? &br_sha256_vtable : h == SIG_SHA384 ? &br_sha384_vtable : &br_sha512_vtable;
}

void sig_hash(enum sig_hash h, struct span in, uint8_t out[64])
{
	br_hash_compat_context c;
	const br_hash_class *hc = sig_hash_class(h);
	hc->init(&c.vtable);
	hc->update(&c.vtable, in.p, in.n);
	hc->out(&c.vtable, out);
}
