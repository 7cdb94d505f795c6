/* Verified documents against verified reports: QE identity, TCB levels, TDX module, attributes (2.4 steps 9, 11, 12, 15; 2.7; 2.8). */
#include "kms/attest/dcap_inner.h"

enum { SGX_DEBUG = 0x02 };

static bool sgx_debug(const struct sgx_report *r)
{
	return r->attributes.p[0] & SGX_DEBUG;
}

static bool equal_masked(struct span a, struct span b, struct span mask)
{
	for (size_t i = 0; i < mask.n; i++)
		if ((a.p[i] & mask.p[i]) != (b.p[i] & mask.p[i]))
			return false;
	return true;
}

static const struct svn_level *first_level(const struct svn_level *level, size_t n, unsigned svn)
{
	for (size_t i = 0; i < n; i++)
		if (svn >= level[i].isv_svn)
			return &level[i];
	return NULL;
}

int dcap_qe_check(const struct qe_identity *id, const struct sgx_report *qe, const struct tcb_verdict **out, struct diag *d)
{
	if (!span_eq(qe->mr_signer, id->mr_signer))
		return diag_fail(d, ERR_REFUSED, "QE MRSIGNER mismatch");
	if (sgx_debug(qe))
		return diag_fail(d, ERR_REFUSED, "Debug mode is enabled in the QE report");
	if (qe->isv_prod_id != id->isv_prod_id)
		return diag_fail(d, ERR_REFUSED, "QE ISVPRODID mismatch: expected %u, got %u", id->isv_prod_id, qe->isv_prod_id);
	if ((qe->misc_select & id->misc_mask) != (id->misc_select & id->misc_mask))
		return diag_fail(d, ERR_REFUSED, "QE MISCSELECT mismatch");
	if (!equal_masked(qe->attributes, id->attributes, id->attributes_mask))
		return diag_fail(d, ERR_REFUSED, "QE ATTRIBUTES mismatch");
	if (id->level_count == 0)
		return diag_fail(d, ERR_REFUSED, "No TCB levels found in QE Identity");
	const struct svn_level *l = first_level(id->level, id->level_count, qe->isv_svn);
	if (!l)
		return diag_fail(d, ERR_REFUSED, "QE ISVSVN %u is below minimum required %u", qe->isv_svn,
				 id->level[id->level_count - 1].isv_svn);
	*out = &l->verdict;
	return 0;
}

/* 1: each component is reached; 0: not; negative: the list has another length than 16 and is an error. */
static int components_reached(struct span have, struct span want, const char *what, bool january, struct diag *d)
{
	if (want.n != TCB_COMPONENTS && (!january || want.n == 0))
		return diag_fail(d, ERR_REFUSED, "%s component count mismatch: %zu", what, want.n);
	for (size_t i = 0; i < want.n && i < have.n; i++)
		if (have.p[i] < want.p[i])
			return 0;
	return 1;
}

static int level_reached(const struct tcb_level *l, const struct quote *q, const struct pck_info *pck, bool january, struct diag *d)
{
	if (pck->pce_svn < l->pce_svn)
		return 0;
	int e = components_reached(pck->cpu_svn, l->sgx, "SGX", january, d);
	if (e <= 0 || q->body == QUOTE_BODY_SGX)
		return e;
	return components_reached(q->td.tee_tcb_svn, l->tdx, "TDX", january, d);
}

static uint8_t upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool equal_ignoring_case(struct span a, const char *b)
{
	size_t n = strlen(b);
	for (size_t i = 0; i < n && a.n == n; i++)
		if (upper(a.p[i]) != upper((uint8_t)b[i]))
			return false;
	return a.n == n;
}

static const struct tdx_module *module_identity(const struct tcb_info *t, unsigned version)
{
	static const char hex[] = "0123456789ABCDEF";
	char want[] = {'T', 'D', 'X', '_', hex[version >> 4 & 15], hex[version & 15], 0};
	for (size_t i = 0; i < t->identity_count; i++)
		if (equal_ignoring_case(t->identity[i].id, want))
			return &t->identity[i];
	return NULL;
}

static int module_check(const struct tcb_info *t, const struct td_report *td, const struct tcb_verdict **out, struct diag *d)
{
	unsigned svn = td->tee_tcb_svn.p[0], version = td->tee_tcb_svn.p[1];
	const struct tdx_module *m = &t->module;
	bool listed = version > 0 && t->identity_count > 0;

	if (!t->has_module)
		return diag_fail(d, ERR_REFUSED, "TDX TCB Info is missing tdxModule field");
	if (listed && !(m = module_identity(t, version)))
		return diag_fail(d, ERR_REFUSED, "No TDX module identity with id TDX_%02X", version);
	if (!span_eq(td->mr_signer_seam, m->mr_signer))
		return diag_fail(d, ERR_REFUSED, "TDX module MRSIGNER mismatch");
	if (!equal_masked(td->seam_attributes, m->attributes, m->mask))
		return diag_fail(d, ERR_REFUSED, "TDX module SEAMATTRIBUTES mismatch");
	for (size_t i = 0; i < m->mask.n; i++)
		if (td->seam_attributes.p[i] & ~m->mask.p[i])
			return diag_fail(d, ERR_REFUSED, "TDX module SEAMATTRIBUTES has bits set outside mask");
	if (!listed)
		return 0;
	const struct svn_level *l = first_level(m->level, m->level_count, svn);
	if (!l)
		return diag_fail(d, ERR_REFUSED, "TDX module ISVSVN %u is below minimum required", svn);
	*out = &l->verdict;
	return 0;
}

int dcap_platform_check(const struct tcb_info *t, const struct quote *q, const struct pck_info *pck, bool january,
			const struct tcb_verdict **platform, const struct tcb_verdict **module, struct diag *d)
{
	bool tdx = q->body != QUOTE_BODY_SGX;
	*platform = *module = NULL;
	if (!span_eq(pck->fmspc, t->fmspc))
		return diag_fail(d, ERR_REFUSED, "Fmspc mismatch");
	if (tdx && (!span_is(t->id, "TDX") || t->version < 3))
		return diag_fail(d, ERR_REFUSED, "TDX quote with non-TDX TCB info in the collateral");
	if (!tdx && (!span_is(t->id, "SGX") || t->version < 2))
		return diag_fail(d, ERR_REFUSED, "SGX quote with non-SGX TCB info in the collateral");
	for (size_t i = 0; i < t->level_count && !*platform; i++) {
		const struct tcb_level *l = &t->level[january ? i : t->sorted[i]];
		int reached = level_reached(l, q, pck, january, d);
		if (reached < 0)
			return reached;
		if (reached)
			*platform = &l->verdict;
	}
	if (!*platform)
		return diag_fail(d, ERR_REFUSED, "No matching TCB level found");
	return tdx && !january ? module_check(t, &q->td, module, d) : 0;
}

/* 2.8. Bit 39 is covered by no rule; bit 63 (PERFMON) counts as reserved. */
static bool reserved_bit(unsigned bit)
{
	return (bit >= 8 && bit <= 27) || bit == 29 || (bit >= 32 && bit != 39);
}

static int td_attributes_check(const struct td_report *td, const struct dcap_options *o, struct diag *d)
{
	static const char reserved[] = "Reserved bits in TD attributes are set", debug[] = "Debug mode is enabled";
	for (unsigned bit = 1; bit < 8; bit++)
		if (td_attribute(td, bit))
			return diag_fail(d, ERR_REFUSED, "%s", o->january ? debug : reserved);
	if (td_attribute(td, 0) && !o->allow_debug)
		return diag_fail(d, ERR_REFUSED, "%s", debug);
	for (unsigned bit = 8; bit < 64; bit++)
		if (reserved_bit(bit) && td_attribute(td, bit))
			return diag_fail(d, ERR_REFUSED, "%s", reserved);
	if (!td_attribute(td, 28))
		return diag_fail(d, ERR_REFUSED, "SEPT_VE_DISABLE is not enabled");
	return 0;
}

static bool all_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

int dcap_attributes_check(const struct quote *q, const struct dcap_options *o, struct diag *d)
{
	if (q->body == QUOTE_BODY_SGX)
		return sgx_debug(&q->sgx) && !o->allow_debug ? diag_fail(d, ERR_REFUSED, "Debug mode is enabled") : 0;
	int e = td_attributes_check(&q->td, o, d);
	if (e)
		return e;
	if (!o->allow_service_td && !all_zero(q->td.mr_service_td)) /* empty in TD 1.0 */
		return diag_fail(d, ERR_REFUSED, "Invalid MR service TD");
	return 0;
}

int dcap_check_dstack(const struct quote *q, struct diag *d)
{
	if (q->body == QUOTE_BODY_SGX)
		return diag_fail(d, ERR_REFUSED, "Not a TDX quote");
	if (td_attribute(&q->td, 0))
		return diag_fail(d, ERR_REFUSED, "Debug mode is not allowed");
	if (!all_zero(q->td.mr_signer_seam))
		return diag_fail(d, ERR_REFUSED, "Invalid mr signer seam");
	if (!all_zero(q->td.mr_service_td))
		return diag_fail(d, ERR_REFUSED, "Invalid mr service td");
	return 0;
}
