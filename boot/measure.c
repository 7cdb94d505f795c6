#include "boot/measure.h"

struct event {
	const char *name;
	struct span payload;
};

static int all(struct eventlog *log, const struct event *events, size_t count, struct diag *d)
{
	for (size_t i = 0; i < count; i++) {
		int e = eventlog_measure(log, events[i].name, events[i].payload, d);
		if (e)
			return diag_wrap(d, e, "event %s", events[i].name);
	}
	return 0;
}

int measure_begin(struct eventlog *log, struct diag *d)
{
	const struct event first = {"system-preparing", SPAN("", 0)};
	int e = eventlog_require_fresh(log, d);
	return e ? e : all(log, &first, 1, d);
}

int measure_launch(struct eventlog *log, const struct manifest *m, struct span instance_id, struct diag *d)
{
	struct event list[5 + INIT_SCRIPTS_MAX];
	size_t n = 0;
	list[n++] = (struct event){"app-id", SPAN_ARR(m->app_id)};
	list[n++] = (struct event){"compose-hash", SPAN_ARR(m->compose_hash)};
	for (size_t i = 0; i < m->init_scripts; i++)
		list[n++] = (struct event){"init-script-hash", SPAN_ARR(m->init_script_hash[i])};
	list[n++] = (struct event){"gpu-policy-hash", SPAN_ARR(m->gpu_policy_hash)};
	list[n++] = (struct event){"instance-id", instance_id};
	list[n++] = (struct event){"boot-mr-done", SPAN("", 0)};
	return all(log, list, n, d);
}

int measure_end(struct eventlog *log, const struct manifest *m, struct diag *d)
{
	const struct event list[] = {
		{"key-provider", SPAN_LIT("{\"name\":\"tpm\",\"id\":\"\"}")},
		{"storage-fs", SPAN_STR(m->storage_fs)},
		{"system-ready", SPAN("", 0)},
	};
	return all(log, list, sizeof list / sizeof list[0], d);
}
