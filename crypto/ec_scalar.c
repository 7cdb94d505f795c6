#include "crypto/ec_curve.h"

#include <s2n-bignum.h>

#include "base/wipe.h"

void ec_digest_scalar(const struct ec_curve *c, uint64_t *e, struct span digest)
{
	words_from_be(e, c->words, digest.p, digest.n < c->bytes ? digest.n : c->bytes);
	c->mod_n(e, c->words, e);
}

void ec_mul_mod_n(const struct ec_curve *c, uint64_t *z, const uint64_t *x, const uint64_t *y)
{
	uint64_t wide[2 * EC_WORDS_MAX];
	c->wide_mul(wide, x, y);
	c->mod_n(z, 2 * c->words, wide);
	wipe(wide, sizeof wide);
}

void ec_inv_mod_n(const struct ec_curve *c, uint64_t *z, const uint64_t *x)
{
	uint64_t scratch[3 * EC_WORDS_MAX];
	bignum_modinv(c->words, z, x, c->n, scratch);
	wipe(scratch, sizeof scratch);
}
