#include "crypto/words.h"

#include <string.h>

void words_from_be(uint64_t *w, size_t words, const uint8_t *be, size_t len)
{
	memset(w, 0, 8 * words);
	for (size_t i = 0; i < len; i++)
		w[i / 8] |= (uint64_t)be[len - 1 - i] << 8 * (i % 8);
}

void words_to_be(uint8_t *be, const uint64_t *w, size_t words)
{
	for (size_t i = 0; i < 8 * words; i++)
		be[8 * words - 1 - i] = (uint8_t)(w[i / 8] >> 8 * (i % 8));
}

uint64_t words_less(const uint64_t *a, const uint64_t *b, size_t words)
{
	unsigned __int128 borrow = 0;
	for (size_t i = 0; i < words; i++)
		borrow = ((unsigned __int128)a[i] - b[i] - borrow) >> 64 & 1;
	return (uint64_t)borrow;
}

uint64_t words_zero(const uint64_t *a, size_t words)
{
	uint64_t any = 0;
	for (size_t i = 0; i < words; i++)
		any |= a[i];
	return 1 ^ ((any | -any) >> 63);
}
