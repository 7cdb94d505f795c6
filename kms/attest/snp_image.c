/* The OS image check of SEV-SNP: vm_config's measurement document, bound to os_image_hash, must explain the launch measurement. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "kms/attest/snp.h"
#include "kms/attest/snp_launch.h"
#include "kms/attest/vm_config.h"
#include "kms/wire/cbor_tree.h"

enum { MEASUREMENT_VERSION = 3 };

static const struct {
	const char *name;
	uint8_t family, model, stepping;
} cpu_models[] = {
	{"EPYC", 23, 1, 2},
	{"EPYC-Rome", 23, 49, 0},
	{"EPYC-Milan", 25, 1, 1},
	{"EPYC-Genoa", 25, 17, 0},
};

/* Without a "-v" and digits at the end. */
static struct span without_version(struct span s)
{
	size_t n = s.n;
	while (n && s.p[n - 1] >= '0' && s.p[n - 1] <= '9')
		n--;
	return n < s.n && n > 2 && s.p[n - 1] == 'v' && s.p[n - 2] == '-' ? SPAN(s.p, n - 2) : s;
}

bool snp_cpu_signature(struct span vcpu_type, uint32_t *out)
{
	struct span base = without_version(vcpu_type);
	for (size_t i = 0; i < sizeof cpu_models / sizeof cpu_models[0]; i++) {
		if (!span_is(base, cpu_models[i].name))
			continue;
		/* AMD 24594, CPUID Fn0000_0001_EAX: families from 15 on have the rest in the extended field. */
		uint32_t f = cpu_models[i].family, m = cpu_models[i].model;
		*out = (f - 15) << 20 | (m >> 4) << 16 | 15U << 8 | (m & 15) << 4 | cpu_models[i].stepping;
		return true;
	}
	return false;
}

static bool space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span s)
{
	while (s.n && space(s.p[0]))
		s = SPAN(s.p + 1, s.n - 1);
	while (s.n && space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* A word "dstack.rootfs_hash=" and 64 hex digits */
static bool names_rootfs(struct span cmdline)
{
	static const char name[] = "dstack.rootfs_hash=";
	uint8_t hash[32];
	for (size_t at = 0; at < cmdline.n;) {
		size_t n = 0;
		while (at + n < cmdline.n && !space(cmdline.p[at + n]))
			n++;
		struct span word = SPAN(cmdline.p + at, n);
		if (span_starts(word, name) &&
		    hex_decode(SPAN(word.p + sizeof name - 1, word.n - (sizeof name - 1)), hash, sizeof hash) == (int)sizeof hash)
			return true;
		at += n + 1;
	}
	return false;
}

int snp_launch_check(const struct snp_launch *l, struct diag *d)
{
	uint64_t pages = 0;
	bool hashes = false;
	if (l->vcpus < 1 || l->vcpus > SNP_VCPUS_MAX)
		return diag_fail(d, ERR_INPUT, "vcpus is not in 1..%d", SNP_VCPUS_MAX);
	if (l->guest_features == 0)
		return diag_fail(d, ERR_INPUT, "guest_features is 0");
	for (size_t i = 0; i < l->section_count; i++) {
		const struct snp_section *s = &l->sections[i];
		if (s->gpa % SNP_PAGE || s->size % SNP_PAGE || s->size > (uint64_t)SNP_PAGES_MAX * SNP_PAGE)
			return diag_fail(d, ERR_INPUT, "a section of the firmware has an unaligned address or a wrong size");
		pages += s->size / SNP_PAGE;
		hashes |= s->type == SNP_SECTION_HASHES;
	}
	if (pages > SNP_PAGES_MAX)
		return diag_fail(d, ERR_LIMIT, "the firmware's sections have more than %d pages", SNP_PAGES_MAX);
	if (!hashes)
		return diag_fail(d, ERR_INPUT, "the firmware has no section for the kernel's hashes");
	if (l->hashes_table_gpa % SNP_PAGE + SNP_HASHES_LEN > SNP_PAGE)
		return diag_fail(d, ERR_INPUT, "the table of hashes crosses a page");
	if (!names_rootfs(l->cmdline))
		return diag_fail(d, ERR_INPUT, "the command line has no dstack.rootfs_hash");
	return 0;
}

/* --- the measurement document ------------------------------------------------------------------------------------------------------ */

static bool uint_of(const struct cbt *map, const char *key, uint64_t max, uint64_t *out)
{
	const struct cbt *v = cbt_get(map, key);
	if (!v || v->type != CBT_UINT || v->value > max)
		return false;
	*out = v->value;
	return true;
}

static bool bytes_of(const struct cbt *map, const char *key, uint8_t *out, size_t n)
{
	const struct cbt *v = cbt_get(map, key);
	if (!v || v->type != CBT_BYTES || v->str.n != n)
		return false;
	memcpy(out, v->str.p, n);
	return true;
}

static int sections_of(const struct cbt *list, struct snp_launch *l, struct diag *d)
{
	if (!list || list->type != CBT_ARRAY)
		return diag_fail(d, ERR_INPUT, "ovmf_sections is missing");
	if (list->count > SNP_SECTIONS_MAX)
		return diag_fail(d, ERR_LIMIT, "more than %d sections", SNP_SECTIONS_MAX);
	for (const struct cbt *k = list->kids; k; k = k->next) {
		struct snp_section *s = &l->sections[l->section_count++];
		uint64_t type;
		if (!uint_of(k, "gpa", UINT64_MAX, &s->gpa) || !uint_of(k, "size", UINT64_MAX, &s->size) ||
		    !uint_of(k, "type", 0xff, &type))
			return diag_fail(d, ERR_INPUT, "malformed section");
		s->type = (enum snp_section_type)type;
		if (!((type >= SNP_SECTION_MEMORY && type <= SNP_SECTION_CAA) || type == SNP_SECTION_HASHES))
			return diag_fail(d, ERR_INPUT, "a section has the unknown type %u", (unsigned)type);
	}
	return 0;
}

static int document_parse(struct arena *a, struct span cbor, struct snp_launch *l, struct diag *d)
{
	const struct cbt *root;
	uint64_t version, eip;
	int e = cbt_parse(a, cbor, &root, d);
	if (e)
		return e;
	if (!uint_of(root, "version", UINT64_MAX, &version) || version != MEASUREMENT_VERSION)
		return diag_fail(d, ERR_INPUT, "version is not %d", MEASUREMENT_VERSION);
	const struct cbt *cmdline = cbt_get(root, "cmdline");
	if (!cmdline || cmdline->type != CBT_TEXT)
		return diag_fail(d, ERR_INPUT, "cmdline is missing");
	l->cmdline = trim(cmdline->str);
	if (!bytes_of(root, "ovmf_hash", l->ovmf_hash, sizeof l->ovmf_hash) ||
	    !bytes_of(root, "kernel_hash", l->kernel_hash, sizeof l->kernel_hash) ||
	    !bytes_of(root, "initrd_hash", l->initrd_hash, sizeof l->initrd_hash))
		return diag_fail(d, ERR_INPUT, "a hash is missing or has a wrong length");
	if (!uint_of(root, "hashes_table_gpa", UINT64_MAX, &l->hashes_table_gpa) || !uint_of(root, "reset_eip", UINT32_MAX, &eip))
		return diag_fail(d, ERR_INPUT, "hashes_table_gpa or reset_eip is missing");
	l->reset_eip = (uint32_t)eip;
	return sections_of(cbt_get(root, "ovmf_sections"), l, d);
}

/* --- vm_config --------------------------------------------------------------------------------------------------------------------- */

static int base64_member(struct arena *a, const struct json *j, const char *name, struct span *out, struct diag *d)
{
	struct span text;
	if (!json_get_str(j, name, &text))
		return diag_fail(d, ERR_INPUT, "%s is missing", name);
	*out = base64_decode_in(a, text);
	return out->p ? 0 : diag_fail(d, ERR_INPUT, "%s is not base64", name);
}

static int launch_from(struct arena *a, const struct vm_config *c, struct snp_launch *l, struct diag *d)
{
	const struct json *j;
	struct span checksums, measurement, cpu;
	uint64_t vcpus;
	int e = json_parse(a, c->sev_snp_measurement, &j, d);
	if (e || (e = base64_member(a, j, "checksum_file", &checksums, d)) || (e = base64_member(a, j, "measurement", &measurement, d)))
		return e;
	if ((e = release_bind(c->os_image_hash, checksums, measurement, "measurement.snp.cbor", d)))
		return e;
	if (!json_get_u64(j, "vcpus", &vcpus) || vcpus > SNP_VCPUS_MAX || !json_get_u64(j, "guest_features", &l->guest_features))
		return diag_fail(d, ERR_INPUT, "vcpus or guest_features is missing or out of range");
	l->vcpus = (unsigned)vcpus;
	if (!json_get_str(j, "vcpu_type", &cpu) || !snp_cpu_signature(cpu, &l->cpu_signature))
		return diag_fail(d, ERR_INPUT, "vcpu_type is missing or unknown");
	if ((e = document_parse(a, measurement, l, d)))
		return diag_wrap(d, e, "measurement.snp.cbor");
	return snp_launch_check(l, d);
}

int snp_image_check(struct arena *a, const struct snp_report *report, struct span text, struct diag *d)
{
	struct vm_config c;
	struct snp_launch *l = arena_alloc(a, sizeof *l);
	uint8_t measurement[48];
	if (!l)
		return diag_fail(d, ERR_LIMIT, "evidence needs more memory than this request may use");
	int e = vm_config_parse(a, text, false, &c, d);
	if (e)
		return e;
	if (c.sev_snp_measurement.n == 0)
		return diag_fail(d, ERR_INPUT, "sev-snp attestation requires vm_config.sev_snp_measurement");
	if ((e = launch_from(a, &c, l, d)))
		return diag_wrap(d, e, "sev_snp_measurement");
	snp_launch_digest(l, measurement);
	if (memcmp(measurement, report->measurement, sizeof measurement) != 0)
		return diag_fail(d, ERR_REFUSED, "SEV-SNP launch measurement mismatch");
	return 0;
}
