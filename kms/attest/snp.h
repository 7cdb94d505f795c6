/* AMD SEV-SNP evidence (attestation specification, 6.2): an attestation report, the certificates of the key that signed it, and the
 * MrConfigV3 document that the report's HOST_DATA binds. */
#ifndef UKMS_KMS_ATTEST_SNP_H
#define UKMS_KMS_ATTEST_SNP_H

#include "kms/attest/attest.h"

enum { SNP_REPORT_LEN = 1184, SNP_SCRIPT_HASHES_MAX = 64 };

enum snp_product { SNP_GENOA, SNP_MILAN, SNP_TURIN };
enum { SNP_PRODUCTS = 3 };

/* The members of a report that are used; integers are host order, byte strings as carried (AMD 56860, table 23). */
struct snp_report {
	uint32_t version;
	uint64_t policy;
	uint32_t vmpl;
	uint32_t signature_algorithm;
	uint64_t current_tcb, reported_tcb, committed_tcb, launch_tcb; /* byte 0 of the layout is the lowest */
	uint64_t platform_info;
	uint32_t key_flags;
	uint8_t report_data[64];
	uint8_t measurement[48];
	uint8_t host_data[32];
	uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* version 3 and later */
	uint8_t chip_id[64];
	struct span signed_part;
	uint8_t r_le[72], s_le[72];
};

/* The MrConfigV3 document. Byte strings are decoded from hex into the arena; absent members are empty. */
struct mr_config_v3 {
	struct span app_id, compose_hash, gpu_policy_hash, instance_id, key_provider_id;
	const char *key_provider; /* "none", "local", "kms" or "tpm" */
	struct span init_script_hashes[SNP_SCRIPT_HASHES_MAX];
	size_t init_script_count;
	bool has_init_scripts; /* false: the member is absent, which AppInfo tells from an empty list */
};

struct snp_result {
	struct snp_report report;
	enum snp_product product;
	const char *tcb_status; /* "UpToDate" or "OutOfDate" */
	struct mr_config_v3 document;
	/* Section 7.1, column dstack-amd-sev-snp. device_id of AppInfo is SHA-256(report.chip_id), of BootInfo the chip id itself. */
	struct span key_provider_info; /* {"name":...,"id":hex}, in the arena */
	uint8_t mr_system[32];
	uint8_t mr_aggregated[32];
};

/* Splits a report into its members. ERR_INPUT if it has another length or a version other than 2 and 3. */
int snp_report_parse(struct span bytes, struct snp_report *out, struct diag *d);

/* Parses a document (JSON text; unknown and repeated members are refused). ERR_INPUT. */
int mr_config_v3_parse(struct arena *a, struct span text, struct mr_config_v3 *out, struct diag *d);

/* SHA-256("dstack-mr-config-v3:" || 0x00 || text), what HOST_DATA holds. */
void mr_config_v3_hash(struct span text, uint8_t out[32]);

/* What a report and a document say, with nothing verified: no certificate, no signature, no rule, no HOST_DATA. For previews only. */
int snp_preview(struct arena *a, struct span report, struct span mr_config, struct snp_result *out, struct diag *d);

/* Verifies a report: certificate chain to ctx->anchors' ARK of the product, signature, launch policy, configuration document.
 * certs: the container's entries; n = 0 fetches from AMD's KDS through ctx->snp_kds and ctx->fetcher, 1 is a kernel certificate table,
 * 2 are ASK and VCEK (DER or PEM). The caller compares out->report.report_data with what it expects. out borrows from report and a.
 * now is not used for validity dates: neither AMD's nor upstream's verifier looks at them; VCEKs are bound to a chip and a TCB instead.
 * Errors: ERR_INPUT, ERR_CRYPTO (a signature), ERR_REFUSED (a rule), ERR_UNSUPPORTED (product), ERR_IO (KDS), ERR_LIMIT. */
int snp_verify(const struct attest_ctx *ctx, struct arena *a, struct span report, const struct span *certs, size_t n, struct span mr_config,
	       int64_t now, struct snp_result *out, struct diag *d);

/* The OS image check: recomputes the launch measurement from vm_config's sev_snp_measurement, which its checksum file binds to
 * os_image_hash, and compares it with the report's. vm_config is the selected JSON text. ERR_INPUT, ERR_REFUSED, ERR_LIMIT. */
int snp_image_check(struct arena *a, const struct snp_report *report, struct span vm_config, struct diag *d);

#endif
