/* Private keys: PEM and DER. What is read is written in the one form and read again. */
#include <stdlib.h>

#include "crypto/p256.h"
#include "crypto/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span der)
{
	struct p256_key one, two;
	struct diag d;
	uint8_t out[P256_PKCS8_LEN];
	if (p256_read_private(&one, der, &d))
		return;
	p256_pkcs8(&one, out);
	if (p256_read_private(&two, SPAN_ARR(out), &d) || memcmp(&one, &two, sizeof one) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	if (arena_open(&a, 1 << 22))
		abort();
	check(SPAN(data, size));
	struct span der = pem_decode(&a, "PRIVATE KEY", SPAN(data, size));
	if (der.p)
		check(der);
	arena_close(&a);
	return 0;
}
