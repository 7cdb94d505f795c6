/* JSON strings as every answer writes them (protocol section 2.10). */
#ifndef UKMS_KMS_WIRE_JSON_OUT_H
#define UKMS_KMS_WIRE_JSON_OUT_H

#include "base/wr.h"

/* A quoted string: '"', '\' and control characters below 0x20 escaped, everything else as it stands. At most 6 s.n + 2 bytes. */
void json_out_string(struct wr *w, struct span s);

#endif
