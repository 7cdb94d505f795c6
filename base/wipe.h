/* Secrets: erased after use, compared in constant time. */
#ifndef UKMS_BASE_WIPE_H
#define UKMS_BASE_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites n bytes with zeros; never optimised away. */
void wipe(void *p, size_t n);

/* true if equal; the time depends on n only */
bool equal_ct(const void *a, const void *b, size_t n);

#endif
