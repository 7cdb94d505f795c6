/* Any bytes as a boot file: the digest's parser stays inside them, and what it accepts has no byte that is outside of the digest's rules.
 */
#include <stdlib.h>

#include "image/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct diag d = {0};
	uint8_t h[32];
	if (pe_authenticode((struct span){data, n}, &br_sha256_vtable, h, &d) == 0 && n % 512 != 0)
		abort();
	return 0;
}
