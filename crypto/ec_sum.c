/* u1 G + u2 Q by interleaved signed windows (Guide to Elliptic Curve Cryptography, algorithm 3.51): one run of doublings, additions
 * from a fixed table of odd multiples of G and a small one of Q. */
#include "crypto/ec_curve.h"

#include <string.h>

enum { Q_WINDOW = 5, Q_ODD = 1 << (Q_WINDOW - 2), DIGITS = 64 * EC_WORDS_MAX + 1 };

/* count (at most 8) bits of k from position at; zero beyond the end */
static unsigned bits_at(const uint64_t *k, size_t words, size_t at, unsigned count)
{
	size_t i = at / 64, s = at % 64;
	uint64_t v = i < words ? k[i] >> s : 0;
	if (s && i + 1 < words)
		v |= k[i + 1] << (64 - s);
	return (unsigned)(v & ((1U << count) - 1));
}

/* Digits d[i], each zero or odd with |d| < 2^(w-1), with sum d[i] 2^i = k. */
static void recode(int d[DIGITS], const uint64_t *k, size_t words, unsigned w)
{
	memset(d, 0, DIGITS * sizeof d[0]);
	unsigned carry = 0;
	for (size_t i = 0; i <= 64 * words;) {
		if (bits_at(k, words, i, 1) == carry) {
			i++;
			continue;
		}
		int v = (int)(bits_at(k, words, i, w) + carry);
		carry = (unsigned)v >> (w - 1);
		d[i] = v - (int)(carry << w);
		i += w;
	}
}

static bool infinite(const struct ec_curve *c, const uint64_t *jac)
{
	return words_zero(jac + 2 * c->words, c->words);
}

/* acc += d * point of the table of odd multiples, for an odd d */
static void add_digit(const struct ec_curve *c, uint64_t acc[EC_JAC], const uint64_t *odd, int d)
{
	static const uint64_t zero[EC_WORDS_MAX];
	size_t w = c->words;
	uint64_t term[EC_JAC], sum[EC_JAC];
	memcpy(term, odd + 3 * w * (size_t)((d < 0 ? -d : d) / 2), 24 * w);
	if (d < 0)
		c->sub(term + w, zero, term + w);
	c->point_add(sum, acc, term);
	if (infinite(c, sum))
		ec_point_add_any(c, sum, acc, term);
	memcpy(acc, sum, 24 * w);
}

void ec_sum_vartime(const struct ec_curve *c, uint64_t *out, const uint64_t *u1, const uint64_t *u2, const uint64_t *q)
{
	size_t w = c->words;
	int d1[DIGITS], d2[DIGITS];
	recode(d1, u1, w, EC_G_WINDOW);
	recode(d2, u2, w, Q_WINDOW);

	const uint64_t *g_odd = c->g_odd();
	uint64_t q_odd[Q_ODD * EC_JAC], q2[EC_JAC], acc[EC_JAC] = {0};
	memcpy(q_odd, q, 24 * w);
	c->point_double(q2, q);
	for (size_t i = 1; i < Q_ODD; i++)
		c->point_add(q_odd + 3 * w * i, q_odd + 3 * w * (i - 1), q2);

	for (size_t i = 64 * w + 1; i-- > 0;) {
		if (!infinite(c, acc))
			c->point_double(acc, acc);
		if (d2[i])
			add_digit(c, acc, q_odd, d2[i]);
		if (d1[i])
			add_digit(c, acc, g_odd, d1[i]);
	}
	memcpy(out, acc, 24 * w);
}
