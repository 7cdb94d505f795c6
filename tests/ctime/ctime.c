/* Runs what handles secret scalars with the secrets marked as undefined memory, under valgrind: a branch, an address or a division that
 * depends on one is reported as the use of an uninitialised value. */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto/ec_curve.h"
#include "crypto/sign.h"

#define SECRET(p, n) VALGRIND_MAKE_MEM_UNDEFINED(p, n)
#define KNOWN(p, n)  VALGRIND_MAKE_MEM_DEFINED(p, n)

static void check(const char *what)
{
	static unsigned long before;
	unsigned long now = VALGRIND_COUNT_ERRORS;
	printf("%-32s %s\n", what, now == before ? "constant time" : "DEPENDS ON THE SECRET");
	before = now;
}

/* A branch on a secret on purpose: shows that the method sees one. */
static int control(void)
{
	volatile uint8_t secret = 1;
	unsigned long before = VALGRIND_COUNT_ERRORS;
	SECRET(&secret, 1);
	printf("%s", secret ? "" : " ");
	return VALGRIND_COUNT_ERRORS > before;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (!RUNNING_ON_VALGRIND) {
		fprintf(stderr, "run this by tests/ctime/run\n");
		return 2;
	}
	if (argc > 1)
		return control() ? 0 : 1;
	const br_ec_impl *impl = &ec_impl_fast;
	static const struct ec_curve *const curves[] = {&ec_p256, &ec_p384};
	for (size_t i = 0; i < 2; i++) {
		const struct ec_curve *c = curves[i];
		uint8_t k[EC_BYTES_MAX], l[EC_BYTES_MAX], q[EC_POINT_MAX], sig[2 * EC_BYTES_MAX], hash[48];
		char what[64];
		memset(k, 0x5a, sizeof k);
		memset(l, 0x33, sizeof l);
		memset(hash, 0x77, sizeof hash);
		SECRET(k, sizeof k);
		SECRET(l, sizeof l);
		size_t len = impl->mulgen(q, k, c->bytes, c->id);
		snprintf(what, sizeof what, "P-%zu k G", 8 * c->bytes);
		check(what);
		KNOWN(q, len);
		uint32_t ok = impl->mul(q, len, k, c->bytes, c->id);
		snprintf(what, sizeof what, "P-%zu k Q", 8 * c->bytes);
		check(what);
		KNOWN(q, len);
		KNOWN(&ok, sizeof ok);
		ok &= impl->muladd(q, NULL, len, k, c->bytes, l, c->bytes, c->id);
		snprintf(what, sizeof what, "P-%zu k Q + l G", 8 * c->bytes);
		check(what);
		br_ec_private_key sk = {c->id, k, c->bytes};
		size_t n = ecdsa_sign_raw(impl, i ? &br_sha384_vtable : &br_sha256_vtable, hash, &sk, sig);
		KNOWN(&n, sizeof n);
		snprintf(what, sizeof what, "P-%zu ECDSA signature", 8 * c->bytes);
		check(what);
		KNOWN(&ok, sizeof ok);
		if (!ok || n != 2 * c->bytes)
			return 1;
	}
	uint8_t k[32], u[32];
	memset(k, 0x5a, sizeof k);
	SECRET(k, sizeof k);
	impl->mulgen(u, k, 32, BR_EC_curve25519);
	check("X25519 k 9");
	KNOWN(u, sizeof u);
	impl->mul(u, 32, k, 32, BR_EC_curve25519);
	check("X25519 k u");
	return VALGRIND_COUNT_ERRORS ? 1 : 0;
}
