/* The configuration JSON inside a container or a request (attestation specification 1.8). Unsigned: nothing in it is believed before the
 * image check has bound it to a measurement. */
#ifndef UKMS_KMS_ATTEST_VM_CONFIG_H
#define UKMS_KMS_ATTEST_VM_CONFIG_H

#include "base/arena.h"
#include "base/err.h"

/* A measurement document and the sha256sum.txt that lists it, both decoded from base64. */
struct release_doc {
	bool present;
	struct span checksum_file, measurement;
};

struct vm_config {
	struct span os_image_hash;
	uint64_t memory_size;
	bool has_single_pass, single_pass; /* qemu_single_pass_add_pages; its meaning is odd, see 7.5.3 */
	struct span qemu_version;          /* empty if absent */
	struct span ovmf_variant;          /* empty if absent */
	bool lite;                         /* tdx_attestation_variant */
	struct release_doc tdx, gcp, aws;
	struct span sev_snp_measurement; /* JSON text, empty if absent */
	struct span mr_config;
};

enum { VM_CONFIG_MAX = 64 * 1024 }; /* real ones have 2 KiB; what JSON unfolds into stays below 3 MiB */

/* Parses it; "" counts as {}. unwrap: a string member vm_config is parsed instead, one level (only for evidence that was not verified).
 * ERR_INPUT "Failed to parse vm config: ...", ERR_LIMIT. */
int vm_config_parse(struct arena *a, struct span text, bool unwrap, struct vm_config *out, struct diag *d);

/* Binds a measurement document to os_image_hash (4.6): SHA-256(checksum_file) = os_image_hash, and the file has exactly one line for name,
 * whose hash is SHA-256(measurement). ERR_REFUSED, ERR_INPUT. */
int release_bind(struct span os_image_hash, struct span checksum_file, struct span measurement, const char *name, struct diag *d);

#endif
