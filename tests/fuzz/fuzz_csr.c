/* SCALE signing requests of both versions, then their signature check. */
#include <stdlib.h>

#include "kms/wire/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct csr csr;
	struct diag d;
	if (size == 0)
		return 0;
	struct span in = SPAN(data + 1, size - 1);
	if (arena_open(&a, 1 << 22))
		abort();
	if ((data[0] & 1 ? csr_decode_v1 : csr_decode_v2)(&a, in, &csr, &d) == 0)
		csr_verify(&csr, in, SPAN(data, size < 72 ? size : 72), &d);
	arena_close(&a);
	return 0;
}
