/* The image check of TDX lite (attestation specification 7.5.3, 7.5.5): every register of a QEMU guest is a function of the release's
 * measurement document, the memory size and three ACPI digests from the event log. */
#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/evidence.h"
#include "kms/attest/image.h"
#include "kms/attest/replay.h"
#include "kms/attest/vm_config.h"
#include "base/rd.h"
#include "base/wr.h"
#include "kms/wire/cbor_tree.h"

enum { LITE_VERSION = 3, SECTIONS_MAX = 64, PAGE = 4096 };
enum { HOB_HANDOFF_LEN = 56, HOB_RESOURCE_LEN = 48 };

static const uint64_t low_memory_end = 0x80000000, high_memory_start = 0x100000000, split_from = 0xb0000000;

struct section {
	uint64_t start, end;
};

struct lite_doc {
	struct span cmdline, kernel, initrd, single_pass, two_pass;
	uint64_t hob_address;
	struct section sections[SECTIONS_MAX]; /* ascending, apart from each other */
	size_t section_count;
};

/* --- the document ----------------------------------------------------------------------------------------------------------------- */

static bool digest_member(const struct cbt *map, const char *name, struct span *out)
{
	const struct cbt *n = cbt_get(map, name);
	if (!n || n->type != CBT_BYTES || n->str.n != SHA384_LEN)
		return false;
	*out = n->str;
	return true;
}

/* LEB128, in shortest form, at most 52 bits (a page number) */
static uint64_t leb128(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 52; shift += 7) {
		uint8_t b = rd_u8(r);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if (b == 0 && shift > 0)
			rd_fail(r);
		return v;
	}
	rd_fail(r);
	return 0;
}

static bool hob_layout(struct span bytes, struct lite_doc *out)
{
	struct rd r = rd_from(bytes);
	uint64_t base = leb128(&r);
	out->hob_address = (base + leb128(&r)) * PAGE;
	uint64_t n = leb128(&r);
	if (!rd_ok(&r) || n > SECTIONS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t start = base + leb128(&r), pages = leb128(&r);
		if (!rd_ok(&r) || pages == 0 || start > UINT32_MAX || pages > UINT32_MAX)
			return false;
		struct section s = {start * PAGE, (start + pages) * PAGE};
		size_t at = out->section_count++;
		while (at > 0 && out->sections[at - 1].start > s.start) {
			out->sections[at] = out->sections[at - 1];
			at--;
		}
		out->sections[at] = s;
	}
	for (size_t i = 1; i < out->section_count; i++)
		if (out->sections[i].start < out->sections[i - 1].end)
			return false;
	return rd_done(&r);
}

static int read_document(struct arena *a, struct span bytes, struct span wanted_ovmf, struct lite_doc *out, struct diag *d)
{
	const struct cbt *top;
	int e = cbt_parse(a, bytes, &top, d);
	if (e)
		return diag_wrap(d, e, "measurement document");
	const struct cbt *version = cbt_get(top, "version"), *image = cbt_get(top, "image"), *tdvf = cbt_get(top, "tdvf");
	if (!version || version->type != CBT_UINT || version->value != LITE_VERSION)
		return diag_fail(d, ERR_UNSUPPORTED, "measurement document has an unsupported version");
	const struct cbt *ovmf = cbt_get(tdvf, "ovmf"), *mrtd = cbt_get(tdvf, "mrtd"), *hob = cbt_get(tdvf, "td_hob");
	if (!ovmf || ovmf->type != CBT_TEXT || !span_is(ovmf->str, "pre202505"))
		return diag_fail(d, ERR_UNSUPPORTED, "measurement document names an unknown firmware layout");
	if (wanted_ovmf.n && !span_eq(wanted_ovmf, ovmf->str))
		return diag_fail(d, ERR_REFUSED, "vm_config and measurement document name different firmware layouts");
	if (!digest_member(image, "cmdline_sha384", &out->cmdline) || !digest_member(image, "kernel_authenticode", &out->kernel) ||
	    !digest_member(image, "initrd_sha384", &out->initrd) || !digest_member(mrtd, "single_pass", &out->single_pass) ||
	    !digest_member(mrtd, "two_pass", &out->two_pass))
		return diag_fail(d, ERR_INPUT, "measurement document: a digest is missing or not 48 bytes");
	if (!hob || hob->type != CBT_BYTES || !hob_layout(hob->str, out))
		return diag_fail(d, ERR_INPUT, "measurement document: td_hob is missing or malformed");
	return 0;
}

/* --- the TD HOB ------------------------------------------------------------------------------------------------------------------- */

static void put_resource(struct wr *w, uint32_t type, uint64_t start, uint64_t end)
{
	wr_u16le(w, 3);
	wr_u16le(w, HOB_RESOURCE_LEN);
	wr_zero(w, 4 + 16);
	wr_u32le(w, type);
	wr_u32le(w, 7);
	wr_u64le(w, start);
	wr_u64le(w, end - start);
}

static int hob_digest(const struct lite_doc *doc, uint64_t memory, uint8_t out[48], struct diag *d)
{
	enum { ACCEPTED = 0, UNACCEPTED = 7 };
	uint8_t buf[HOB_HANDOFF_LEN + (2 * SECTIONS_MAX + 2) * HOB_RESOURCE_LEN], end_field[8];
	if (memory != low_memory_end && memory < split_from)
		return diag_fail(d, ERR_REFUSED, "memory_size %llu is neither 2 GiB nor at least 2.75 GiB", (unsigned long long)memory);
	struct wr w = wr_to(buf, sizeof buf);
	wr_u16le(&w, 1);
	wr_u16le(&w, HOB_HANDOFF_LEN);
	wr_zero(&w, 4);
	wr_u32le(&w, 9);
	wr_u32le(&w, 0);
	wr_zero(&w, 4 * 8);
	size_t end_at = w.len;
	wr_zero(&w, 8);
	uint64_t at = 0;
	for (size_t i = 0; i < doc->section_count; i++) {
		const struct section *s = &doc->sections[i];
		if (s->end >= memory)
			return diag_fail(d, ERR_REFUSED, "a firmware section lies outside the memory");
		if (s->start > at)
			put_resource(&w, UNACCEPTED, at, s->start);
		put_resource(&w, ACCEPTED, s->start, s->end);
		at = s->end;
	}
	if (memory < split_from) {
		put_resource(&w, UNACCEPTED, at, memory);
	} else {
		if (at < low_memory_end)
			put_resource(&w, UNACCEPTED, at, low_memory_end);
		put_resource(&w, UNACCEPTED, high_memory_start, high_memory_start + (memory - low_memory_end));
	}
	if (!wr_ok(&w))
		return diag_fail(d, ERR_INTERNAL, "the bound of a TD HOB is wrong");
	struct wr f = wr_to(end_field, sizeof end_field);
	wr_u64le(&f, doc->hob_address + w.len + 8);
	memcpy(buf + end_at, end_field, sizeof end_field);
	sha384(wr_span(&w), out);
	return 0;
}

/* --- the registers ---------------------------------------------------------------------------------------------------------------- */

static void extend(uint8_t reg[64], struct span digest)
{
	register_extend(SIG_SHA384, reg, digest);
}

static void extend_hash_of(uint8_t reg[64], struct span bytes)
{
	uint8_t digest[SHA384_LEN];
	sha384(bytes, digest);
	extend(reg, SPAN_ARR(digest));
}

/* A Secure Boot variable that is not set: its GUID as stored, the name's length in characters, no data, the name in UTF-16. */
static void extend_variable(uint8_t reg[64], const uint8_t guid[16], const char *name)
{
	uint8_t buf[64];
	struct wr w = wr_to(buf, sizeof buf);
	wr_bytes(&w, guid, 16);
	wr_u64le(&w, strlen(name));
	wr_u64le(&w, 0);
	for (const char *p = name; *p; p++)
		wr_u16le(&w, (uint8_t)*p);
	extend_hash_of(reg, wr_span(&w));
}

/* The digest of the one ACPI event of that name. */
static bool acpi_digest(const struct evidence *ev, const char *name, struct span *out)
{
	size_t found = 0;
	for (size_t i = 0; i < ev->log_count; i++) {
		const struct tdx_event *e = &ev->log[i];
		if (e->imr != 0 || e->type != EVENT_TYPE_ACPI || !span_is(e->payload, "ACPI DATA") || !span_is(e->name, name))
			continue;
		*out = e->digest;
		found++;
	}
	return found == 1 && out->n == SHA384_LEN;
}

static size_t acpi_events(const struct evidence *ev)
{
	size_t n = 0;
	for (size_t i = 0; i < ev->log_count; i++)
		n += ev->log[i].imr == 0 && ev->log[i].type == EVENT_TYPE_ACPI && span_is(ev->log[i].payload, "ACPI DATA");
	return n;
}

static int expected_rtmr0(const struct lite_doc *doc, uint64_t memory, const struct evidence *ev, uint8_t reg[64], struct diag *d)
{
	static const uint8_t efi_global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
	static const uint8_t image_security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
						   0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
	static const uint8_t cfv[SHA384_LEN] = {0x34, 0x4b, 0xc5, 0x1c, 0x98, 0x0b, 0xa6, 0x21, 0xaa, 0xa0, 0x0d, 0xa3,
						0xed, 0x74, 0x36, 0xf7, 0xd6, 0xe5, 0x49, 0x19, 0x7d, 0xfe, 0x69, 0x95,
						0x15, 0xdf, 0xa2, 0xc6, 0x58, 0x3d, 0x95, 0xe6, 0x41, 0x2a, 0xf2, 0x1c,
						0x09, 0x7d, 0x47, 0x31, 0x55, 0x87, 0x5f, 0xfd, 0x56, 0x1d, 0x67, 0x90};
	static const uint8_t boot0000[SHA384_LEN] = {0x23, 0xad, 0xa0, 0x7f, 0x52, 0x61, 0xf1, 0x2f, 0x34, 0xa0, 0xbd, 0x8e,
						     0x46, 0x76, 0x09, 0x62, 0xd6, 0xb4, 0xd5, 0x76, 0xa4, 0x16, 0xf1, 0xfe,
						     0xa1, 0xc6, 0x4b, 0xc6, 0x56, 0xb1, 0xd2, 0x8e, 0xac, 0xf7, 0x04, 0x7a,
						     0xe6, 0xe9, 0x67, 0xc5, 0x8f, 0xd2, 0xa9, 0x8b, 0xfa, 0x74, 0xc2, 0x98};
	static const uint8_t zeros[4];
	struct span loader, rsdp, tables;
	uint8_t hob[SHA384_LEN];
	if (acpi_events(ev) != 3 || !acpi_digest(ev, "acpi-loader", &loader) || !acpi_digest(ev, "acpi-rsdp", &rsdp) ||
	    !acpi_digest(ev, "acpi-tables", &tables))
		return diag_fail(d, ERR_REFUSED, "the event log does not have exactly the three ACPI events");
	int e = hob_digest(doc, memory, hob, d);
	if (e)
		return e;
	memset(reg, 0, 64);
	extend(reg, SPAN_ARR(hob));
	extend(reg, SPAN_ARR(cfv));
	extend_variable(reg, efi_global, "SecureBoot");
	extend_variable(reg, efi_global, "PK");
	extend_variable(reg, efi_global, "KEK");
	extend_variable(reg, image_security, "db");
	extend_variable(reg, image_security, "dbx");
	extend_hash_of(reg, SPAN(zeros, 4));
	extend(reg, loader);
	extend(reg, rsdp);
	extend(reg, tables);
	extend_hash_of(reg, SPAN(zeros, 2)); /* BootOrder */
	extend(reg, SPAN_ARR(boot0000));
	return 0;
}

static void expected_rtmr1(const struct lite_doc *doc, uint8_t reg[64])
{
	static const uint8_t zeros[4];
	memset(reg, 0, 64);
	extend(reg, doc->kernel);
	extend_hash_of(reg, SPAN_LIT("Calling EFI Application from Boot Option"));
	extend_hash_of(reg, SPAN_ARR(zeros));
	extend_hash_of(reg, SPAN_LIT("Exit Boot Services Invocation"));
	extend_hash_of(reg, SPAN_LIT("Exit Boot Services Returned with Success"));
}

static void expected_rtmr2(const struct lite_doc *doc, uint8_t reg[64])
{
	memset(reg, 0, 64);
	extend(reg, doc->cmdline);
	extend(reg, doc->initrd);
}

/* Whether QEMU adds all pages of a section before it extends MRTD with them: 8.x does, 9.0 and later do not. */
static int two_pass(const struct vm_config *cfg, bool *out, struct diag *d)
{
	uint64_t major = 9;
	if (cfg->qemu_version.n) {
		size_t n = 0;
		while (n < cfg->qemu_version.n && cfg->qemu_version.p[n] != '.')
			n++;
		if (!parse_u64(SPAN(cfg->qemu_version.p, n), &major))
			return diag_fail(d, ERR_INPUT, "qemu_version is malformed");
	}
	if (major < 8)
		return diag_fail(d, ERR_UNSUPPORTED, "QEMU before 8.0 is not supported");
	*out = cfg->has_single_pass ? cfg->single_pass /* the member's name says the opposite of what it does (7.5.3) */ : major == 8;
	return 0;
}

static int compare(struct arena *a, const char *name, struct span quoted, struct span expected, struct diag *d)
{
	if (span_eq(quoted, expected))
		return 0;
	const char *q = hex_encode_in(a, quoted), *e = hex_encode_in(a, expected);
	return diag_fail(d, ERR_REFUSED, "%s mismatch, quoted: %s, expected: %s", name, q ? q : "?", e ? e : "?");
}

int image_check_lite(struct arena *a, const struct verified *v, const struct vm_config *cfg, struct diag *d)
{
	const struct measured *m = &v->evidence->measured;
	struct lite_doc doc = {0};
	uint8_t reg[64];
	bool two;
	if (!cfg->tdx.present)
		return diag_fail(d, ERR_REFUSED, "tdx lite attestation requires vm_config.tdx_measurement");
	int e = release_bind(cfg->os_image_hash, cfg->tdx.checksum_file, cfg->tdx.measurement, "measurement.tdx.cbor", d);
	if (!e)
		e = read_document(a, cfg->tdx.measurement, cfg->ovmf_variant, &doc, d);
	if (!e)
		e = two_pass(cfg, &two, d);
	if (!e)
		e = compare(a, "MRTD", m->mr_td, two ? doc.two_pass : doc.single_pass, d);
	if (!e)
		e = expected_rtmr0(&doc, cfg->memory_size, v->evidence, reg, d);
	if (!e)
		e = compare(a, "RTMR0", m->rtmr[0], SPAN(reg, SHA384_LEN), d);
	if (e)
		return e;
	expected_rtmr1(&doc, reg);
	e = compare(a, "RTMR1", m->rtmr[1], SPAN(reg, SHA384_LEN), d);
	if (e)
		return e;
	expected_rtmr2(&doc, reg);
	return compare(a, "RTMR2", m->rtmr[2], SPAN(reg, SHA384_LEN), d);
}
