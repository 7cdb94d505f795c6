/* Numbers as little-endian 64-bit words, in constant time; inside crypto/ only. */
#ifndef UKMS_CRYPTO_WORDS_H
#define UKMS_CRYPTO_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Big-endian bytes to words and back; len is at most 8 * words. */
void words_from_be(uint64_t *w, size_t words, const uint8_t *be, size_t len);
void words_to_be(uint8_t *be, const uint64_t *w, size_t words);
/* 1 if a < b, else 0; 1 if a is 0, else 0 */
uint64_t words_less(const uint64_t *a, const uint64_t *b, size_t words);
uint64_t words_zero(const uint64_t *a, size_t words);

#endif
