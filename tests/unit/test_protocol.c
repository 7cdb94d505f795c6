/* The vectors of the protocol that no other test looks at, and whole requests through the routes. */
#include "tests/unit/vectors.h"

#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/pem.h"
#include "kms/attest/attest.h"
#include "kms/attest/evidence.h"
#include "kms/auth/dev.h"
#include "kms/auth/webhook.h"
#include "kms/rpc/routes.h"
#include "kms/rpc/series.h"
#include "kms/wire/app_info.h"
#include "kms/wire/csr.h"
#include "kms/wire/json_out.h"
#include "kms/wire/scale.h"

static uint8_t block[8 << 20];
static struct arena a;
static struct diag d;

static struct arena *fresh(void)
{
	a = arena_over(block, sizeof block);
	memset(block, 0, sizeof block);
	diag_clear(&d);
	return &a;
}

/* --- encodings -------------------------------------------------------------------------------------------------------------------- */

static void report_data_of_keys_and_content(void **state)
{
	(void)state;
	uint8_t out[64];
	const struct json *v = vector("report-data-appdata-golden");
	report_data("app-data", vector_text(v, "input", "content_ascii"), out);
	assert_span_equal(SPAN_ARR(out), vector_hex(v, "output", "report_data"));
	v = vector("report-data-ratls");
	report_data("ratls-cert", vector_hex(v, "input", "spki_der"), out);
	assert_span_equal(SPAN_ARR(out), vector_hex(v, "output", "report_data"));
}

static void scale_compact_forms(void **state)
{
	(void)state;
	const struct json *v = vector("scale-compact");
	for (const struct json *k = json_get(v, "output")->kids; k; k = k->next) {
		uint64_t n;
		uint8_t buf[8];
		struct wr w = wr_to(buf, sizeof buf);
		assert_true(parse_u64(k->key, &n));
		scale_put_compact(&w, n);
		struct span want = hex_decode_in(&vectors_arena, k->str);
		assert_span_equal(wr_span(&w), want);
		struct rd r = rd_from(want);
		assert_int_equal(scale_compact(&r), n);
		assert_true(rd_done(&r));
	}
	static const uint8_t longer[] = {0x01, 0x00};
	struct rd r = rd_from(SPAN_ARR(longer));
	scale_compact(&r);
	assert_false(rd_ok(&r));
}

static void csr_goldens(void **state)
{
	(void)state;
	struct csr csr;
	const struct json *v = vector("csr-v2-golden-1");
	assert_int_equal(csr_decode_v2(fresh(), vector_hex(v, "output", "csr"), &csr, &d), 0);
	assert_span_equal(csr.confirm, vector_text(v, "input", "confirm"));
	assert_span_equal(csr.pubkey, vector_hex(v, "input", "pubkey"));
	assert_span_equal(csr.subject, vector_text(v, "input", "subject"));
	assert_true(csr.server_auth && !csr.client_auth && !csr.ext_quote && !csr.org_name.p && !csr.not_before.set);
	assert_span_equal(csr.attestation, vector_hex(v, "input", "attestation"));
	v = vector("csr-v2-golden-2");
	assert_int_equal(csr_decode_v2(fresh(), vector_hex(v, "output", "csr"), &csr, &d), 0);
	assert_true(csr.ext_quote);
	assert_span_equal(csr.attestation, vector_hex(v, "input", "attestation"));
}

static void csr_with_everything(void **state)
{
	(void)state;
	struct csr csr;
	const struct json *v = vector("csr-v2-full");
	struct span bytes = vector_hex(v, "output", "csr"), sig = vector_hex(v, "output", "signature_der");
	assert_int_equal(csr_decode_v2(fresh(), bytes, &csr, &d), 0);
	assert_span_equal(csr.org_name, vector_text(v, "input", "org_name"));
	assert_int_equal(csr.alt_name_count, 2);
	assert_span_equal(csr.alt_names[1], SPAN_LIT("203.0.113.10"));
	assert_int_equal(csr.not_before.seconds, 1767225600);
	assert_int_equal(csr.not_after.seconds, 1798761600);
	assert_true(csr.ext_app_info && csr.client_auth);
	assert_int_equal(csr_verify(&csr, bytes, sig, &d), 0);
	uint8_t *bad = arena_alloc(&a, bytes.n);
	assert_non_null(bad);
	memcpy(bad, bytes.p, bytes.n);
	bad[bytes.n - 1] ^= 1;
	assert_int_equal(csr_verify(&csr, SPAN(bad, bytes.n), sig, &d), ERR_CRYPTO);
	assert_string_equal(d.text, "Invalid signature");
	for (size_t n = 0, end = bytes.n - csr.attestation.n; n < end; n++)
		assert_int_not_equal(csr_decode_v2(&a, SPAN(bytes.p, n), &csr, &d), 0);

	v = vector("csr-v1-full");
	bytes = vector_hex(v, "output", "csr");
	assert_int_equal(csr_decode_v1(fresh(), bytes, &csr, &d), 0);
	assert_span_equal(csr.quote, vector_hex(v, "input", "quote"));
	assert_span_equal(csr.event_log, vector_text(v, "input", "event_log_json"));
	assert_int_equal(csr_verify(&csr, bytes, vector_hex(v, "output", "signature_der"), &d), 0);
	csr.confirm = SPAN_LIT("please sign");
	assert_int_equal(csr_verify(&csr, bytes, vector_hex(v, "output", "signature_der"), &d), ERR_INPUT);
	assert_string_equal(d.text, "Invalid confirm word");
}

static void app_info_in_eight_and_nine(void **state)
{
	(void)state;
	const struct json *v = vector("app-info-ext-8"), *nine = vector("app-info-ext-9");
	struct app_info i = {vector_hex(v, "input", "app_id"),        vector_hex(v, "input", "compose_hash"),
			     vector_hex(v, "input", "instance_id"),   vector_hex(v, "input", "device_id"),
			     vector_hex(v, "input", "mr_system"),     vector_hex(v, "input", "mr_aggregated"),
			     vector_hex(v, "input", "os_image_hash"), vector_text(v, "input", "key_provider_info_ascii")},
			got;
	struct span bytes = vector_hex(v, "output", "msgpack");
	assert_span_equal(app_info_encode(fresh(), &i), bytes);
	assert_int_equal(app_info_decode(bytes, &got, &d), 0);
	assert_span_equal(got.key_provider_info, i.key_provider_info);
	assert_int_equal(app_info_decode(vector_hex(nine, "output", "msgpack_empty_list"), &got, &d), 0);
	assert_int_equal(app_info_decode(vector_hex(nine, "output", "msgpack_none"), &got, &d), 0);
	for (size_t n = 0; n < bytes.n; n++)
		assert_int_not_equal(app_info_decode(SPAN(bytes.p, n), &got, &d), 0);
}

static void error_bodies(void **state)
{
	(void)state;
	const struct json *v = vector("error-encoding");
	assert_span_equal(rpc_error_body(fresh(), true, "Unsupported API version: 2"), vector_text(v, "output", "json_utf8"));
	assert_span_equal(rpc_error_body(fresh(), false, "Unsupported API version: 2"), vector_hex(v, "output", "protobuf"));
	assert_span_equal(rpc_error_body(fresh(), true, "a\"\\\x01/\x7f\xff"),
			  SPAN_LIT("{\n  \"error\": \"a\\\"\\\\\\u0001/\x7f\xef\xbf\xbd\"\n}"));
}

static void json_selector(void **state)
{
	(void)state;
	for (const struct json *k = json_get(json_get(vector("json-selector"), "output"), "cases")->kids; k; k = k->next) {
		bool want = k->kids->next->type == JSON_TRUE;
		if (rpc_query_wants_json(k->kids->str) != want)
			fail_msg("%.*s", SPAN_FMT(k->kids->str));
	}
}

static void method_names_lose_their_own_prefix(void **state)
{
	(void)state;
	for (const struct json *k = json_get(json_get(vector("method-name-trim"), "output"), "cases")->kids; k; k = k->next) {
		struct span method, path = SPAN_STR(arena_fmt(fresh(), "/prpc/%.*s", SPAN_FMT(k->kids->str)));
		assert_true(rpc_path(&rpc_kms, path, &method));
		assert_span_equal(method, k->kids->next->str);
	}
	struct span method;
	assert_false(rpc_path(&rpc_kms, SPAN_LIT("/prpc/"), &method));
	assert_false(rpc_path(&rpc_kms, SPAN_LIT("/prpc/a/b"), &method));
	assert_true(rpc_path(&rpc_kms, SPAN_LIT("/prpc/KMS."), &method));
	assert_int_equal(method.n, 0);
}

static void metrics_begin_with_upstreams_text(void **state)
{
	(void)state;
	struct span want = vector_text(vector("metrics-text"), "output", "body"), page = series_page(fresh());
	assert_true(page.n > want.n);
	assert_span_equal(SPAN(page.p, want.n), want);
}

static void boot_info_body_of_a_nitro_document(void **state)
{
	(void)state;
	const struct json *v = vector("bootinfo-json");
	struct span april = vector_text(v, "output", "apr_2026"), fields[9];
	const struct json *j;
	static const char *const names[] = {"mrAggregated", "osImageHash", "mrSystem",        "appId",    "composeHash",
					    "instanceId",   "deviceId",    "keyProviderInfo", "tcbStatus"};
	assert_int_equal(json_parse(fresh(), april, &j, &d), 0);
	for (size_t i = 0; i < 9; i++)
		assert_true(json_get_str(j, names[i], &fields[i]));
	struct boot_info b = {.variant = VARIANT_NITRO};
	memcpy(b.mr_aggregated, hex_decode_in(&a, fields[0]).p, 32);
	b.os_image_hash = hex_decode_in(&a, fields[1]);
	memcpy(b.mr_system, hex_decode_in(&a, fields[2]).p, 32);
	b.app_id = hex_decode_in(&a, fields[3]);
	b.compose_hash = hex_decode_in(&a, fields[4]);
	memcpy(b.device_id, hex_decode_in(&a, fields[6]).p, 32);
	struct span got = boot_info_json(&a, &b);
	char *want = arena_fmt(&a, "{\"attestationMode\":\"dstack-nitro-enclave\",\"teeVariant\":\"dstack-nitro-enclave\"%s",
			       strchr((const char *)april.p, ','));
	assert_span_equal(got, SPAN(want, april.n + strlen(",\"teeVariant\":\"dstack-nitro-enclave\"")));
}

/* --- policy answers --------------------------------------------------------------------------------------------------------------- */

static void decisions_need_all_three_members(void **state)
{
	(void)state;
	struct auth_decision r;
	assert_int_equal(auth_webhook_read_decision(
				 fresh(), SPAN_LIT("{\"isAllowed\":true,\"gatewayAppId\":\"g\",\"reason\":\"\",\"x\":1}"), &r, &d),
			 0);
	assert_true(r.allowed);
	static const char *const bad[] = {"",
					  "null",
					  "[]",
					  "{\"isAllowed\":true}",
					  "{\"isAllowed\":true,\"gatewayAppId\":\"g\"}",
					  "{\"isAllowed\":\"true\",\"gatewayAppId\":\"g\",\"reason\":\"\"}",
					  "{\"isAllowed\":1,\"gatewayAppId\":\"g\",\"reason\":\"\"}",
					  "{\"isAllowed\":true,\"gatewayAppId\":null,\"reason\":\"\"}",
					  "{\"isAllowed\":false,\"isAllowed\":true,\"gatewayAppId\":\"g\",\"reason\":\"\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (auth_webhook_read_decision(fresh(), SPAN_STR(bad[i]), &r, &d) == 0 || r.allowed)
			fail_msg("accepted %s", bad[i]);
}

/* --- whole requests --------------------------------------------------------------------------------------------------------------- */

static struct config config;
static struct auth_dev dev = {"any"};
static struct attest_ctx attest_ctx;
static struct kms kms;

static int make_kms(void **state)
{
	static uint8_t keep[1 << 20];
	struct arena k = arena_over(keep, sizeof keep);
	struct identity_keys keys;
	struct key_files files;
	if (vectors_open(state))
		return -1;
	config_defaults(&config);
	config.enforce_self_authorization = false;
	pthread_mutex_init(&kms.self.lock, NULL);
	kms.config = &config;
	kms.attest = &attest_ctx;
	kms.auth = auth_dev_backend(&dev);
	identity_generate(&keys);
	return audit_open(&kms.audit) || identity_issue(&keys, SPAN_LIT("kms.test"), NULL, 1767225600, &k, &files, &d) ||
	       identity_read(&files, &k, &kms.id, &d);
}

static struct http_response ask(enum http_method verb, const char *path, const char *query, const char *type, struct span body)
{
	struct http_request req = {.method = verb,
				   .path = SPAN_STR(path),
				   .query = SPAN_STR(query),
				   .content_type = SPAN_STR(type),
				   .body = body,
				   .tls = true,
				   .peer = SPAN_LIT("test"),
				   .arena = fresh()};
	struct http_response resp = {0};
	routes_main(&kms, &req, &resp);
	return resp;
}

static void errors_follow_the_encoding_of_the_request(void **state)
{
	(void)state;
	struct http_response r = ask(HTTP_POST_, "/prpc/GetKmsKey", "json", "", SPAN_LIT("{}"));
	assert_int_equal(r.status, 400);
	assert_string_equal(r.content_type, "application/json");
	assert_span_equal(r.body, SPAN_LIT("{\n  \"error\": \"No attestation provided\"\n}"));
	r = ask(HTTP_POST_, "/prpc/GetKmsKey", "", "", SPAN_LIT(""));
	assert_string_equal(r.content_type, "application/octet-stream");
	assert_span_equal(r.body, SPAN_LIT("\x0a\x17No attestation provided"));
	r = ask(HTTP_GET_, "/prpc/GetKmsKey", "json=0", "", SPAN_LIT(""));
	assert_string_equal(r.content_type, "application/json");
}

static void a_client_certificate_that_is_none_is_refused_on_every_method(void **state)
{
	(void)state;
	struct http_request req = {.method = HTTP_GET_,
				   .path = SPAN_LIT("/prpc/GetMeta"),
				   .client_cert = SPAN_LIT("x"),
				   .tls = true,
				   .peer = SPAN_LIT("test"),
				   .arena = fresh()};
	struct http_response resp = {0};
	routes_main(&kms, &req, &resp);
	assert_int_equal(resp.status, 400);
	req.path = SPAN_LIT("/health");
	routes_main(&kms, &req, &resp);
	assert_int_equal(resp.status, 200);
}

static void an_oversized_body_closes_after_its_answer(void **state)
{
	(void)state;
	struct http_request req = {.method = HTTP_POST_,
				   .path = SPAN_LIT("/prpc/GetMeta"),
				   .query = SPAN_LIT("json"),
				   .body_too_large = true,
				   .tls = true,
				   .peer = SPAN_LIT("test"),
				   .arena = fresh()};
	struct http_response resp = {0};
	routes_main(&kms, &req, &resp);
	assert_int_equal(resp.status, 400);
	assert_true(resp.close);
	assert_span_equal(resp.body, SPAN_LIT("{\n  \"error\": \"failed to read data: payload too large\"\n}"));
}

static void a_full_arena_is_an_error_and_not_a_crash(void **state)
{
	(void)state;
	static uint8_t small[4096];
	for (size_t n = 0; n <= sizeof small; n += 64) {
		struct arena tight = arena_over(small, n);
		struct http_request req = {.method = HTTP_POST_,
					   .path = SPAN_LIT("/prpc/GetMeta"),
					   .query = SPAN_LIT("json"),
					   .tls = true,
					   .peer = SPAN_LIT("test"),
					   .arena = &tight};
		struct http_response resp = {0};
		routes_main(&kms, &req, &resp);
		assert_true(resp.status == 200 || resp.status == 400);
	}
}

static void audit_chain_verifies_after_the_ring_went_round(void **state)
{
	(void)state;
	struct audit l;
	uint8_t hash[32] = {0};
	assert_int_equal(audit_open(&l), 0);
	struct boot_info who = {.variant = VARIANT_GCP_TDX, .app_id = SPAN_LIT("01234567890123456789"), .os_image_hash = SPAN(block, 4096)};
	for (int i = 0; i < AUDIT_RECORDS + 10; i++)
		audit_add(&l, 1767225600 + i, "GetAppKey", &who, SPAN_LIT("peer\"\n"), i % 2 ? "no \"reason\" \xc3\xa9" : NULL);
	struct span text = audit_export(&l, fresh(), kms.id.keys.root.k256);
	assert_non_null(text.p);
	const struct json *head;
	const uint8_t *nl = memchr(text.p, '\n', text.n);
	size_t n = (size_t)(nl - text.p);
	assert_int_equal(json_parse(&vectors_arena, SPAN(text.p, n), &head, &d), 0);
	uint64_t first = 0, sequence = 0;
	struct span hex;
	assert_true(json_get_u64(head, "first", &first) && json_get_u64(head, "sequence", &sequence));
	assert_int_equal(first, 11);
	assert_int_equal(sequence, AUDIT_RECORDS + 10);
	assert_true(json_get_str(head, "before_first", &hex));
	assert_int_equal(hex_decode(hex, hash, 32), 32);
	struct rd r = rd_from(text);
	rd_skip(&r, n + 1);
	while (r.left) {
		const uint8_t *end = memchr(r.p, '\n', r.left);
		struct span line = rd_bytes(&r, (size_t)(end - r.p));
		const struct json *record;
		rd_skip(&r, 1);
		if (json_parse(&vectors_arena, line, &record, &d))
			fail_msg("%.*s: %s", SPAN_FMT(line), d.text);
		sha256_2(SPAN_ARR(hash), line, hash);
	}
	uint8_t want[32], sig[65], pub[33], message[64];
	assert_true(json_get_str(head, "hash", &hex));
	assert_int_equal(hex_decode(hex, want, 32), 32);
	assert_memory_equal(hash, want, 32);
	assert_true(json_get_str(head, "signature", &hex));
	assert_int_equal(hex_decode(hex, sig, 65), 65);
	struct wr w = wr_to(message, sizeof message);
	wr_str(&w, "ukms-audit-head:");
	wr_u64be(&w, sequence);
	wr_bytes(&w, hash, 32);
	assert_true(secp_recover(wr_span(&w), sig, pub));
	assert_memory_equal(pub, kms.id.k256_pub, 33);
	audit_close(&l);
}

static void renewal_keeps_keys_and_young_authorities(void **state)
{
	(void)state;
	struct identity_keys keys;
	struct key_files files, renewed;
	struct identity id;
	identity_generate(&keys);
	assert_int_equal(identity_issue(&keys, SPAN_LIT("kms.test"), NULL, 1767225600, fresh(), &files, &d), 0);
	assert_int_equal(identity_renew(&files, SPAN_LIT(""), NULL, 1767225600 + 86400, &a, &renewed, &d), 0);
	assert_span_equal(renewed.file[KEY_ROOT_CA_CRT], files.file[KEY_ROOT_CA_CRT]);
	assert_span_equal(renewed.file[KEY_RPC_KEY], files.file[KEY_RPC_KEY]);
	assert_false(span_eq(renewed.file[KEY_RPC_CRT], files.file[KEY_RPC_CRT]));
	assert_int_equal(identity_renew(&files, SPAN_LIT("other.test"), NULL, 1767225600 + 3300 * INT64_C(86400), &a, &renewed, &d), 0);
	assert_false(span_eq(renewed.file[KEY_ROOT_CA_CRT], files.file[KEY_ROOT_CA_CRT]));
	assert_int_equal(identity_read(&renewed, &a, &id, &d), 0);
	assert_memory_equal(&id.keys.root, &keys.root, sizeof keys.root);
	renewed.file[KEY_RPC_DOMAIN] = SPAN(NULL, 0);
	assert_int_equal(identity_renew(&renewed, SPAN_LIT(""), NULL, 1767225600, &a, &files, &d), ERR_MISSING);
	wipe(&keys, sizeof keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_begin_with_upstreams_text), /* counters start at zero: first */
		cmocka_unit_test(report_data_of_keys_and_content),
		cmocka_unit_test(scale_compact_forms),
		cmocka_unit_test(csr_goldens),
		cmocka_unit_test(csr_with_everything),
		cmocka_unit_test(app_info_in_eight_and_nine),
		cmocka_unit_test(error_bodies),
		cmocka_unit_test(json_selector),
		cmocka_unit_test(method_names_lose_their_own_prefix),
		cmocka_unit_test(boot_info_body_of_a_nitro_document),
		cmocka_unit_test(decisions_need_all_three_members),
		cmocka_unit_test(errors_follow_the_encoding_of_the_request),
		cmocka_unit_test(a_client_certificate_that_is_none_is_refused_on_every_method),
		cmocka_unit_test(an_oversized_body_closes_after_its_answer),
		cmocka_unit_test(a_full_arena_is_an_error_and_not_a_crash),
		cmocka_unit_test(audit_chain_verifies_after_the_ring_went_round),
		cmocka_unit_test(renewal_keeps_keys_and_young_authorities),
	};
	return cmocka_run_group_tests(tests, make_kms, NULL);
}
