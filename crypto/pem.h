/* PEM (RFC 7468): written in 64-column lines with LF; read with LF or CRLF, text around and between blocks ignored. */
#ifndef UKMS_CRYPTO_PEM_H
#define UKMS_CRYPTO_PEM_H

#include "base/arena.h"

/* {NULL, 0} when the arena is full. The text is NUL terminated behind its end. */
struct span pem_encode(struct arena *a, const char *label, struct span der);
/* The first block of that label. {NULL, 0} if there is none or it is malformed. */
struct span pem_decode(struct arena *a, const char *label, struct span text);

#endif
