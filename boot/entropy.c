#include "boot/entropy.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/wipe.h"

enum { TRIES = 1000 }; /* RDSEED may be out of entropy for microseconds */

__attribute__((target("rdseed"))) static bool seed_word(unsigned long long *v)
{
	for (int i = 0; i < TRIES; i++) {
		if (_rdseed64_step(v))
			return true;
		_mm_pause();
	}
	return false;
}

__attribute__((target("rdrnd"))) static bool rand_word(unsigned long long *v)
{
	for (int i = 0; i < TRIES; i++)
		if (_rdrand64_step(v))
			return true;
	return false;
}

int entropy_cpu(uint8_t out[32], struct diag *d)
{
	unsigned a, b, c, e;
	bool has_rand = __get_cpuid(1, &a, &b, &c, &e) && c & bit_RDRND;
	bool has_seed = __get_cpuid_count(7, 0, &a, &b, &c, &e) && b & bit_RDSEED;
	if (!has_seed && !has_rand)
		return diag_fail(d, ERR_MISSING, "the processor has no random number generator");
	for (size_t i = 0; i < 32; i += 8) {
		unsigned long long v = 0;
		if (!(has_seed && seed_word(&v)) && !(has_rand && rand_word(&v)))
			return diag_fail(d, ERR_MISSING, "the processor's random number generator does not deliver");
		memcpy(out + i, &v, 8);
		wipe(&v, sizeof v);
	}
	return 0;
}

int entropy_add(struct span bytes, unsigned bits, struct diag *d)
{
	uint32_t pool[2 + 16] = {bits, (uint32_t)bytes.n}; /* struct rand_pool_info: entropy_count, buf_size, buf[] */
	if (bytes.n > sizeof pool - 8)
		return diag_fail(d, ERR_LIMIT, "more than %zu bytes for the random pool", sizeof pool - 8);
	memcpy(pool + 2, bytes.p, bytes.n);
	int fd = open("/dev/random", O_WRONLY | O_CLOEXEC), e = 0;
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool) != 0)
		e = diag_fail(d, ERR_IO, "cannot feed the random pool: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	wipe(pool, sizeof pool);
	return e;
}

bool entropy_ready(void)
{
	uint8_t b;
	return getrandom(&b, 1, GRND_NONBLOCK) == 1;
}
