#include "tests/unit/test.h"

#include "kms/server/metrics.h"

static atomic_long one, two;
static struct metric_histogram hist;

static long forty_two(void)
{
	return 42;
}

static const struct metric table[] = {
	{.name = "a_total", .help = "Help of a.", .type = METRIC_COUNTER, .value = &one},
	{.name = "b_total", .labels = "k=\"v\"", .help = "Help of b.", .type = METRIC_COUNTER, .value = &one},
	{.name = "b_total", .labels = "k=\"w\"", .help = "Help of b.", .type = METRIC_COUNTER, .value = &two},
	{.name = "c", .help = "Help of c.", .type = METRIC_GAUGE, .read = forty_two},
	{.name = "d_seconds", .labels = "rpc=\"X\"", .help = "Help of d.", .type = METRIC_HISTOGRAM, .hist = &hist},
};

static void series_are_written_as_prometheus_reads_them(void **state)
{
	(void)state;
	static char text[8192];
	metric_add(&one, 3);
	metric_add(&two, -1);
	metric_observe(&hist, 250);
	metric_observe(&hist, 251);
	metric_observe(&hist, 4000000);
	metric_observe(&hist, 60000000);
	struct wr w = wr_to(text, sizeof text);
	metrics_write(&w, table, sizeof table / sizeof table[0]);
	assert_true(wr_ok(&w));
	static const char want[] = "# HELP a_total Help of a.\n# TYPE a_total counter\na_total 3\n"
				   "# HELP b_total Help of b.\n# TYPE b_total counter\nb_total{k=\"v\"} 3\nb_total{k=\"w\"} -1\n"
				   "# HELP c Help of c.\n# TYPE c gauge\nc 42\n"
				   "# HELP d_seconds Help of d.\n# TYPE d_seconds histogram\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"0.00025\"} 1\nd_seconds_bucket{rpc=\"X\",le=\"0.0005\"} 2\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"0.001\"} 2\nd_seconds_bucket{rpc=\"X\",le=\"0.0025\"} 2\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"0.005\"} 2\nd_seconds_bucket{rpc=\"X\",le=\"0.01\"} 2\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"0.025\"} 2\nd_seconds_bucket{rpc=\"X\",le=\"0.05\"} 2\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"0.1\"} 2\nd_seconds_bucket{rpc=\"X\",le=\"0.25\"} 2\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"1\"} 2\nd_seconds_bucket{rpc=\"X\",le=\"5\"} 3\n"
				   "d_seconds_bucket{rpc=\"X\",le=\"20\"} 3\nd_seconds_bucket{rpc=\"X\",le=\"+Inf\"} 4\n"
				   "d_seconds_sum{rpc=\"X\"} 64.000501\nd_seconds_count{rpc=\"X\"} 4\n";
	assert_string_equal(text, want);
}

static void the_servers_own_series_are_well_formed(void **state)
{
	(void)state;
	static char text[65536];
	struct wr w = wr_to(text, sizeof text - 1);
	metrics_write(&w, server_metrics, server_metrics_count);
	assert_true(wr_ok(&w));
	assert_true(server_metrics_count >= 25);
	for (size_t i = 0; i < server_metrics_count; i++) {
		char line[200];
		snprintf(line, sizeof line, "# TYPE %s ", server_metrics[i].name);
		const char *at = strstr(text, line);
		assert_non_null(at);
		assert_null(strstr(at + 1, line)); /* one family is written once */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_are_written_as_prometheus_reads_them),
		cmocka_unit_test(the_servers_own_series_are_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
