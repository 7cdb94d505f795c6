/* The system's random number generator (getrandom, after it has been seeded). */
#ifndef UKMS_CRYPTO_RANDOM_H
#define UKMS_CRYPTO_RANDOM_H

#include <stddef.h>

/* Fills p; never returns short. Ends the process if the kernel cannot deliver, since no caller could go on. */
void random_bytes(void *p, size_t n);

#endif
