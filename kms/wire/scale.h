/* SCALE, as far as dstack uses it (attestation specification 1.2): compact integers, byte vectors and text over struct rd and struct wr. */
#ifndef UKMS_KMS_WIRE_SCALE_H
#define UKMS_KMS_WIRE_SCALE_H

#include "base/rd.h"
#include "base/wr.h"

/* A compact integer below 2^32. An encoding longer than needed, or a larger value, fails the reader. */
uint32_t scale_compact(struct rd *r);
/* The count of a vector whose items take at least item_min bytes each: fails the reader when the rest of the input cannot hold them. */
size_t scale_count(struct rd *r, size_t item_min);
/* Vec<u8> */
struct span scale_bytes(struct rd *r);
/* String: fails the reader unless it is UTF-8. */
struct span scale_str(struct rd *r);

/* n below 2^32; more marks the writer full. */
void scale_put_compact(struct wr *w, size_t n);
/* Vec<u8> or String */
void scale_put_bytes(struct wr *w, struct span s);

#endif
