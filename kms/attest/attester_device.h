/* Evidence about this machine from its own devices: the V0 container of dstack-gcp-tdx or dstack-nitro-enclave. Source: attestation 1.3,
 * 4.2, 5.6; image 3.7. */
#ifndef UKMS_KMS_ATTEST_ATTESTER_DEVICE_H
#define UKMS_KMS_ATTEST_ATTESTER_DEVICE_H

#include "drivers/eventlog.h"
#include "drivers/nsm.h"
#include "kms/attest/attester.h"
#include "kms/attest/evidence.h"

struct attester_gcp {
	struct tdx *tdx;
	struct tpm *tpm;
	struct eventlog *log;
	uint8_t boot_pcr;      /* of struct gcp_layout: 2, or 4 in the dev flavour */
	struct span vm_config; /* text, unmodified; may be empty */
	const char *bios_log;  /* NULL: /sys/kernel/security/tpm0/binary_bios_measurements */
	const char *ccel;      /* NULL: /sys/firmware/acpi/tables/data/CCEL. A missing table is an empty list */
	pthread_mutex_t lock;  /* quote, TPM quote and list are one step */
	/* What the firmware logged, read once. */
	struct arena kept;
	bool have_logs;
	const struct tdx_event *ccel_events;
	size_t ccel_count;
	const struct boot_event *boot_events;
	size_t boot_count;
};

struct attester_nitro {
	struct nsm *nsm;
	struct eventlog *log; /* unsigned: app-id and so on */
};

/* The caller fills the members above the lock; the rest is zero. s must outlive the result. */
struct attester attester_gcp_init(struct attester_gcp *s);
/* vm_config is {"os_image_hash":"<hex>"} of the enclave's own PCRs. */
struct attester attester_nitro_init(struct attester_nitro *s);

#endif
