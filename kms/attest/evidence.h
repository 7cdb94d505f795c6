/* One attestation, decoded: containers V0 (SCALE) and V1 (MessagePack), and the old pair of quote and JSON event log (section 1). */
#ifndef UKMS_KMS_ATTEST_EVIDENCE_H
#define UKMS_KMS_ATTEST_EVIDENCE_H

#include "kms/attest/attest.h"

enum {
	CONTAINER_MAX = 10 * 1024 * 1024,
	QUOTE_MAX = 1024 * 1024,         /* where it has to be copied: V1 */
	EVENT_LOG_JSON_MAX = 192 * 1024, /* real ones have 20 KiB; what JSON unfolds into stays below 8 MiB */
	EVENTS_MAX = 8192,               /* of each list; keeps what one container unfolds into below 2 MiB */
};

enum { EVENT_TYPE_RUNTIME = 0x08000001, EVENT_TYPE_ACPI = 10 };

struct tdx_event {
	uint32_t imr, type, version; /* version 1 or 2 */
	struct span digest;          /* 48 bytes, or empty after stripping */
	struct span name, payload;
	bool has_preimage;
	struct span preimage; /* hex text; V1 and JSON only */
};

struct pcr_value {
	uint32_t index;
	struct span algorithm, value;
};

struct boot_event {
	uint32_t pcr;
	struct span digest;
};

enum tpm_platform { TPM_PLATFORM_DSTACK, TPM_PLATFORM_GCP, TPM_PLATFORM_NITRO, TPM_PLATFORM_AWS_EC2, TPM_PLATFORMS };

struct tpm_evidence {
	struct span message, signature, ak_cert;
	const struct pcr_value *pcrs;
	size_t pcr_count;
	enum tpm_platform platform;
	const struct boot_event *log;
	size_t log_count;
};

struct nsm_doc;    /* kms/attest/nsm.h */
struct snp_result; /* kms/attest/snp.h */

/* What the evidence says about the machine; believed only after the signatures over it were checked. */
struct measured {
	struct span mr_td, rtmr[4], mr_config_id, mr_owner, mr_owner_config; /* TDX kinds, 48 each */
	uint8_t pcr0[32], pcr_boot[32], pcr14[32];                           /* GCP */
	const struct nsm_doc *nsm;                                           /* Nitro kinds */
	const struct snp_result *snp;                                        /* SEV-SNP */
};

struct evidence {
	enum variant variant;
	unsigned container; /* 0, 1; 0 also for the old form */
	struct span quote;  /* TDX quote with its padding, NSM document, SNP report */
	const struct tdx_event *log;
	size_t log_count;
	struct tpm_evidence tpm;  /* VARIANT_GCP_TDX */
	const struct span *certs; /* VARIANT_SEV_SNP */
	size_t cert_count;
	struct span mr_config;
	const struct runtime_event *events;
	size_t event_count;
	uint8_t report_data[64];
	struct span config;
	bool is_pod; /* stack kind dstack-pod */
	struct span pod_payload;
	struct measured measured;
};

/* Decodes either container. out borrows from container and a. The relaxable rule here is container-trailing-bytes.
 * ERR_INPUT in the words of section 1.1, ERR_LIMIT. */
int evidence_decode(struct arena *a, struct span container, const struct attest_rules *rules, struct evidence **out, struct diag *d);

/* Builds it from the old form (1.5). ERR_INPUT "Failed to parse tdx_event_log", "Invalid TDX quote", "Invalid TDX report". */
int evidence_from_legacy(struct arena *a, struct span quote, struct span event_log_json, struct evidence **out, struct diag *d);

/* A JSON event log alone. */
int tdx_events_parse_json(struct arena *a, struct span text, const struct tdx_event **out, size_t *count, struct diag *d);

/* Removes from the TDX event log what a certificate does not need (1.7): the rules of August, or those of January. */
int evidence_strip(struct arena *a, struct evidence *ev, enum generation g, struct diag *d);

/* true if V0 can hold it: no pod payload, no version 2 events */
bool evidence_fits_v0(const struct evidence *ev);
/* The container bytes, version 0 or 1. {NULL, 0} when the arena is full or V0 cannot hold it. */
struct span evidence_encode(struct arena *a, const struct evidence *ev, unsigned version, struct diag *d);

#endif
