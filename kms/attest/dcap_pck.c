/* The Intel SGX extension of a PCK certificate (2.6). */
#include "crypto/der.h"
#include "kms/attest/dcap_inner.h"

/* 1.2.840.113741.1.13.1 */
#define INTEL_SGX "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"

enum field { PPID = 1, TCB, PCE_ID, FMSPC, SGX_TYPE, PLATFORM_ID, CONFIGURATION, FIELDS };
enum { TCB_PCE_SVN = 17, TCB_CPU_SVN = 18, MEMBERS_MAX = 64 };

/* The one arc behind prefix, 1 to 127; 0 for any other OID. */
static unsigned arc_under(struct span oid, struct span prefix)
{
	struct rd r = rd_from(oid);
	if (!span_eq(rd_bytes(&r, prefix.n), prefix) || r.left != 1)
		return 0;
	unsigned arc = rd_u8(&r);
	return arc < 0x80 ? arc : 0;
}

/* A list of { OID, value }, none of which may come twice. */
struct members {
	struct rd all, rest;
	size_t taken;
};

/* Opens the next one: its OID, and *m at its value. ERR_INPUT, ERR_LIMIT; a malformed one makes the rest bad. */
static int next_member(struct members *list, struct rd *m, struct span *oid, struct diag *d)
{
	struct rd before = list->all;
	*m = der_open(&list->rest, DER_SEQUENCE);
	*oid = der_take(m, DER_OID);
	if (list->taken == MEMBERS_MAX)
		return diag_fail(d, ERR_LIMIT, "more than %d members", (int)MEMBERS_MAX);
	for (size_t i = 0; i < list->taken; i++) {
		struct rd other = der_open(&before, DER_SEQUENCE);
		if (rd_ok(m) && span_eq(der_take(&other, DER_OID), *oid))
			return diag_fail(d, ERR_INPUT, "a member occurs twice");
	}
	list->taken++;
	return 0;
}

static struct span octets(struct rd *r, size_t n)
{
	struct span s = der_take(r, DER_OCTET_STRING);
	if (s.n != n)
		rd_fail(r);
	return s;
}

static void tcb_member(struct rd *r, unsigned arc, struct pck_info *out)
{
	if (arc == TCB_CPU_SVN) {
		out->cpu_svn = octets(r, CPU_SVN_LEN);
	} else if (arc == TCB_PCE_SVN) {
		struct rd v = rd_from(der_integer(r));
		if (v.left == 0 || v.left > 2)
			rd_fail(r);
		out->pce_svn = v.left == 2 ? rd_u16be(&v) : rd_u8(&v);
	} else {
		(void)der_any(r, NULL, NULL); /* component SVNs: CPUSVN is what counts */
	}
}

static int tcb(struct rd *value, struct pck_info *out, struct diag *d)
{
	struct rd m, all = der_open(value, DER_SEQUENCE);
	struct members list = {all, all, 0};
	struct span oid;
	uint32_t seen = 0;
	while (list.rest.left) {
		int e = next_member(&list, &m, &oid, d);
		if (e)
			return diag_wrap(d, e, "TCB");
		unsigned arc = arc_under(oid, SPAN_LIT(INTEL_SGX "\x02"));
		if (arc == 0 || arc > TCB_CPU_SVN) {
			(void)der_any(&m, NULL, NULL);
		} else {
			seen |= 1u << arc;
			tcb_member(&m, arc, out);
		}
		if (!rd_done(&m))
			rd_fail(&list.rest);
	}
	if (!rd_ok(&list.rest))
		return diag_fail(d, ERR_INPUT, "TCB is malformed");
	if (!(seen & 1u << TCB_PCE_SVN) || !(seen & 1u << TCB_CPU_SVN))
		return diag_fail(d, ERR_INPUT, "TCB lacks PCESVN or CPUSVN");
	return 0;
}

static int member(struct rd *m, unsigned arc, struct pck_info *out, struct diag *d)
{
	switch (arc) {
	case PPID:
		out->ppid = octets(m, PPID_LEN);
		return 0;
	case TCB:
		return tcb(m, out, d);
	case PCE_ID:
		out->pce_id = octets(m, 2);
		return 0;
	case FMSPC:
		out->fmspc = octets(m, FMSPC_LEN);
		return 0;
	case SGX_TYPE: {
		struct span v = der_take(m, DER_ENUMERATED);
		if (v.n != 1)
			rd_fail(m);
		return 0;
	}
	default:
		(void)der_any(m, NULL, NULL);
		return 0;
	}
}

static int parse(struct span value, struct pck_info *out, struct diag *d)
{
	struct rd outer = rd_from(value);
	struct rd m, all = der_open(&outer, DER_SEQUENCE);
	struct members list = {all, all, 0};
	struct span oid;
	unsigned seen = 0;
	*out = (struct pck_info){0};
	while (list.rest.left) {
		int e = next_member(&list, &m, &oid, d);
		if (e)
			return e;
		unsigned arc = arc_under(oid, SPAN_LIT(INTEL_SGX));
		if (arc && arc < FIELDS)
			seen |= 1u << arc;
		e = member(&m, arc, out, d);
		if (e)
			return e;
		if (!rd_done(&m))
			rd_fail(&list.rest);
	}
	if (!rd_done(&list.rest) || !rd_done(&outer))
		return diag_fail(d, ERR_INPUT, "not a list of members");
	for (unsigned arc = PPID; arc <= SGX_TYPE; arc++)
		if (!(seen & 1u << arc))
			return diag_fail(d, ERR_INPUT, "member %u is missing", arc);
	return 0;
}

int pck_extension_parse(struct span value, struct pck_info *out, struct diag *d)
{
	int e = parse(value, out, d);
	return e ? diag_wrap(d, e, "Intel SGX extension of the PCK certificate") : 0;
}

int pck_info_read(const struct x509 *cert, struct pck_info *out, struct diag *d)
{
	struct span value;
	size_t n = x509_extension(cert, SPAN_LIT(INTEL_SGX), &value);
	if (n != 1)
		return diag_fail(d, ERR_INPUT, "PCK certificate has %zu Intel SGX extensions instead of one", n);
	return pck_extension_parse(value, out, d);
}
