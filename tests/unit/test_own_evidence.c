#include "tests/unit/test.h"

#include <stdatomic.h>
#include <time.h>

#include "kms/rpc/own_evidence.h"

enum { ASKERS = 16, HOUR_MS = 3600 * 1000 };

/* An attester whose evidence is the number of the call. It holds each call until so many askers are on their way. */
static struct device {
	atomic_uint calls, running, together, waiting;
	unsigned wanted;
	int error;
} device;

static int attest(void *self, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d)
{
	static const uint8_t zero[64];
	struct device *v = self;
	assert_memory_equal(report_data, zero, sizeof zero);
	if (atomic_fetch_add(&v->running, 1) > 0)
		atomic_fetch_add(&v->together, 1);
	unsigned n = atomic_fetch_add(&v->calls, 1) + 1;
	while (atomic_load(&v->waiting) < v->wanted)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	atomic_fetch_sub(&v->running, 1);
	if (v->error)
		return diag_fail(d, v->error, "device failed, call %u", n);
	const char *text = arena_fmt(a, "evidence %u", n);
	*container = SPAN_STR(text);
	return 0;
}

static const struct attester attester = {.attest = attest, .self = &device};
static struct own_evidence own;

static int start(void **state)
{
	(void)state;
	device = (struct device){0};
	own_evidence_init(&own);
	own.keep_ms = own.retry_ms = HOUR_MS;
	return 0;
}

static int end(void **state)
{
	(void)state;
	own_evidence_forget(&own);
	return 0;
}

static void wants(int error, const char *text)
{
	uint8_t block[256];
	struct arena a = arena_over(block, sizeof block);
	struct span got = {0};
	struct diag d = {0};
	assert_int_equal(own_evidence_get(&own, &attester, &a, &got, &d), error);
	assert_span_equal(error ? SPAN_STR(d.text) : got, SPAN_STR(text));
}

static void evidence_serves_as_long_as_it_is_kept(void **state)
{
	(void)state;
	wants(0, "evidence 1");
	wants(0, "evidence 1");
	own_evidence_forget(&own);
	wants(0, "evidence 2");
	own.keep_ms = 0;
	wants(0, "evidence 3");
	wants(0, "evidence 4");
}

static void a_failure_is_told_again_for_a_while_and_then_tried_again(void **state)
{
	(void)state;
	device.error = ERR_IO;
	wants(ERR_IO, "device failed, call 1");
	wants(ERR_IO, "device failed, call 1");
	own.retry_ms = 0;
	wants(ERR_IO, "device failed, call 2");
	device.error = 0;
	wants(0, "evidence 3");
	wants(0, "evidence 3");
	own.keep_ms = 0;
	device.error = ERR_TIMEOUT;
	wants(ERR_TIMEOUT, "device failed, call 4");
}

static void *ask(void *arg)
{
	uint8_t block[256];
	struct arena a = arena_over(block, sizeof block);
	struct span got;
	struct diag d = {0};
	atomic_fetch_add(&device.waiting, 1);
	int *e = arg;
	*e = own_evidence_get(&own, &attester, &a, &got, &d);
	/* with an hour to keep it there is one making, however the threads run */
	if (!*e && !span_is(got, "evidence 1"))
		*e = ERR_INTERNAL;
	return NULL;
}

static void all_at_once(int error)
{
	pthread_t thread[ASKERS];
	int got[ASKERS];
	device.wanted = ASKERS;
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask, &got[i]), 0);
	for (size_t i = 0; i < ASKERS; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(got[i], error);
	}
	assert_int_equal(device.calls, 1);
	assert_int_equal(device.together, 0);
}

static void many_askers_share_one_making(void **state)
{
	(void)state;
	all_at_once(0);
}

static void many_askers_share_one_failure(void **state)
{
	(void)state;
	device.error = ERR_IO;
	all_at_once(ERR_IO);
}

static void no_room_for_the_copy_is_an_error(void **state)
{
	(void)state;
	uint8_t block[16];
	struct arena a = arena_over(block, 0);
	struct span got;
	struct diag d = {0};
	assert_int_equal(own_evidence_get(&own, &attester, &a, &got, &d), ERR_LIMIT);
	wants(0, "evidence 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(evidence_serves_as_long_as_it_is_kept, start, end),
		cmocka_unit_test_setup_teardown(a_failure_is_told_again_for_a_while_and_then_tried_again, start, end),
		cmocka_unit_test_setup_teardown(many_askers_share_one_making, start, end),
		cmocka_unit_test_setup_teardown(many_askers_share_one_failure, start, end),
		cmocka_unit_test_setup_teardown(no_room_for_the_copy_is_an_error, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
