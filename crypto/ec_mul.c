#include "crypto/ec_curve.h"

#include <string.h>

#include "base/wipe.h"

enum { WINDOW = 4, ENTRIES = 1 << WINDOW };

/* out = table[index], reading all of it */
static void pick(uint64_t *out, uint64_t table[ENTRIES][EC_JAC], uint64_t index, size_t n)
{
	memset(out, 0, 8 * n);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t mask = (i ^ index) - 1;
		mask = -(mask >> 63); /* all ones where i is index */
		for (size_t j = 0; j < n; j++)
			out[j] |= mask & table[i][j];
	}
}

/* Fixed windows of four bits from the top. k is below n, so the running 16 m Q and the j Q that is added (m the bits so far, j < 16) are
 * never equal and finite: 16 m = j modulo n asks for m = j = 0, as 16 m + j <= k < n. Infinity on either side is point_add's business. */
void ec_point_mul(const struct ec_curve *c, uint64_t *out, const uint64_t *k, const uint64_t *q)
{
	uint64_t table[ENTRIES][EC_JAC] = {{0}}, scalar[EC_WORDS_MAX], term[EC_JAC], acc[EC_JAC] = {0};
	size_t n = 3 * c->words;
	c->mod_n(scalar, c->words, k);
	memcpy(table[1], q, 8 * n);
	for (size_t i = 2; i < ENTRIES; i += 2) {
		c->point_double(table[i], table[i / 2]);
		c->point_add(table[i + 1], table[i], q);
	}
	for (size_t i = 64 * c->words; i > 0;) {
		i -= WINDOW;
		for (size_t j = 0; j < WINDOW; j++)
			c->point_double(acc, acc);
		pick(term, table, scalar[i / 64] >> i % 64 & (ENTRIES - 1), n);
		c->point_add(acc, acc, term);
	}
	memcpy(out, acc, 8 * n);
	wipe(scalar, sizeof scalar);
	wipe(term, sizeof term);
	wipe(acc, sizeof acc);
}
