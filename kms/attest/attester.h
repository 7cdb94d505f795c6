/* Where this instance gets evidence about itself: devices in the image, a guest agent on a host, nothing in a plain process. */
#ifndef UKMS_KMS_ATTEST_ATTESTER_H
#define UKMS_KMS_ATTEST_ATTESTER_H

#include "base/arena.h"
#include "base/err.h"

struct attester {
	/* A full (unstripped) V0 container over these 64 bytes. Calls may block for a second; serialized by the implementation. */
	int (*attest)(void *self, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d);
	/* The vm_config text of this machine ("" if none). */
	int (*vm_config)(void *self, struct arena *a, struct span *out, struct diag *d);
	void *self;
};

#endif
