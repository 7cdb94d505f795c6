/* Every DCAP case of the vector manifests. */
#include "tests/unit/test.h"

#include "base/json.h"
#include "base/text.h"
#include "kms/attest/dcap.h"

static struct arena arena, manifest_arena;

static struct span file_in(const char *dir, struct span name)
{
	char path[512];
	snprintf(path, sizeof path, "tests/vectors/%s/%.*s", dir, SPAN_FMT(name));
	struct span f = test_file(path);
	struct span kept = arena_dup(&arena, f);
	free((void *)f.p);
	assert_non_null(kept.p);
	return kept;
}

static void expect_hex(const struct json *want, const char *key, struct span got)
{
	struct span text;
	if (json_get_str(want, key, &text))
		assert_span_equal(got, hex_decode_in(&arena, text));
}

static void expect_word(const struct json *want, const char *key, const char *got)
{
	struct span text;
	if (json_get_str(want, key, &text))
		assert_span_equal(SPAN_STR(got), text);
}

static void expect_advisories(const struct json *want, const struct dcap_result *r)
{
	const struct json *list = json_get(want, "advisory_ids");
	if (!list)
		return;
	size_t n = 0;
	for (const struct json *k = list->kids; k; k = k->next, n++) {
		assert_true(n < r->advisory_count);
		assert_span_equal(r->advisories[n], k->str);
	}
	assert_int_equal(n, r->advisory_count);
}

static void expect_td(const struct json *want, const struct td_report *t)
{
	expect_hex(want, "tee_tcb_svn", t->tee_tcb_svn);
	expect_hex(want, "mr_seam", t->mr_seam);
	expect_hex(want, "mr_signer_seam", t->mr_signer_seam);
	expect_hex(want, "seam_attributes", t->seam_attributes);
	expect_hex(want, "td_attributes", t->td_attributes);
	expect_hex(want, "xfam", t->xfam);
	expect_hex(want, "mr_td", t->mr_td);
	expect_hex(want, "mrtd", t->mr_td);
	expect_hex(want, "mr_config_id", t->mr_config_id);
	expect_hex(want, "mr_owner", t->mr_owner);
	expect_hex(want, "mr_owner_config", t->mr_owner_config);
	const char *const names[2][4] = {{"rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"}, {"rtmr0", "rtmr1", "rtmr2", "rtmr3"}};
	for (size_t i = 0; i < 4; i++) {
		expect_hex(want, names[0][i], t->rtmr[i]);
		expect_hex(want, names[1][i], t->rtmr[i]);
	}
	expect_hex(want, "report_data", t->report_data);
}

static void expect_sgx(const struct json *want, const struct sgx_report *s)
{
	uint64_t n;
	expect_hex(want, "mr_enclave", s->mr_enclave);
	expect_hex(want, "mr_signer", s->mr_signer);
	expect_hex(want, "report_data", s->report_data);
	if (json_get_u64(want, "isv_prod_id", &n))
		assert_int_equal(s->isv_prod_id, n);
	if (json_get_u64(want, "isv_svn", &n))
		assert_int_equal(s->isv_svn, n);
}

static void expect_quote(const struct json *want, const struct quote *q)
{
	uint64_t n;
	if (!want)
		return;
	if (json_get_u64(want, "version", &n))
		assert_int_equal(q->version, n);
	if (json_get_u64(want, "tee_type", &n))
		assert_int_equal(q->tee_type, n);
	expect_hex(want, "qe_vendor_id", q->qe_vendor_id);
	expect_hex(want, "user_data", q->user_data);
	if (q->body == QUOTE_BODY_SGX)
		expect_sgx(want, &q->sgx);
	else
		expect_td(want, &q->td);
}

static void run_case(const char *dir, const struct json *j, const char *name)
{
	const struct json *want = json_get(j, "expected"), *files = json_get(j, "files");
	struct span result, root_name, sentence;
	struct dcap_result r;
	const struct collateral *c;
	struct diag d = {0};
	uint64_t now = 0;
	arena_reset(&arena);
	struct span quote = file_in(dir, files->kids->str);
	assert_true(json_get_str(want, "result", &result));
	if (span_is(result, "parse-only")) {
		assert_int_equal(quote_parse(quote, &r.quote, &d), 0);
		expect_quote(json_get(want, "parsed"), &r.quote);
		return;
	}
	assert_true(json_get_str(j, "root", &root_name) && json_get_u64(j, "now", &now));
	struct span root = file_in(dir, root_name);
	int e = collateral_from_json(&arena, file_in(dir, files->kids->next->str), root, &c, &d);
	if (!e)
		e = dcap_verify(&arena, quote, c, (int64_t)now, NULL, &r, &d);
	if (span_is(result, "accept")) {
		if (e)
			fail_msg("%s refused: %s", name, d.text);
		expect_word(want, "status", tcb_status_name(r.status));
		expect_advisories(want, &r);
		expect_hex(want, "ppid", r.ppid);
		expect_hex(want, "fmspc", r.fmspc);
		const struct json *platform = json_get(want, "platform_status"), *qe = json_get(want, "qe_status");
		expect_word(platform, "status", tcb_status_name(r.platform_status));
		expect_word(qe, "status", tcb_status_name(r.qe_status));
		expect_quote(want, &r.quote);
		expect_quote(json_get(want, "parsed"), &r.quote);
		assert_true(r.expires > (int64_t)now);
		/* the same again from the signatures remembered */
		assert_int_equal(dcap_verify(&arena, quote, c, (int64_t)now, NULL, &r, &d), 0);
		/* and expiry is the first second at which it is refused */
		assert_int_equal(dcap_verify(&arena, quote, c, r.expires - 1, NULL, &r, &d), 0);
		assert_int_not_equal(dcap_verify(&arena, quote, c, r.expires, NULL, &r, &d), 0);
		return;
	}
	if (!e)
		fail_msg("%s accepted", name);
	if (getenv("VERBOSE"))
		fprintf(stderr, "%-40s %s\n", name, d.text);
	if (json_get_str(want, "upstream_error_contains", &sentence) && !memmem(d.text, strlen(d.text), sentence.p, sentence.n))
		fail_msg("%s: refused with '%s' instead of '%.*s'", name, d.text, SPAN_FMT(sentence));
}

static size_t run_manifest(const char *dir)
{
	const struct json *m;
	struct diag d = {0};
	char path[256];
	size_t n = 0;
	snprintf(path, sizeof path, "tests/vectors/%s/MANIFEST.json", dir);
	struct span text = test_file(path);
	arena_reset(&manifest_arena);
	if (json_parse(&manifest_arena, text, &m, &d))
		fail_msg("%s", d.text);
	for (const struct json *j = json_get(m, "entries")->kids; j; j = j->next) {
		struct span kind;
		assert_true(json_get_str(j, "kind", &kind));
		if (!span_is(kind, "dcap-quote"))
			continue;
		char name[256];
		snprintf(name, sizeof name, "%.*s", SPAN_FMT(json_get(j, "files")->kids->str));
		run_case(dir, j, name);
		n++;
	}
	free((void *)text.p);
	return n;
}

static void gives_the_expected_result_for_every_case(void **state)
{
	(void)state;
	assert_int_equal(run_manifest("attestation"), 165);
}

static void gives_the_expected_result_for_every_extra_case(void **state)
{
	(void)state;
	assert_int_equal(run_manifest("attestation-extra"), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_expected_result_for_every_case),
		cmocka_unit_test(gives_the_expected_result_for_every_extra_case),
	};
	if (arena_open(&arena, 64 << 20) || arena_open(&manifest_arena, 64 << 20))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
