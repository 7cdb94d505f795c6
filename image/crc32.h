/* CRC-32/ISO-HDLC, of partition tables and enclave images. */
#ifndef UKMS_IMAGE_CRC32_H
#define UKMS_IMAGE_CRC32_H

#include "base/span.h"

/* Of a || b, given crc32(a) as `before`; 0 is the value of nothing. */
static inline uint32_t crc32_more(uint32_t before, struct span b)
{
	uint32_t crc = ~before;
	for (size_t i = 0; i < b.n; i++) {
		crc ^= b.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

#endif
