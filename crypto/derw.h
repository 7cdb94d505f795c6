/* A DER writer over struct wr: open an element, write its content, close it. Tags as in crypto/der.h. */
#ifndef UKMS_CRYPTO_DERW_H
#define UKMS_CRYPTO_DERW_H

#include "base/wr.h"
#include "crypto/der.h"

/* Begins an element; the returned mark is for derw_close, which puts the length in front of what was written since. */
size_t derw_open(struct wr *w, uint8_t tag);
void derw_close(struct wr *w, size_t mark);
/* A whole primitive element. */
void derw_element(struct wr *w, uint8_t tag, struct span content);
/* A non-negative INTEGER in minimal form from big-endian bytes. */
void derw_unsigned(struct wr *w, struct span big_endian);
/* An X.509 Time: UTCTime for 1950 to 2049, else GeneralizedTime; seconds since the epoch, year 0 to 9999 (else w is marked full). */
void derw_time(struct wr *w, int64_t t);

#endif
