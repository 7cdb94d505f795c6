/* The run-time event log: what PID 1 and the service measured, in memory, in step with RTMR3 and PCR 14. Source: attestation 3.3, 3.4;
 * image 3.2. Version 1 digests only. */
#ifndef UKMS_DRIVERS_EVENTLOG_H
#define UKMS_DRIVERS_EVENTLOG_H

#include "drivers/tdx.h"
#include "drivers/tpm.h"

enum {
	EVENT_RTMR = 3,
	EVENT_PCR = 14,
	EVENTLOG_EVENTS = 64,  /* a boot makes about 12 */
	EVENTLOG_BYTES = 16384 /* names and payloads together */
};

struct eventlog_event {
	struct span name;
	struct span payload;
};

struct eventlog {
	pthread_mutex_t lock;
	struct tdx *tdx; /* NULL: no RTMR is extended */
	struct tpm *tpm; /* NULL: no PCR is extended */
	bool broken;     /* a register was extended without the other: nothing more is measured or listed */
	size_t count;
	size_t used;
	struct eventlog_event event[EVENTLOG_EVENTS];
	uint8_t bytes[EVENTLOG_BYTES];
};

/* tdx and tpm may be NULL (Nitro: an unsigned list only). They must outlive log. */
void eventlog_init(struct eventlog *log, struct tdx *tdx, struct tpm *tpm);

/* ERR_REFUSED unless RTMR3 and PCR 14 are all zero: called once, before the first event, it proves that nobody has measured anything
 * in this power cycle (image 3.10, 6). */
int eventlog_require_fresh(struct eventlog *log, struct diag *d);

/* Extends RTMR3, then PCR 14, then appends. After a failure in between every later call fails: the registers and the list would
 * disagree, and evidence would not verify. ERR_LIMIT before anything is extended if the list is full. */
int eventlog_measure(struct eventlog *log, const char *name, struct span payload, struct diag *d);

/* A copy of the list in a; the events point into a. */
int eventlog_copy(struct eventlog *log, struct arena *a, const struct eventlog_event **out, size_t *count, struct diag *d);

/* LE32(type) ":" name ":" payload, hashed. */
void event_digest_sha384(struct span name, struct span payload, uint8_t out[48]);
void event_digest_sha256(struct span name, struct span payload, uint8_t out[32]);

#endif
