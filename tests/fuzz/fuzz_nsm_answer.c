/* Answers of the NSM device. */
#include <stdlib.h>

#include "drivers/nsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct diag d = {0};
	struct span s;
	uint8_t pcr[NSM_PCR_LEN];
	if (nsm_answer_attestation(SPAN(p, n), &s, &d) == 0 && (s.n > n || (s.n && (s.p < p || s.p + s.n > p + n))))
		abort();
	(void)nsm_answer_pcr(SPAN(p, n), pcr, &d);
	return 0;
}
