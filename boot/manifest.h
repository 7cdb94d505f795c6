/* What the shared disk says this machine is: identities and payloads to measure (image.md 2.12, 3.3, 3.4), the configuration, and texts to
 * pass on. What this image would have to obey and cannot is refused by name. */
#ifndef UKMS_BOOT_MANIFEST_H
#define UKMS_BOOT_MANIFEST_H

#include "base/json.h"
#include "boot/shared.h"

enum { INIT_SCRIPTS_MAX = 5 };

struct manifest {
	uint8_t compose_hash[32];
	uint8_t app_id[20];
	bool has_instance;
	uint8_t seed[20]; /* instance_id_seed, if has_instance */
	uint8_t init_script_hash[INIT_SCRIPTS_MAX][32];
	size_t init_scripts;
	uint8_t gpu_policy_hash[32];
	const char *storage_fs;  /* "ext4" or "zfs" */
	const struct json *ukms; /* member "ukms" of app-compose.json: the measured configuration; NULL if absent */
	struct span vm_config;   /* text, unmodified; may be empty */
	struct span user_config; /* .user-config; may be empty */
};

/* files and a must outlive out. ERR_INPUT: malformed; ERR_UNSUPPORTED: asks for what this image does not do; ERR_LIMIT. The sentence begins
 * with the file's name. */
int manifest_read(struct arena *a, const struct shared_files *files, struct manifest *out, struct diag *d);

/* SHA-256(seed || app_id || ak_digest), first 20 bytes; ak_digest: SHA-256 of the attestation key's TPMT_PUBLIC. */
void manifest_instance_id(const struct manifest *m, const uint8_t ak_digest[32], uint8_t out[20]);

#endif
