/* The image's claim about itself against what the firmware measured (image.md 3.10, 7): a machine that would present a vm_config which no
 * verifier accepts says so at start. */
#ifndef UKMS_BOOT_SELF_CHECK_H
#define UKMS_BOOT_SELF_CHECK_H

#include "base/arena.h"
#include "base/err.h"

/* bios_log: the TPM's event log. vm_config: as in .sys-config.json. boot_pcr: of struct gcp_layout.
 * uki: the Authenticode SHA-256 of what was booted, the third event of that PCR.
 * ERR_REFUSED: the claim names another image. ERR_INPUT: the log or the claim is malformed. */
int self_check(struct arena *a, struct span bios_log, struct span vm_config, unsigned boot_pcr, uint8_t uki[32], struct diag *d);

#endif
