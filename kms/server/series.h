/* The values behind server_metrics. */
#ifndef UKMS_KMS_SERVER_SERIES_H
#define UKMS_KMS_SERVER_SERIES_H

#include "kms/server/metrics.h"

enum phase { PHASE_HANDSHAKE, PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_WORK, PHASE_WRITE, PHASE_DRAIN, PHASES };

extern struct server_series {
	atomic_long open, accepted, turned_away, evicted, evicted_records, evicted_memory;
	atomic_long handshakes_ok, handshakes_failed, certs_accepted, certs_refused;
	atomic_long timeouts[PHASES];
	atomic_long answers[6]; /* [0]: of the server itself, malformed requests; [1..5]: by hundreds of the status */
	atomic_long queue, queue_full, queue_late, busy, records, memory, memory_full;
	atomic_long bytes_in, bytes_out;
	struct metric_histogram handshake, request;
} server_series;

#endif
