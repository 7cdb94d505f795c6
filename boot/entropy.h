/* Randomness for the kernel's pool from sources that the host does not choose: the processor and the TPM. What a bootloader or a virtio
 * device offers is never counted (kernel command line: random.trust_bootloader=off). */
#ifndef UKMS_BOOT_ENTROPY_H
#define UKMS_BOOT_ENTROPY_H

#include "base/span.h"
#include "base/err.h"

/* 32 bytes of RDSEED, else of RDRAND. ERR_MISSING if the processor has neither or they do not deliver. */
int entropy_cpu(uint8_t out[32], struct diag *d);

/* Mixes bytes in and counts bits of them. ERR_IO. */
int entropy_add(struct span bytes, unsigned bits, struct diag *d);

/* true once the kernel's generator is seeded. */
bool entropy_ready(void);

#endif
