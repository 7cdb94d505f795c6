/* Strict DER (X.690, clause 10) on the bounded reader.
 *
 * Accepted: low tag numbers, definite lengths in their shortest form, at most 2^24-1 bytes. Each function takes one element; on a wrong
 * tag or a malformed element the reader turns bad, and everything read after that is empty. A reader over the contents of a constructed
 * element starts out bad when the element was; ask rd_done() of it when its contents must be used up. */
#ifndef UKMS_CRYPTO_DER_H
#define UKMS_CRYPTO_DER_H

#include "base/rd.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n)      (0x80 | (n)) /* [n] IMPLICIT, primitive */
#define DER_CONTEXT_CONS(n) (0xa0 | (n)) /* [n] EXPLICIT or constructed */

/* true if another element follows and its identifier octet is tag */
bool der_is(const struct rd *r, unsigned tag);
/* Takes any element: its contents; the identifier octet goes to *tag and the whole element to *whole (each may be NULL). */
struct span der_any(struct rd *r, unsigned *tag, struct span *whole);
/* Takes an element of that tag: its contents. */
struct span der_take(struct rd *r, unsigned tag);
/* Takes an element of that tag: identifier, length and contents. */
struct span der_whole(struct rd *r, unsigned tag);
/* Takes an element of that tag: a reader over its contents. */
struct rd der_open(struct rd *r, unsigned tag);

/* BOOLEAN: 00 or FF. */
bool der_bool(struct rd *r);
/* The contents octets of an INTEGER in shortest form, sign included. */
struct span der_integer(struct rd *r);
/* A non-negative INTEGER that fits. */
uint64_t der_u64(struct rd *r);
/* A non-negative INTEGER as big endian bytes without leading zeros (zero: one byte 00). */
struct span der_unsigned(struct rd *r);
/* A BIT STRING without unused bits. */
struct span der_bits(struct rd *r);
/* UTCTime (1950..2049) or GeneralizedTime, both with seconds and Z, no fraction: seconds since the epoch. */
int64_t der_time(struct rd *r);

#endif
