#include "crypto/hash.h"

#include <bearssl.h>

void sha256_2(struct span a, struct span b, uint8_t out[SHA256_LEN])
{
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_update(&c, a.p, a.n);
	br_sha256_update(&c, b.p, b.n);
	br_sha256_out(&c, out);
}

void sha384_2(struct span a, struct span b, uint8_t out[SHA384_LEN])
{
	br_sha384_context c;
	br_sha384_init(&c);
	br_sha384_update(&c, a.p, a.n);
	br_sha384_update(&c, b.p, b.n);
	br_sha384_out(&c, out);
}

void sha256(struct span in, uint8_t out[SHA256_LEN])
{
	sha256_2(in, SPAN("", 0), out);
}

void sha384(struct span in, uint8_t out[SHA384_LEN])
{
	sha384_2(in, SPAN("", 0), out);
}

void sha512(struct span in, uint8_t out[SHA512_LEN])
{
	br_sha512_context c;
	br_sha512_init(&c);
	br_sha512_update(&c, in.p, in.n);
	br_sha512_out(&c, out);
}
