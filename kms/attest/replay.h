/* Digests of runtime events and replay of registers (attestation specification 3.2, 3.3). */
#ifndef UKMS_KMS_ATTEST_REPLAY_H
#define UKMS_KMS_ATTEST_REPLAY_H

#include "crypto/sig.h"
#include "kms/attest/attest.h"

/* The digest of one event, version 1 or 2, under h; sig_hash_len(h) bytes go to out. */
void event_digest(const struct runtime_event *e, enum sig_hash h, uint8_t out[64]);

/* The text that a version 2 digest is taken over, RFC 8785 canonical JSON, handed to put piece by piece. */
typedef void (*event_sink)(void *self, const void *p, size_t n);
void event_canonical(const struct runtime_event *e, event_sink put, void *self);

/* Replays events from zeros. upto: the name of the event after whose first occurrence the replay ends, or NULL. */
void events_replay(const struct runtime_event *events, size_t count, enum sig_hash h, const char *upto, uint8_t out[64]);

/* reg = H(reg || digest) */
void register_extend(enum sig_hash h, uint8_t reg[64], struct span digest);

/* The payload of the first event of that name before system-ready; empty if there is none. */
struct span events_find(const struct runtime_event *events, size_t count, const char *name);

#endif
