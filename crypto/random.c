#include "crypto/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
	uint8_t *to = p;
	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fputs("ukms: getrandom failed\n", stderr);
			abort();
		}
		to += got;
		n -= (size_t)got;
	}
}
