/* Remembers signatures that verified, so that the same signature over the same bytes by the same key is not computed twice. Only
 * positive verdicts are kept; an entry may be displaced at any time. Thread safe. */
#ifndef UKMS_CRYPTO_SIGMEMO_H
#define UKMS_CRYPTO_SIGMEMO_H

#include <pthread.h>

#include "crypto/x509.h"

enum { SIGMEMO_SLOTS = 64, SIGMEMO_ID_LEN = 32 };

struct sigmemo {
	pthread_mutex_t lock;
	bool used[SIGMEMO_SLOTS];
	uint8_t slot[SIGMEMO_SLOTS][SIGMEMO_ID_LEN];
};

void sigmemo_init(struct sigmemo *m);

/* x509_signature_ok with memory; usable as x509_policy.verify, with the struct sigmemo as self. m may be NULL. */
bool sigmemo_verify(void *m, const struct x509_signed *s, const struct x509_key *key);

/* Sets s->id (in a) to SHA-256 of algorithm, text and signature, so that a long-lived object is hashed once. ERR_LIMIT: a is full. */
int sigmemo_identify(struct arena *a, struct x509_signed *s, struct diag *d);

#endif
