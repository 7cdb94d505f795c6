#include "kms/server/metrics.h"

#include <time.h>

static const struct {
	unsigned long us;
	const char *le; /* seconds */
} buckets[METRIC_BUCKETS] = {
	{250, "0.00025"}, {500, "0.0005"}, {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"},  {25000, "0.025"},
	{50000, "0.05"},  {100000, "0.1"}, {250000, "0.25"}, {1000000, "1"},   {5000000, "5"},  {20000000, "20"}, {~0ul, "+Inf"},
};

void metric_observe(struct metric_histogram *h, uint64_t us)
{
	size_t i = 0;
	while (us > buckets[i].us)
		i++;
	atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

uint64_t metric_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void write_name(struct wr *w, const struct metric *m, const char *suffix, const char *le)
{
	wr_str(w, m->name);
	wr_str(w, suffix);
	if (m->labels || le)
		wr_fmt(w, "{%s%s%s%s%s}", m->labels ? m->labels : "", m->labels && le ? "," : "", le ? "le=\"" : "", le ? le : "",
		       le ? "\"" : "");
	wr_u8(w, ' ');
}

static void write_histogram(struct wr *w, const struct metric *m)
{
	unsigned long count = 0;
	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		count += atomic_load_explicit(&m->hist->bucket[i], memory_order_relaxed);
		write_name(w, m, "_bucket", buckets[i].le);
		wr_fmt(w, "%lu\n", count);
	}
	unsigned long us = atomic_load_explicit(&m->hist->sum_us, memory_order_relaxed);
	write_name(w, m, "_sum", NULL);
	wr_fmt(w, "%lu.%06lu\n", us / 1000000, us % 1000000);
	write_name(w, m, "_count", NULL);
	wr_fmt(w, "%lu\n", count);
}

void metrics_write(struct wr *w, const struct metric *m, size_t n)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(m[i].name, m[i - 1].name) != 0)
			wr_fmt(w, "# HELP %s %s\n# TYPE %s %s\n", m[i].name, m[i].help, m[i].name, types[m[i].type]);
		if (m[i].type == METRIC_HISTOGRAM) {
			write_histogram(w, &m[i]);
			continue;
		}
		write_name(w, &m[i], "", NULL);
		wr_fmt(w, "%ld\n", m[i].read ? m[i].read() : atomic_load_explicit(m[i].value, memory_order_relaxed));
	}
}
