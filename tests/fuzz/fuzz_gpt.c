/* A partition table of the host's choice. The checksums are put right first, else nothing behind them would be reached. */
#include <sys/mman.h>
#include <unistd.h>

#include "boot/gpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0U;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t image[1 << 16];
	if (size > sizeof image)
		return -1;
	memcpy(image, data, size);
	if (size >= 1024 && (size & 1) == 0) {
		uint32_t count, width, len, crc, zero = 0;
		uint64_t lba;
		memcpy(&len, image + 524, 4);
		memcpy(&lba, image + 584, 8);
		memcpy(&count, image + 592, 4);
		memcpy(&width, image + 596, 4);
		if (lba < 128 && count <= 256 && width <= 512 && lba * 512 + (uint64_t)count * width <= size) {
			crc = crc32(image + lba * 512, (size_t)count * width);
			memcpy(image + 600, &crc, 4);
		}
		if (len <= 512) {
			memcpy(image + 528, &zero, 4);
			crc = crc32(image + 512, len);
			memcpy(image + 528, &crc, 4);
		}
	}
	struct disk k = {.fd = memfd_create("gpt", 0), .size = size, .sector = 512, .name = "fuzz"};
	struct partition p;
	struct diag d;
	if (k.fd < 0 || write(k.fd, image, size) != (ssize_t)size)
		return -1;
	if (gpt_find(&k, "dstack-data", &p, &d) == 0 && (p.size == 0 || p.at > size || p.size > size - p.at))
		__builtin_trap();
	close(k.fd);
	return 0;
}
