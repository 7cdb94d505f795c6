/* What this image trusts, told by the measured initramfs: /flavour is absent in prod (production anchors, Google's layout); the dev image
 * has it, with flavour.json and its own anchors. */
#ifndef UKMS_BOOT_FLAVOUR_H
#define UKMS_BOOT_FLAVOUR_H

#include "kms/attest/attest.h"

struct flavour {
	const char *name; /* "prod" or "dev" */
	struct anchors anchors;
	struct gcp_layout gcp;
};

/* dir: "/flavour". flavour.json is {"flavour":"dev","boot_pcr":4,"pcr0":null or 64 hex digits}; anchors/NAME.der fill the member NAME of
 * struct anchors, and those without a file refuse what needs them. Everything lives in a. ERR_CONFIG: the directory is there and not
 * understood. */
int flavour_read(struct arena *a, const char *dir, struct flavour *out, struct diag *d);

#endif
