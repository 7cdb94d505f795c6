/* A DER writer over struct wr: open an element, write its content, close it. */
#ifndef UKMS_CRYPTO_DERW_H
#define UKMS_CRYPTO_DERW_H

#include "base/wr.h"

/* Tags (X.690). */
enum {
	DERW_BOOLEAN = 0x01,
	DERW_INTEGER = 0x02,
	DERW_BIT_STRING = 0x03,
	DERW_OCTET_STRING = 0x04,
	DERW_OID = 0x06,
	DERW_UTF8 = 0x0c,
	DERW_UTC_TIME = 0x17,
	DERW_GENERALIZED_TIME = 0x18,
	DERW_SEQUENCE = 0x30,
	DERW_SET = 0x31
};

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
