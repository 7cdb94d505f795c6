/* A whole shared disk of the host's choice. */
#include <sys/mman.h>
#include <unistd.h>

#include "boot/fat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[1 << 20];
	static struct fat f;
	struct disk k = {.fd = memfd_create("fat", 0), .size = size, .sector = 512, .name = "fuzz"};
	struct diag d;
	if (k.fd < 0 || write(k.fd, data, size) != (ssize_t)size)
		return -1;
	if (fat_open(&f, &k, &d) == 0) {
		struct arena a = arena_over(block, sizeof block);
		struct span s;
		if (fat_read(&f, &a, "app-compose.json", 1 << 18, &s, &d) == 0 && s.n > 0 && s.p[s.n] != 0)
			__builtin_trap();
		fat_read(&f, &a, ".user-config", 1 << 18, &s, &d);
	}
	close(k.fd);
	return 0;
}
