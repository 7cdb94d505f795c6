/* The Intel SGX extension of a PCK certificate. */
#include "kms/attest/dcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pck_info p;
	struct diag d;
	if (pck_extension_parse(SPAN(data, size), &p, &d) == 0 &&
	    (p.ppid.n != 16 || p.cpu_svn.n != 16 || p.pce_id.n != 2 || p.fmspc.n != 6))
		__builtin_trap();
	return 0;
}
