/* Hex and base64, strict on input, lower case and padded on output. */
#ifndef UKMS_BASE_TEXT_H
#define UKMS_BASE_TEXT_H

#include "base/arena.h"
#include "base/span.h"

/* Decodes exactly 2*cap hex digits at most (either case, no 0x, even count). Returns the number of bytes, or -1. */
int hex_decode(struct span text, uint8_t *out, size_t cap);
/* Decodes into the arena; {NULL,0} on malformed text or a full arena (an empty text gives a non-NULL empty span). */
struct span hex_decode_in(struct arena *a, struct span text);
/* Lower-case hex, NUL terminated; NULL when full. */
char *hex_encode_in(struct arena *a, struct span bytes);

/* Standard alphabet, padding required, no white space. Same return rule as hex_decode_in. */
struct span base64_decode_in(struct arena *a, struct span text);
char *base64_encode_in(struct arena *a, struct span bytes);

/* Decimal, no sign, no leading white space; false on anything else or overflow. */
bool parse_u64(struct span text, uint64_t *out);

/* true if s is well-formed UTF-8 (no surrogates, no over-long forms) */
bool utf8_valid(struct span s);
/* s if it is well-formed, else a copy in which each malformed sequence is one U+FFFD; {NULL,0} when full. */
struct span utf8_repair(struct arena *a, struct span s);

/* A URL without user and password, to be shown to anybody: the same text if it has none, "..." when full. */
const char *url_public(struct arena *a, const char *text);

#endif
