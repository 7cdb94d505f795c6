#include <string.h>

#include "base/rd.h"
#include "kms/attest/snp_inner.h"

enum { SIGNED_LEN = 0x2a0 };

/* Bits of the guest policy and of the platform information (AMD 56860, tables 9 and 24). */
enum { POLICY_SMT = 1 << 16, POLICY_MIGRATE = 1 << 18, POLICY_DEBUG = 1 << 19, POLICY_RAPL_OFF = 1 << 23, POLICY_HIDING = 1 << 24 };
enum { PLATFORM_SMT = 1 << 0, PLATFORM_RAPL_OFF = 1 << 3, PLATFORM_HIDING = 1 << 4 };
enum { KEY_MASK_CHIP = 1 << 1, KEY_SIGNING_SHIFT = 2, KEY_SIGNING_MASK = 7 };
enum { SIG_ECDSA_P384_SHA384 = 1 };

const struct snp_product_info snp_products[SNP_PRODUCTS] = {
	[SNP_GENOA] = {"Genoa", 64, {{"blSPL", 0, 1}, {"teeSPL", 1, 2}, {"snpSPL", 6, 3}, {"ucodeSPL", 7, 8}}, 4},
	[SNP_MILAN] = {"Milan", 64, {{"blSPL", 0, 1}, {"teeSPL", 1, 2}, {"snpSPL", 6, 3}, {"ucodeSPL", 7, 8}}, 4},
	[SNP_TURIN] = {"Turin", 8, {{"fmcSPL", 0, 9}, {"blSPL", 1, 1}, {"teeSPL", 2, 2}, {"snpSPL", 3, 3}, {"ucodeSPL", 7, 8}}, 5},
};

static const struct {
	uint8_t family, model_from, model_to;
	enum snp_product product;
} cpus[] = {
	{0x19, 0x00, 0x0f, SNP_MILAN},
	{0x19, 0x10, 0x1f, SNP_GENOA},
	{0x19, 0xa0, 0xaf, SNP_GENOA},
	{0x1a, 0x00, 0x11, SNP_TURIN},
};

int snp_report_parse(struct span bytes, struct snp_report *out, struct diag *d)
{
	if (bytes.n != SNP_REPORT_LEN)
		return diag_fail(d, ERR_INPUT, "SEV-SNP report has %zu bytes, not %d", bytes.n, SNP_REPORT_LEN);
	struct rd r = rd_from(bytes), head = r;
	memset(out, 0, sizeof *out);
	out->signed_part = rd_bytes(&head, SIGNED_LEN);
	out->version = rd_u32le(&r);
	rd_skip(&r, 4); /* guest SVN */
	out->policy = rd_u64le(&r);
	rd_skip(&r, 32); /* family id, image id */
	out->vmpl = rd_u32le(&r);
	out->signature_algorithm = rd_u32le(&r);
	out->current_tcb = rd_u64le(&r);
	out->platform_info = rd_u64le(&r);
	out->key_flags = rd_u32le(&r);
	rd_skip(&r, 4);
	rd_copy(&r, out->report_data, sizeof out->report_data);
	rd_copy(&r, out->measurement, sizeof out->measurement);
	rd_copy(&r, out->host_data, sizeof out->host_data);
	rd_skip(&r, 48 + 48 + 32 + 32); /* id key, author key, report id, migration agent */
	out->reported_tcb = rd_u64le(&r);
	out->cpuid_family = rd_u8(&r);
	out->cpuid_model = rd_u8(&r);
	out->cpuid_stepping = rd_u8(&r);
	rd_skip(&r, 21);
	rd_copy(&r, out->chip_id, sizeof out->chip_id);
	out->committed_tcb = rd_u64le(&r);
	rd_skip(&r, 8); /* firmware versions */
	out->launch_tcb = rd_u64le(&r);
	rd_skip(&r, 168);
	rd_copy(&r, out->r_le, sizeof out->r_le);
	rd_copy(&r, out->s_le, sizeof out->s_le);
	rd_skip(&r, 368);
	if (!rd_done(&r))
		return diag_fail(d, ERR_INTERNAL, "SEV-SNP report layout");
	if (out->version != 2 && out->version != 3)
		return diag_fail(d, ERR_INPUT, "SEV-SNP report version %u is not supported", (unsigned)out->version);
	return 0;
}

int snp_report_product(const struct snp_report *r, enum snp_product *out, struct diag *d)
{
	for (size_t i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
		if (r->cpuid_family == cpus[i].family && r->cpuid_model >= cpus[i].model_from && r->cpuid_model <= cpus[i].model_to) {
			*out = cpus[i].product;
			return 0;
		}
	}
	return diag_fail(d, ERR_UNSUPPORTED, "SEV-SNP report is of an unknown product (CPU family 0x%02x, model 0x%02x)", r->cpuid_family,
			 r->cpuid_model);
}

int snp_check_policy(const struct snp_report *r, struct diag *d)
{
	uint64_t p = r->policy, i = r->platform_info;
	const struct {
		bool refused;
		const char *why;
	} rules[] = {
		{r->signature_algorithm != SIG_ECDSA_P384_SHA384, "its signature algorithm is not ECDSA P-384 with SHA-384"},
		{r->vmpl != 0, "it was not asked for by VMPL 0"},
		{p & POLICY_DEBUG, "its policy allows debugging"},
		{p & POLICY_MIGRATE, "its policy allows a migration agent"},
		{r->key_flags & KEY_MASK_CHIP, "its chip key is masked"},
		{r->key_flags >> KEY_SIGNING_SHIFT & KEY_SIGNING_MASK, "it is not signed by a VCEK"},
		{i & PLATFORM_SMT && !(p & POLICY_SMT), "SMT is on and its policy does not allow that"},
		{p & POLICY_RAPL_OFF && !(i & PLATFORM_RAPL_OFF), "its policy wants RAPL off and the platform has it on"},
		{p & POLICY_HIDING && !(i & PLATFORM_HIDING), "its policy wants ciphertext hiding and the platform has it off"},
	};
	for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++)
		if (rules[k].refused)
			return diag_fail(d, ERR_REFUSED, "SEV-SNP report refused: %s", rules[k].why);
	return 0;
}
