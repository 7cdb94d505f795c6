#include "crypto/keccak.h"

#include "base/wipe.h"

/* FIPS 202 section 3.2; lanes A[x + 5 y]. */
static const uint64_t iota[24] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
/* The walk of rho and pi from lane 1: next lane and its rotation. */
static const uint8_t pi_lane[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
static const uint8_t rho[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void permute(uint64_t a[25])
{
	for (size_t round = 0; round < 24; round++) {
		uint64_t c[5], t;
		for (size_t x = 0; x < 5; x++)
			c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
		for (size_t x = 0; x < 5; x++) {
			t = c[(x + 4) % 5] ^ rotl(c[(x + 1) % 5], 1);
			for (size_t y = 0; y < 25; y += 5)
				a[x + y] ^= t;
		}
		t = a[1];
		for (size_t i = 0; i < 24; i++) {
			uint64_t next = a[pi_lane[i]];
			a[pi_lane[i]] = rotl(t, rho[i]);
			t = next;
		}
		for (size_t y = 0; y < 25; y += 5) {
			memcpy(c, a + y, sizeof c);
			for (size_t x = 0; x < 5; x++)
				a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
		}
		a[0] ^= iota[round];
	}
}

void keccak(unsigned bits, enum keccak_padding padding, const struct span *parts, size_t n, uint8_t *out)
{
	uint64_t a[25] = {0};
	size_t rate = 200 - bits / 4, at = 0;

	for (size_t k = 0; k < n; k++) {
		for (size_t i = 0; i < parts[k].n; i++) {
			a[at / 8] ^= (uint64_t)parts[k].p[i] << 8 * (at % 8);
			if (++at == rate) {
				permute(a);
				at = 0;
			}
		}
	}
	a[at / 8] ^= (uint64_t)padding << 8 * (at % 8);
	a[rate / 8 - 1] ^= UINT64_C(0x80) << 56;
	permute(a);
	for (size_t i = 0; i < bits / 8; i++)
		out[i] = (uint8_t)(a[i / 8] >> 8 * (i % 8));
	wipe(a, sizeof a);
}

void keccak256(struct span in, uint8_t out[KECCAK256_LEN])
{
	keccak(256, KECCAK_ORIGINAL, &in, 1, out);
}
