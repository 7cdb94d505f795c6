/* What determines the launch measurement of an SEV-SNP guest under QEMU and OVMF (attestation specification, 6.2). */
#ifndef UKMS_KMS_ATTEST_SNP_LAUNCH_H
#define UKMS_KMS_ATTEST_SNP_LAUNCH_H

#include "base/arena.h"
#include "base/err.h"

/* Pages: of all measured memory together; a firmware has a few hundred, and each costs a hash. */
enum { SNP_PAGE = 4096, SNP_HASHES_LEN = 168, SNP_SECTIONS_MAX = 64, SNP_VCPUS_MAX = 512, SNP_PAGES_MAX = 16384 };

enum snp_section_type {
	SNP_SECTION_MEMORY = 1,
	SNP_SECTION_SECRETS = 2,
	SNP_SECTION_CPUID = 3,
	SNP_SECTION_CAA = 4,
	SNP_SECTION_HASHES = 0x10
};

struct snp_section {
	uint64_t gpa, size; /* whole pages */
	enum snp_section_type type;
};

struct snp_launch {
	struct span cmdline; /* without white space around it */
	uint8_t ovmf_hash[48], kernel_hash[32], initrd_hash[32];
	uint64_t hashes_table_gpa; /* its table does not cross a page */
	uint32_t reset_eip;
	struct snp_section sections[SNP_SECTIONS_MAX];
	size_t section_count;
	unsigned vcpus;
	uint32_t cpu_signature; /* CPUID 1, EAX */
	uint64_t guest_features;
};

/* CPUID 1, EAX of a QEMU CPU model, with or without "-v<n>" behind it; false for an unknown one. */
bool snp_cpu_signature(struct span vcpu_type, uint32_t *out);

/* ERR_INPUT if l is outside of the limits of 6.2 (counts, whole pages, the hashes section, the command line's root hash). */
int snp_launch_check(const struct snp_launch *l, struct diag *d);

/* The measurement. l has passed snp_launch_check. */
void snp_launch_digest(const struct snp_launch *l, uint8_t out[48]);

#endif
