/* Counters, gauges and histograms of the process, as Prometheus text. Series are const tables with their values beside them; updates are
 * atomic and never lock. */
#ifndef UKMS_KMS_SERVER_METRICS_H
#define UKMS_KMS_SERVER_METRICS_H

#include <stdatomic.h>

#include "base/wr.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Upper bounds of histogram buckets in microseconds, the last one being +Inf: 250 us, 500 us, 1 ms, 2.5 ms, 5 ms, 10 ms, 25 ms, 50 ms, 100
 * ms, 250 ms, 1 s, 5 s, 20 s. */
enum { METRIC_BUCKETS = 14 };

struct metric_histogram {
	atomic_ulong bucket[METRIC_BUCKETS]; /* not cumulative */
	atomic_ulong sum_us;
};

/* One series: a line of text. Series of one name must be neighbours; HELP and TYPE are written before the first. */
struct metric {
	const char *name;   /* "ukms_tls_handshakes_total" */
	const char *labels; /* "result=\"ok\"" or NULL */
	const char *help;
	enum metric_type type;
	atomic_long *value;            /* counter, gauge */
	struct metric_histogram *hist; /* histogram */
	long (*read)(void);            /* gauge computed when asked for; value is then NULL */
};

static inline void metric_add(atomic_long *v, long n)
{
	atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}
static inline void metric_set(atomic_long *v, long n)
{
	atomic_store_explicit(v, n, memory_order_relaxed);
}
void metric_observe(struct metric_histogram *h, uint64_t us);

/* Microseconds of the monotonic clock. */
uint64_t metric_now_us(void);

/* Writes n series. Upstream's two counters come first: call this for their table, then for the others. */
void metrics_write(struct wr *w, const struct metric *m, size_t n);

/* The series of the server itself, of all listeners of the process together. */
extern const struct metric server_metrics[];
extern const size_t server_metrics_count;

#endif
