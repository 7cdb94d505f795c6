#include "crypto/x25519.h"

#include "crypto/ec.h"

void x25519_public(const uint8_t key[32], uint8_t pub[32])
{
	/* BearSSL takes the scalar of this curve little endian and clamps its own copy. */
	if (ec_impl()->mulgen(pub, key, 32, BR_EC_curve25519) != 32)
		__builtin_trap();
}
