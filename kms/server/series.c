#include "kms/server/series.h"

struct server_series server_series;

#define S(member) .value = &server_series.member
#define COUNTER(n, l, h, member)                                                                                                           \
	{                                                                                                                                  \
		.name = n, .labels = l, .help = h, .type = METRIC_COUNTER, S(member)                                                       \
	}
#define GAUGE(n, h, member)                                                                                                                \
	{                                                                                                                                  \
		.name = n, .help = h, .type = METRIC_GAUGE, S(member)                                                                      \
	}

const struct metric server_metrics[] = {
	GAUGE("ukms_connections_open", "Connections open now.", open),
	COUNTER("ukms_connections_accepted_total", NULL, "Connections accepted.", accepted),
	COUNTER("ukms_connections_closed_for_room_total", "reason=\"connections\"", "Connections closed to make room.", evicted),
	COUNTER("ukms_connections_closed_for_room_total", "reason=\"records\"", "Connections closed to make room.", evicted_records),
	COUNTER("ukms_connections_closed_for_room_total", "reason=\"memory\"", "Connections closed to make room.", evicted_memory),
	COUNTER("ukms_accept_pauses_total", NULL, "Times that no connection could be let in.", turned_away),
	COUNTER("ukms_tls_handshakes_total", "result=\"ok\"", "TLS handshakes.", handshakes_ok),
	COUNTER("ukms_tls_handshakes_total", "result=\"failed\"", "TLS handshakes.", handshakes_failed),
	COUNTER("ukms_tls_client_certificates_total", "result=\"accepted\"", "Client certificates sent.", certs_accepted),
	COUNTER("ukms_tls_client_certificates_total", "result=\"refused\"", "Client certificates sent.", certs_refused),
	COUNTER("ukms_timeouts_total", "phase=\"handshake\"", "Connections closed at a deadline.", timeouts[PHASE_HANDSHAKE]),
	COUNTER("ukms_timeouts_total", "phase=\"idle\"", "Connections closed at a deadline.", timeouts[PHASE_IDLE]),
	COUNTER("ukms_timeouts_total", "phase=\"head\"", "Connections closed at a deadline.", timeouts[PHASE_HEAD]),
	COUNTER("ukms_timeouts_total", "phase=\"body\"", "Connections closed at a deadline.", timeouts[PHASE_BODY]),
	COUNTER("ukms_timeouts_total", "phase=\"write\"", "Connections closed at a deadline.", timeouts[PHASE_WRITE]),
	COUNTER("ukms_http_answers_total", "code=\"2xx\"", "HTTP answers.", answers[2]),
	COUNTER("ukms_http_answers_total", "code=\"4xx\"", "HTTP answers.", answers[4]),
	COUNTER("ukms_http_answers_total", "code=\"5xx\"", "HTTP answers.", answers[5]),
	COUNTER("ukms_http_malformed_total", NULL, "Requests answered by the server itself since they were malformed.", answers[0]),
	GAUGE("ukms_queue_length", "Complete requests waiting for a worker.", queue),
	COUNTER("ukms_queue_full_total", NULL, "Requests answered 503 since the queue was full.", queue_full),
	COUNTER("ukms_queue_late_total", NULL, "Requests answered 503 since no worker came in time.", queue_late),
	GAUGE("ukms_workers_busy", "Workers running a handler.", busy),
	GAUGE("ukms_record_buffers_used", "Buffers held by connections that are not idle.", records),
	GAUGE("ukms_memory_bytes", "Bytes of bodies, answers and client certificates.", memory),
	COUNTER("ukms_memory_full_total", NULL, "Requests and handshakes turned away since the memory bound was reached.", memory_full),
	COUNTER("ukms_network_bytes_total", "direction=\"in\"", "Bytes on the wire.", bytes_in),
	COUNTER("ukms_network_bytes_total", "direction=\"out\"", "Bytes on the wire.", bytes_out),
	{.name = "ukms_tls_handshake_seconds",
	 .help = "Time from accept to the end of the TLS handshake.",
	 .type = METRIC_HISTOGRAM,
	 .hist = &server_series.handshake},
	{.name = "ukms_request_seconds",
	 .help = "Time from a complete request to its answer, queueing included.",
	 .type = METRIC_HISTOGRAM,
	 .hist = &server_series.request},
};
const size_t server_metrics_count = sizeof server_metrics / sizeof server_metrics[0];
