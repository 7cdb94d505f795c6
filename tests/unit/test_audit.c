#include "tests/unit/test.h"

#include "base/json.h"
#include "base/rd.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "kms/rpc/audit_keep.h"

static uint8_t block[8 << 20];
static struct arena arena;
static struct diag d;
static const uint8_t root[SECP_KEY_LEN] = {[31] = 7};

/* --- a storage in memory -------------------------------------------------------------------------------------------------------------- */

static struct memory {
	bool known;
	struct audit_head head;
	int load_error, save_error;
	unsigned saves;
	struct audit_keep *ends; /* while the head is being read, the process is told to end */
} memory;

static int load_head(void *self, struct audit_head *out, struct diag *why)
{
	struct memory *m = self;
	if (m->ends)
		audit_keep_end(m->ends);
	if (m->load_error)
		return diag_fail(why, m->load_error, "cannot be read");
	if (!m->known)
		return diag_fail(why, ERR_MISSING, "nothing there");
	*out = m->head;
	return 0;
}

static int save_head(void *self, const struct audit_head *h, struct diag *why)
{
	struct memory *m = self;
	if (m->save_error)
		return diag_fail(why, m->save_error, "cannot be written");
	m->saves++;
	m->head = *h;
	m->known = true;
	return 0;
}

static const struct key_storage storage = {.load_head = load_head, .save_head = save_head, .self = &memory};

/* --- one process ------------------------------------------------------------------------------------------------------------------------
 */

static struct audit *open_log(void)
{
	static struct audit logs[16];
	static size_t used;
	struct audit *l = &logs[used++ % 16];
	assert_int_equal(audit_open(l), 0);
	return l;
}

static void add(struct audit *l, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		audit_add(l, 1800000000, "GetAppKey", NULL, SPAN_LIT("127.0.0.1"), NULL);
}

struct export
{
	const struct json *head, *first;
	uint64_t sequence, from;
	struct span before, hash; /* hex */
};

/* Reads an export and checks that its lines lead from before_first to hash. */
static struct export exported(struct audit *l)
{
	struct export x = {0};
	uint8_t hash[32];
	arena = arena_over(block, sizeof block);
	struct rd r = rd_from(audit_export(l, &arena, root));
	uint64_t lines = 0;
	while (r.left) {
		const uint8_t *end = memchr(r.p, '\n', r.left);
		struct span line = rd_bytes(&r, (size_t)(end - r.p));
		rd_skip(&r, 1);
		const struct json *j;
		if (lines <= 1 && json_parse(&arena, line, &j, &d))
			fail_msg("%.*s: %s", SPAN_FMT(line), d.text);
		if (lines == 0) {
			x.head = j;
			assert_true(json_get_u64(j, "sequence", &x.sequence) && json_get_u64(j, "first", &x.from));
			assert_true(json_get_str(j, "before_first", &x.before) && json_get_str(j, "hash", &x.hash));
			assert_int_equal(hex_decode(x.before, hash, sizeof hash), 32);
		} else {
			x.first = lines == 1 ? j : x.first;
			sha256_2(SPAN_ARR(hash), line, hash);
		}
		lines++;
	}
	assert_int_equal(lines - 1, x.sequence - x.from + 1);
	assert_span_equal(SPAN_STR(hex_encode_in(&arena, SPAN_ARR(hash))), x.hash);
	return x;
}

static struct audit *begin(struct audit_keep *k)
{
	struct audit *l = open_log();
	audit_keep_init(k);
	if (audit_keep_begin(k, l, &storage, 1800000000, &d))
		fail_msg("%s", d.text);
	return l;
}

/* What the record of the start says about the process before. */
static void says(const struct export *x, uint64_t n, const char *end, const char *rollback)
{
	struct span text;
	uint64_t number;
	const struct json *previous = json_get(x->first, "previous");
	assert_true(json_get_str(x->first, "method", &text) && span_is(text, "start"));
	assert_true(previous && previous->type == JSON_OBJECT);
	assert_true(json_get_u64(previous, "n", &number) && json_get_u64(x->first, "n", &number));
	json_get_u64(previous, "n", &number);
	assert_int_equal(number, n);
	assert_true(json_get_str(previous, "end", &text));
	assert_span_equal(text, SPAN_STR(end));
	assert_true(json_get_str(previous, "rollback", &text));
	assert_span_equal(text, SPAN_STR(rollback));
	assert_true(json_get_str(previous, "hash", &text));
	assert_span_equal(text, x->before);
}

static void says_none(const struct export *x, const char *why)
{
	struct span text;
	const struct json *previous = json_get(x->first, "previous");
	assert_true(previous && previous->type == JSON_NULL);
	assert_true(json_get_str(x->first, "reason", &text));
	assert_span_equal(text, SPAN_STR(why));
	assert_int_equal(x->from, 1);
	assert_span_equal(x->before, SPAN_LIT("0000000000000000000000000000000000000000000000000000000000000000"));
}

static int start(void **state)
{
	(void)state;
	memory = (struct memory){0};
	return 0;
}

static void the_first_process_begins_at_nothing(void **state)
{
	(void)state;
	struct audit_keep k;
	struct audit *l = begin(&k);
	add(l, 2);
	struct export x = exported(l);
	says_none(&x, "nothing there");
	assert_int_equal(x.sequence, 3);
}

static void a_clean_end_is_where_the_next_process_goes_on(void **state)
{
	(void)state;
	struct audit_keep k;
	struct audit *l = begin(&k);
	add(l, 5);
	struct export x = exported(l);
	uint8_t last[32];
	hex_decode(x.hash, last, sizeof last);
	audit_keep_end(&k);
	audit_keep_end(&k);
	audit_keep_save(&k);
	assert_true(memory.head.clean);

	l = begin(&k);
	assert_false(memory.head.clean);
	assert_int_equal(memory.head.n, 7);
	x = exported(l);
	assert_int_equal(x.from, 7);
	says(&x, 6, "clean", "possible");
	uint8_t from[32];
	hex_decode(x.before, from, sizeof from);
	assert_memory_equal(from, last, sizeof last);
}

static void what_was_not_kept_is_told_as_an_unknown_end(void **state)
{
	(void)state;
	struct audit_keep k;
	struct audit *l = begin(&k);
	add(l, 1);
	audit_keep_save(&k);
	add(l, 3); /* then it is killed */
	l = begin(&k);
	struct export x = exported(l);
	says(&x, 2, "unknown", "possible");
	assert_int_equal(x.sequence, 3);
	memory.head.bounded = true;
	l = begin(&k);
	x = exported(l);
	says(&x, 3, "unknown", "bounded");
}

static void no_write_waits_for_a_record_and_none_is_made_for_one(void **state)
{
	(void)state;
	struct audit_keep k;
	struct audit *l = begin(&k);
	unsigned saves = memory.saves;
	add(l, 3000);
	assert_int_equal(memory.saves, saves);
	audit_keep_save(&k);
	assert_int_equal(memory.saves, saves + 1);
	assert_int_equal(memory.head.n, 3001);
}

static void the_ring_goes_round_from_any_number(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 3; before++) {
		struct audit_keep k;
		memory = (struct memory){.known = before > 0, .head = {.n = 1000 * before + 37, .hash = {(uint8_t)before}}};
		struct audit *l = begin(&k);
		uint64_t base = before ? memory.head.n - 1 : 0;
		for (unsigned more = 0; more < 3; more++) {
			struct export x = exported(l);
			assert_int_equal(x.from, x.sequence - base > AUDIT_RECORDS ? x.sequence - AUDIT_RECORDS + 1 : base + 1);
			add(l, AUDIT_RECORDS - 1 + more);
		}
	}
}

static void a_head_that_cannot_be_trusted_is_none_and_the_record_says_why(void **state)
{
	(void)state;
	struct audit_keep k;
	memory = (struct memory){.known = true, .head = {.n = 9}, .load_error = ERR_CRYPTO};
	struct export x = exported(begin(&k));
	says_none(&x, "cannot be read");
}

static void a_clean_end_that_cannot_be_taken_back_stops_the_start(void **state)
{
	(void)state;
	struct audit_keep k;
	memory = (struct memory){.known = true, .head = {.n = 9, .clean = true}, .save_error = ERR_IO};
	audit_keep_init(&k);
	assert_int_equal(audit_keep_begin(&k, open_log(), &storage, 1800000000, &d), ERR_IO);
	assert_non_null(strstr(d.text, "cannot be told from the one before: cannot be written"));
	/* One that says nothing wrong does not. */
	memory.head.clean = false;
	audit_keep_init(&k);
	assert_int_equal(audit_keep_begin(&k, open_log(), &storage, 1800000000, &d), 0);
}

static void an_end_before_the_beginning_keeps_the_head_as_it_was(void **state)
{
	(void)state;
	struct audit_keep k;
	memory = (struct memory){.known = true, .head = {.n = 9, .hash = {1, 2, 3}}, .ends = &k};
	audit_keep_init(&k);
	audit_keep_end(&k);
	assert_int_equal(memory.saves, 0);
	struct audit *l = begin(&k);
	struct export x = exported(l);
	says(&x, 9, "unknown", "possible");
	assert_int_equal(memory.saves, 1);
	assert_int_equal(memory.head.n, 10);
	assert_false(memory.head.clean);
	audit_keep_end(&k);
	assert_int_equal(memory.head.n, 10);
	assert_true(memory.head.clean);
}

/* --- the bytes --------------------------------------------------------------------------------------------------------------------------
 */

static void the_head_reads_back_and_nothing_else_is_one(void **state)
{
	(void)state;
	struct audit_head h = {.n = 0x1122334455667, .clean = true}, got;
	uint8_t bytes[AUDIT_HEAD_LEN + 1] = {0}, good[AUDIT_HEAD_LEN];
	for (size_t i = 0; i < sizeof h.hash; i++)
		h.hash[i] = (uint8_t)(i + 1);
	audit_head_encode(&h, good);
	assert_int_equal(audit_head_decode(SPAN_ARR(good), &got, &d), 0);
	assert_int_equal(got.n, h.n);
	assert_true(got.clean && !got.bounded);
	assert_memory_equal(got.hash, h.hash, sizeof h.hash);
	memcpy(bytes, good, sizeof good);
	for (size_t n = 0; n <= sizeof bytes; n++)
		assert_int_equal(audit_head_decode(SPAN(bytes, n), &got, &d), n == AUDIT_HEAD_LEN ? 0 : ERR_INPUT);
	for (size_t i = 0; i < 8 * sizeof good; i++) {
		memcpy(bytes, good, sizeof good);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(audit_head_decode(SPAN(bytes, sizeof good), &got, &d), ERR_INPUT);
	}
	/* Out of range, with a good digest. */
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{22, 0x20}, {23, 0x01}, {56, 2}, {57, 1}, {63, 0x80}};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		memcpy(bytes, good, sizeof good);
		bytes[wrong[i].at] = wrong[i].value;
		sha256(SPAN(bytes, 64), bytes + 64);
		assert_int_equal(audit_head_decode(SPAN(bytes, sizeof good), &got, &d), ERR_INPUT);
		assert_string_equal(d.text, "the head of the audit log is out of range");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_process_begins_at_nothing, start),
		cmocka_unit_test_setup(a_clean_end_is_where_the_next_process_goes_on, start),
		cmocka_unit_test_setup(what_was_not_kept_is_told_as_an_unknown_end, start),
		cmocka_unit_test_setup(no_write_waits_for_a_record_and_none_is_made_for_one, start),
		cmocka_unit_test_setup(the_ring_goes_round_from_any_number, start),
		cmocka_unit_test_setup(a_head_that_cannot_be_trusted_is_none_and_the_record_says_why, start),
		cmocka_unit_test_setup(a_clean_end_that_cannot_be_taken_back_stops_the_start, start),
		cmocka_unit_test_setup(an_end_before_the_beginning_keeps_the_head_as_it_was, start),
		cmocka_unit_test(the_head_reads_back_and_nothing_else_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
