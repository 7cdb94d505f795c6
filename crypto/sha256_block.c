/* SHA-256 by the processor's own instructions where it has them, five times as fast as C. BearSSL's compression function is renamed by
 * reproducible/build-deps, so that all of BearSSL (HMAC, PRF, HKDF, DRBG, the handshake's hash) comes through here. */
#include <cpuid.h>
#include <stdatomic.h>

#include "crypto/hash.h"

/* One block of 64 bytes into the eight words of the state. */
void br_sha2small_round(const unsigned char *block, uint32_t state[8]);
void br_sha2small_round_c(const unsigned char *block, uint32_t state[8]);
/* aws-lc; needs the SHA extensions and SSSE3. */
void sha256_block_data_order_hw(uint32_t state[8], const uint8_t *blocks, size_t count);

bool sha256_portable_only;

bool sha256_fast_here(void)
{
	/* Asked once: in a virtual machine each CPUID is an exit to the hypervisor. */
	static atomic_int known; /* 0 not asked, 1 no, 2 yes */
	int k = atomic_load_explicit(&known, memory_order_relaxed);
	if (k == 0) {
		enum { SHA_EXTENSIONS = 1 << 29 }; /* CPUID 7.0 EBX; older cpuid.h have no name for it */
		unsigned a, b, c, d;
		bool sse = __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSSE3;
		k = sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & SHA_EXTENSIONS ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k == 2 && !sha256_portable_only;
}

void br_sha2small_round(const unsigned char *block, uint32_t state[8])
{
	if (sha256_fast_here())
		sha256_block_data_order_hw(state, block, 1);
	else
		br_sha2small_round_c(block, state);
}
