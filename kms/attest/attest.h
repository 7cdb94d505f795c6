/* Evidence in, identity out.
 *
 * attest_verify() takes the bytes of one attestation and returns what its hardware says, or one precise error. The steps and their
 * order are section 0 of the attestation specification; each error sentence names the step that refused. */
#ifndef UKMS_KMS_ATTEST_ATTEST_H
#define UKMS_KMS_ATTEST_ATTEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

/* Values are the SCALE discriminants of the evidence enum. */
enum variant { VARIANT_TDX = 0, VARIANT_GCP_TDX = 1, VARIANT_NITRO = 2, VARIANT_SEV_SNP = 3, VARIANT_NITRO_TPM = 4 };
enum { VARIANTS = 5 };

/* "dstack-tdx", "dstack-gcp-tdx", ... as in JSON and in policy. */
const char *variant_name(enum variant v);

/* Which container rules hold: what January 2026 peers send must verify, or the stricter August 2026 rules. */
enum generation { GEN_STRICT, GEN_COMPAT };

/* Gets a document over the network (PCCS, CRL distribution points, AMD KDS). One call is one GET; the caller owns the arena.
 * Headers are looked up case-insensitively by header(). */
struct fetched {
	int status;
	struct span body;
	struct span headers; /* raw header lines, CRLF separated */
};
struct fetcher {
	int (*get)(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d);
	void *self;
};
/* The value of the first header of that name, without surrounding white space; false if absent. */
bool fetched_header(const struct fetched *f, const char *name, struct span *out);

/* Trust anchors: DER certificates. An empty span refuses the kinds that need it. */
struct anchors {
	struct span intel_sgx_root;
	struct span google_ek_root; /* Google's EK/AK root CA */
	struct span aws_nitro_root;
	struct span aws_nitro_tpm_root;
	struct span amd_ark_milan, amd_ark_genoa, amd_ark_turin;
};
/* The production anchors of Annex A. */
extern const struct anchors anchors_production;

/* A table of relaxable rules, by name; see rules.h. Strict is all zero. */
struct attest_rules {
	uint32_t relaxed; /* bit per enum attest_rule */
	enum generation generation;
};

struct collateral_cache; /* kms/attest/collateral.h */
struct snp_kds;          /* kms/attest/snp_kds.h */

/* Where the firmware of a platform with vTPM logs the GPT and the UKI. Google: PCR 2, PCR 0 pinned. The dev flavour (OVMF): PCR 4, PCR 0
 * of any value. The quote's selection, the sealing policy, mr_aggregated and the image check all use {0, boot_pcr, 14}. */
struct gcp_layout {
	uint8_t boot_pcr;
	bool pcr0_any;
	uint8_t pcr0[32];
};
extern const struct gcp_layout gcp_layout_production;

struct attest_ctx {
	struct anchors anchors;
	struct gcp_layout gcp;
	struct attest_rules rules;
	struct collateral_cache *collateral;
	struct snp_kds *snp_kds; /* may be NULL: nothing is remembered */
	struct fetcher fetcher;
	struct doc_cache *docs;       /* kms/attest/doc_cache.h, or NULL: issuers and revocation lists of TPM keys are fetched each time */
	struct evidence_cache *cache; /* kms/attest/cache.h, or NULL: every verification is done in full */
};

struct runtime_event {
	struct span name;
	struct span payload;
	uint32_t version; /* 1 or 2 */
};

enum { ADVISORIES_MAX = 64 };

/* What the evidence proves. Spans point into the container bytes or the arena. */
struct verified {
	enum variant variant;
	uint8_t report_data[64];
	struct span config; /* unsigned until image_check() has passed */
	const struct runtime_event *events;
	size_t event_count;
	struct span tcb_status; /* "UpToDate", ...; empty on Nitro */
	struct span advisories[ADVISORIES_MAX];
	size_t advisory_count;
	struct span device;              /* the raw id that device_id hashes: PPID, module id prefix, chip id */
	int64_t expires;                 /* seconds since the epoch: the earliest time at which this verdict must be made again */
	const struct evidence *evidence; /* decoded platform evidence, for boot_info_derive() and image_check() */
	struct attest_rules rules;       /* those it was verified under */
	bool preview;                    /* nothing was verified (attest_preview) */
};

/* Verifies container bytes (V0 or V1) at time now (seconds since the epoch). Allocates from a; out borrows from container and a.
 * Thread safe for one ctx. Errors: ERR_INPUT, ERR_CRYPTO, ERR_REFUSED, ERR_IO (collateral), ERR_LIMIT. */
int attest_verify(const struct attest_ctx *ctx, struct arena *a, struct span container, int64_t now, struct verified *out, struct diag *d);

/* The same for the old form: a bare TDX quote and a JSON event log (certificate extensions .1 and .2, CSR version 1). */
int attest_verify_legacy(const struct attest_ctx *ctx, struct arena *a, struct span quote, struct span event_log_json, int64_t now,
			 struct verified *out, struct diag *d);

/* Decodes without verifying anything: what SignCert puts into a certificate's app info, and tools show. device and tcb_status are empty;
 * never a ground for a decision. ERR_INPUT, ERR_LIMIT. */
int attest_preview(const struct attest_ctx *ctx, struct arena *a, struct span container, struct verified *out, struct diag *d);
int attest_preview_legacy(const struct attest_ctx *ctx, struct arena *a, struct span quote, struct span event_log_json,
			  struct verified *out, struct diag *d);

/* RA-TLS: report_data must be SHA-512("ratls-cert:" || spki). ERR_REFUSED "report data mismatch". */
int attest_check_key(const struct verified *v, struct span spki_der, struct diag *d);

/* report_data(tag, content): SHA-512(tag || ":" || content). */
void report_data(const char *tag, struct span content, uint8_t out[64]);

/* The identity that policy sees (BootInfo, section 7). Byte strings are raw; empty where the variant has none. */
struct boot_info {
	enum variant variant;
	uint8_t mr_aggregated[32], mr_system[32], device_id[32], mr_key_provider[32];
	bool mr_config_tail; /* mr_config_id, mr_owner and mr_owner_config are in mr_aggregated (dstack-tdx) */
	struct span os_image_hash, app_id, compose_hash, instance_id, key_provider_info;
	struct span ppid; /* raw device id */
	struct span tcb_status;
	const struct span *advisories;
	size_t advisory_count;
};

/* vm_config: of the request, or empty for the container's own. boottime: measurements end at boot-mr-done.
 * ERR_INPUT "Failed to parse vm config: ...". ERR_REFUSED: the app id has not 20 bytes (rule app-id-length), or comes from a Nitro
 * enclave's unsigned event list (rule nitro-signed-identity); out is complete all the same, for a preview. */
int boot_info_derive(struct arena *a, const struct verified *v, struct span vm_config, bool boottime, struct boot_info *out,
		     struct diag *d);

/* The JSON body of bootAuth: attestationMode, then teeVariant, then the rest in the order of the protocol. NULL when full. */
struct span boot_info_json(struct arena *a, const struct boot_info *b);
/* The same with attestationMode (January) or teeVariant (August) left out. */
struct span boot_info_json_as(struct arena *a, const struct boot_info *b, bool mode, bool variant);

/* The OS image check of section 7.5, against the signed measurements. "Failed to verify os image hash: ..." is the caller's to add. */
int image_check(const struct attest_ctx *ctx, struct arena *a, const struct verified *v, struct span vm_config, struct diag *d);

/* Reduces the TDX event log for embedding in a certificate (section 1.7) and writes the V0 container, or V1 if V0 cannot hold it.
 * Input is either container form. {NULL,0} and d on error. */
struct span container_strip(struct arena *a, struct span container, struct diag *d);

#endif
