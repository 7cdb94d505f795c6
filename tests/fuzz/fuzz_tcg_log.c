#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "drivers/tcg_log.h"

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum tcg_alg algs[] = {TCG_SHA1, TCG_SHA256, TCG_SHA384, TCG_SHA512};
	struct tcg_log log;
	struct tcg_event e;
	struct diag d = {0};
	if (tcg_log_open(&log, SPAN(p, n), &d))
		return 0;
	int r;
	while ((r = tcg_log_next(&log, &e, &d)) == 1) {
		for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
			struct span s = tcg_event_digest(&e, algs[i]);
			if (s.n)
				sink = s.p[s.n - 1];
		}
		if (e.data.n)
			sink = e.data.p[e.data.n - 1];
		(void)tcg_ccel_rtmr(&e);
	}
	if ((r == 0) != rd_ok(&log.r))
		abort();
	return 0;
}
