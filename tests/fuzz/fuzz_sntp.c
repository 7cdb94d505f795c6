/* An answer of a time server. */
#include "boot/sntp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[8] = "nonce 77";
	int64_t offset, now = INT64_C(1800000000000000);
	struct diag d;
	sntp_read(SPAN(data, size), nonce, now, now + 5000, &offset, &d);
	return 0;
}
