/* App info extensions: what decodes in the eight-member form is encoded to the same bytes, if it was canonical. */
#include <stdlib.h>

#include "kms/wire/app_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct app_info one, two;
	struct diag d;
	if (arena_open(&a, 1 << 22))
		abort();
	if (app_info_decode(SPAN(data, size), &one, &d) == 0) {
		struct span bytes = app_info_encode(&a, &one);
		if (bytes.p && (app_info_decode(bytes, &two, &d) || !span_eq(one.key_provider_info, two.key_provider_info)))
			abort();
	}
	arena_close(&a);
	return 0;
}
