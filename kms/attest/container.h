/* The two container encodings, for evidence.c. */
#ifndef UKMS_KMS_ATTEST_CONTAINER_H
#define UKMS_KMS_ATTEST_CONTAINER_H

#include "base/wr.h"
#include "kms/attest/evidence.h"

enum { PCR_VALUES_MAX = 64, CERTS_MAX = 16 };

/* in: all bytes of the container. strict_end: nothing may be left over. */
int container_v0_decode(struct arena *a, struct span in, bool strict_end, struct evidence *ev, struct diag *d);
int container_v1_decode(struct arena *a, struct span in, struct evidence *ev, struct diag *d);
void container_v0_encode(struct wr *w, const struct evidence *ev);
void container_v1_encode(struct wr *w, const struct evidence *ev);

#endif
