/* TCB info and QE identity: the same text through both readers, and every platform and enclave level through the matching. */
#include <stdlib.h>

#include "kms/attest/dcap_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena, scratch;

static void match(const struct tcb_info *t)
{
	static const uint8_t bytes[64] = {3, 1};
	struct pck_info pck = {.cpu_svn = SPAN(bytes, 16), .pce_svn = 11, .fmspc = t->fmspc};
	struct quote q = {.body = QUOTE_BODY_TD10};
	const struct tcb_verdict *platform, *module;
	struct diag d;
	q.td.tee_tcb_svn = SPAN(bytes, 16);
	q.td.mr_signer_seam = SPAN(bytes, 48);
	q.td.seam_attributes = SPAN(bytes, 8);
	for (int january = 0; january < 2; january++)
		if (dcap_platform_check(t, &q, &pck, january, &platform, &module, &d) == 0 && !platform)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcb_info t;
	struct qe_identity id;
	struct diag d;
	if (!arena.p && (arena_open(&arena, 8 << 20) || arena_open(&scratch, 8 << 20)))
		abort();
	arena_reset(&arena);
	arena_reset(&scratch);
	if (tcb_info_parse(&arena, &scratch, SPAN(data, size), &t, &d) == 0)
		match(&t);
	arena_reset(&scratch);
	if (qe_identity_parse(&arena, &scratch, SPAN(data, size), &id, &d) == 0) {
		static const uint8_t zero[384];
		const struct tcb_verdict *v;
		struct sgx_report r = {
			.raw = SPAN_ARR(zero), .attributes = SPAN(zero, 16), .mr_signer = id.mr_signer, .isv_prod_id = id.isv_prod_id};
		(void)dcap_qe_check(&id, &r, &v, &d);
	}
	return 0;
}
