#include "crypto/sigmemo.h"

#include <bearssl.h>

static void hash_le64(br_sha256_context *h, uint64_t n)
{
	uint8_t b[8];
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(n >> (8 * i));
	br_sha256_update(h, b, sizeof b);
}

/* Length first, so that no two lists of parts give the same input. */
static void hash_part(br_sha256_context *h, struct span s)
{
	hash_le64(h, s.n);
	br_sha256_update(h, s.p, s.n);
}

static void identify(const struct x509_signed *s, uint8_t id[SIGMEMO_ID_LEN])
{
	br_sha256_context h;
	br_sha256_init(&h);
	hash_le64(&h, s->alg);
	hash_part(&h, s->tbs);
	hash_part(&h, s->signature);
	br_sha256_out(&h, id);
}

int sigmemo_identify(struct arena *a, struct x509_signed *s, struct diag *d)
{
	uint8_t *id = arena_alloc(a, SIGMEMO_ID_LEN);
	if (!id)
		return diag_fail(d, ERR_LIMIT, "collateral needs more memory than it may use");
	identify(s, id);
	s->id = SPAN(id, SIGMEMO_ID_LEN);
	return 0;
}

void sigmemo_init(struct sigmemo *m)
{
	*m = (struct sigmemo){.lock = PTHREAD_MUTEX_INITIALIZER};
}

bool sigmemo_verify(void *self, const struct x509_signed *s, const struct x509_key *key)
{
	struct sigmemo *m = self;
	uint8_t id[SIGMEMO_ID_LEN], entry[SIGMEMO_ID_LEN];
	if (!m)
		return x509_signature_ok(s, key);
	if (s->id.n == SIGMEMO_ID_LEN)
		memcpy(id, s->id.p, SIGMEMO_ID_LEN);
	else
		identify(s, id);

	br_sha256_context h;
	br_sha256_init(&h);
	br_sha256_update(&h, id, sizeof id);
	hash_le64(&h, key->type);
	hash_part(&h, key->point);
	hash_part(&h, key->modulus);
	hash_part(&h, key->exponent);
	br_sha256_out(&h, entry);

	size_t i = entry[0] % SIGMEMO_SLOTS;
	pthread_mutex_lock(&m->lock);
	bool known = m->used[i] && memcmp(m->slot[i], entry, sizeof entry) == 0;
	pthread_mutex_unlock(&m->lock);
	if (known)
		return true;
	if (!x509_signature_ok(s, key))
		return false;
	pthread_mutex_lock(&m->lock);
	m->used[i] = true;
	memcpy(m->slot[i], entry, sizeof entry);
	pthread_mutex_unlock(&m->lock);
	return true;
}
