/* The Nitro enclave image: one file with kernel, command line, metadata and one ramdisk; and the PCRs that an enclave of it has.
 * Unsigned, since a signature is random. Source: image specification 5.1, 5.2. */
#ifndef UKMS_IMAGE_EIF_H
#define UKMS_IMAGE_EIF_H

#include "base/err.h"
#include "base/span.h"
#include "base/wr.h"

struct eif {
	struct span kernel; /* bzImage */
	struct span cmdline;
	struct span metadata; /* JSON; not measured */
	struct span ramdisk;  /* newc */
};

/* The number of bytes of the file. */
size_t eif_size(const struct eif *e);
/* ERR_LIMIT: w has less room than eif_size(e). */
int eif_write(const struct eif *e, struct wr *w, struct diag *d);

struct eif_pcrs {
	uint8_t pcr0[48]; /* kernel, command line, ramdisk; PCR1 is the same, since there is one ramdisk */
	uint8_t pcr2[48]; /* of nothing: a constant */
	uint8_t os_image_hash[32];
};
void eif_predict(const struct eif *e, struct eif_pcrs *out);

#endif
