/* The launch measurement of a guest (AMD 56860, 8.17.2, PAGE_INFO), from the firmware's hash, the hashes of what QEMU loads and the
 * vCPUs. */
#include "kms/attest/snp_launch.h"

#include <string.h>

#include "base/wr.h"
#include "crypto/hash.h"

enum { PAGE = SNP_PAGE, PAGE_INFO_LEN = 0x70 };
enum page_type { PAGE_NORMAL = 1, PAGE_VMSA = 2, PAGE_ZERO = 3, PAGE_SECRETS = 5, PAGE_CPUID = 6 };

/* PAGE_INFO: digest so far, contents, length, type, is_imi and permissions (all 0), address. */
static void update(uint8_t ld[48], enum page_type type, uint64_t gpa, const uint8_t content[48])
{
	uint8_t info[PAGE_INFO_LEN];
	struct wr w = wr_to(info, sizeof info);
	wr_bytes(&w, ld, 48);
	wr_bytes(&w, content, 48);
	wr_u16le(&w, PAGE_INFO_LEN);
	wr_u8(&w, (uint8_t)type);
	wr_zero(&w, 5);
	wr_u64le(&w, gpa);
	sha384(wr_span(&w), ld);
}

/* The page with the table of hashes that OVMF compares with what it loads (OvmfPkg, SEV hashes table). GUIDs in EFI's mixed order. */
static void hashes_page(const struct snp_launch *l, uint8_t page[PAGE])
{
	static const uint8_t header[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c, 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
	static const uint8_t cmdline[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
	static const uint8_t initrd[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
	static const uint8_t kernel[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};
	enum { TABLE_LEN = SNP_HASHES_LEN, ENTRY_LEN = 50 };
	uint8_t cmdline_hash[SHA256_LEN];
	static const uint8_t nul[1];
	sha256_2(l->cmdline, SPAN_ARR(nul), cmdline_hash);
	const struct {
		const uint8_t *guid;
		struct span hash;
	} entries[] = {{cmdline, SPAN_ARR(cmdline_hash)}, {initrd, SPAN_ARR(l->initrd_hash)}, {kernel, SPAN_ARR(l->kernel_hash)}};

	memset(page, 0, PAGE);
	struct wr w = wr_to(page + (l->hashes_table_gpa & (PAGE - 1)), TABLE_LEN);
	wr_bytes(&w, header, sizeof header);
	wr_u16le(&w, TABLE_LEN);
	for (size_t i = 0; i < 3; i++) {
		wr_bytes(&w, entries[i].guid, 16);
		wr_u16le(&w, ENTRY_LEN);
		wr_put(&w, entries[i].hash);
	}
}

static void put16(uint8_t *p, uint16_t v)
{
	struct wr w = wr_to(p, 2);
	wr_u16le(&w, v);
}

static void put64(uint8_t *p, uint64_t v)
{
	struct wr w = wr_to(p, 8);
	wr_u64le(&w, v);
}

static void segment(uint8_t *p, uint16_t selector, uint16_t attributes, uint32_t limit, uint64_t base)
{
	struct wr w = wr_to(p, 16);
	wr_u16le(&w, selector);
	wr_u16le(&w, attributes);
	wr_u32le(&w, limit);
	wr_u64le(&w, base);
}

/* A vCPU's state at reset (AMD APM volume 2, table B-4), as QEMU sets it up for a start at eip. */
static void vmsa_page(const struct snp_launch *l, uint32_t eip, uint8_t page[PAGE])
{
	memset(page, 0, PAGE);
	for (size_t at = 0x00; at <= 0x50; at += 0x10) /* ES, CS, SS, DS, FS, GS */
		segment(page + at, 0, 0x93, 0xffff, 0);
	segment(page + 0x10, 0xf000, 0x9b, 0xffff, eip & 0xffff0000);
	segment(page + 0x60, 0, 0, 0xffff, 0);    /* GDTR */
	segment(page + 0x70, 0, 0x82, 0xffff, 0); /* LDTR */
	segment(page + 0x80, 0, 0, 0xffff, 0);    /* IDTR */
	segment(page + 0x90, 0, 0x8b, 0xffff, 0); /* TR */
	put64(page + 0xd0, 0x1000);               /* EFER */
	put64(page + 0x148, 0x40);                /* CR4 */
	put64(page + 0x158, 0x10);                /* CR0 */
	put64(page + 0x160, 0x400);               /* DR7 */
	put64(page + 0x168, 0xffff0ff0);          /* DR6 */
	put64(page + 0x170, 2);                   /* RFLAGS */
	put64(page + 0x178, eip & 0xffff);        /* RIP */
	put64(page + 0x268, 0x0007040600070406);  /* PAT */
	put64(page + 0x310, l->cpu_signature);    /* RDX */
	put64(page + 0x3b0, l->guest_features);   /* SEV features */
	put64(page + 0x3e8, 1);                   /* XCR0 */
	put64(page + 0x408, 0x1f80);              /* MXCSR */
	put16(page + 0x410, 0x037f);              /* x87 control word */
}

void snp_launch_digest(const struct snp_launch *l, uint8_t out[48])
{
	static const uint8_t zeros[48];
	uint8_t page[PAGE], content[48];
	memcpy(out, l->ovmf_hash, 48);
	for (size_t i = 0; i < l->section_count; i++) {
		const struct snp_section *s = &l->sections[i];
		switch (s->type) {
		case SNP_SECTION_MEMORY:
		case SNP_SECTION_CAA:
			for (uint64_t at = 0; at < s->size; at += PAGE)
				update(out, PAGE_ZERO, s->gpa + at, zeros);
			break;
		case SNP_SECTION_SECRETS:
			update(out, PAGE_SECRETS, s->gpa, zeros);
			break;
		case SNP_SECTION_CPUID:
			update(out, PAGE_CPUID, s->gpa, zeros);
			break;
		case SNP_SECTION_HASHES:
			hashes_page(l, page);
			sha384(SPAN_ARR(page), content);
			update(out, PAGE_NORMAL, s->gpa, content);
		}
	}
	for (unsigned i = 0; i < l->vcpus; i++) {
		if (i < 2) { /* the later ones equal the second */
			vmsa_page(l, i ? l->reset_eip : 0xfffffff0, page);
			sha384(SPAN_ARR(page), content);
		}
		update(out, PAGE_VMSA, 0xfffffffff000, content);
	}
}
