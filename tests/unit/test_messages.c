#include "tests/unit/vectors.h"

#include "kms/wire/messages.h"

static struct arena arena;
static uint8_t block[1 << 20];
static struct diag d;

static struct arena *fresh(void)
{
	arena_reset(&arena);
	arena = arena_over(block, sizeof block);
	return &arena;
}

static void get_meta_in_both_encodings(void **state)
{
	(void)state;
	const struct json *v = vector("getmeta-encoding");
	static const uint8_t k256[] = {0x02, 0xaa}, ca[] = {0x30, 0x59}, boot[] = {0x03, 0xbb}, att[] = {0x00, 0x01};
	struct bootstrap_response info = {SPAN_ARR(ca), SPAN_ARR(boot), SPAN_ARR(att)};
	struct get_meta_response m = {.ca_cert = SPAN_LIT("X"),
				      .k256_pubkey = SPAN_ARR(k256),
				      .bootstrap_info = &info,
				      .gateway_app_id = SPAN_LIT(""),
				      .kms_contract_address = SPAN_LIT("0xFaAD"),
				      .chain_id = {true, 84532},
				      .app_auth_implementation = SPAN_LIT("0x43ac")};
	assert_span_equal(message_to_json(&message_get_meta_response, fresh(), &m), vector_text(v, "output", "json_utf8"));
	assert_span_equal(message_to_proto(&message_get_meta_response, fresh(), &m), vector_hex(v, "output", "protobuf"));
	struct get_meta_response back;
	struct span json = message_to_json(&message_get_meta_response, fresh(), &m);
	assert_int_equal(message_from_json(&message_get_meta_response, &arena, json, &back, &d), 0);
	assert_span_equal(message_to_json(&message_get_meta_response, &arena, &back), vector_text(v, "output", "json_utf8"));
	assert_int_equal(message_from_proto(&message_get_meta_response, fresh(), vector_hex(v, "output", "protobuf"), &back, &d), 0);
	assert_span_equal(message_to_json(&message_get_meta_response, &arena, &back), vector_text(v, "output", "json_utf8"));

	struct get_meta_response dev = {.ca_cert = SPAN_LIT("X"),
					.allow_any_upgrade = true,
					.k256_pubkey = SPAN_ARR(k256),
					.is_dev = true,
					.gateway_app_id = SPAN_LIT("any")};
	assert_span_equal(message_to_json(&message_get_meta_response, fresh(), &dev), vector_text(v, "output", "json_after_onboard_dev"));
}

static void empty_messages(void **state)
{
	(void)state;
	const struct json *v = vector("empty-encodings");
	struct onboard_response o = {SPAN(NULL, 0)};
	assert_span_equal(message_to_json(&message_empty, fresh(), NULL), vector_text(v, "output", "response_json_for_Empty"));
	assert_int_equal(message_to_proto(&message_empty, fresh(), NULL).n, 0);
	assert_span_equal(message_to_json(&message_onboard_response_empty, fresh(), &o),
			  vector_text(v, "output", "response_json_for_empty_struct_OnboardResponse_jan_2026"));
	assert_int_equal(message_from_json(&message_empty, fresh(), SPAN_LIT("garbage"), &o, &d), 0);
	assert_int_equal(message_from_proto(&message_empty, fresh(), SPAN_LIT("\xff\xff"), &o, &d), 0);
}

static void bootstrap_info_file(void **state)
{
	(void)state;
	static const uint8_t ca[] = {0x30, 0x59}, k[] = {0x03, 0xbb}, att[] = {0x00, 0x01};
	struct bootstrap_response r = {SPAN_ARR(ca), SPAN_ARR(k), SPAN_ARR(att)};
	assert_span_equal(message_to_json(&message_bootstrap_response, fresh(), &r),
			  vector_text(vector("bootstrap-info-file"), "output", "file_utf8"));
}

static int key_request(const char *json, struct get_app_key_request *out)
{
	return message_from_json(&message_get_app_key_request, fresh(), SPAN_STR(json), out, &d);
}

static void json_requests_follow_the_rules(void **state)
{
	(void)state;
	struct get_app_key_request r;
	assert_int_equal(key_request("", &r), 0);
	assert_int_equal(r.api_version, 0);
	assert_int_equal(key_request(" {\"api_versio\\u006e\" : 1, \"x\":[{}], \"x\":2, \"vm_config\":\"{\\\"a\\\":1}\"} ", &r), 0);
	assert_int_equal(r.api_version, 1);
	assert_span_equal(r.vm_config, SPAN_LIT("{\"a\":1}"));
	static const char *const bad[] = {" ",
					  "null",
					  "[1,\"\"]",
					  "{\"api_version\":null}",
					  "{\"api_version\":\"1\"}",
					  "{\"api_version\":1.0}",
					  "{\"api_version\":1e0}",
					  "{\"api_version\":-1}",
					  "{\"api_version\":4294967296}",
					  "{\"api_version\":1,\"api_version\":1}",
					  "{\"vm_config\":null}",
					  "{\"vm_config\":1}",
					  "{} x",
					  "{\"vm_config\":\"\x01\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (key_request(bad[i], &r) == 0)
			fail_msg("accepted %s", bad[i]);
}

static void hex_in_json_and_forms(void **state)
{
	(void)state;
	struct app_id r;
	static const struct {
		const char *text;
		int bytes; /* -1: refused */
	} cases[] = {{"ab", 1}, {"0xAB", 1}, {"0x0xab", 1}, {"", 0}, {"0x", 0}, {"0XAB", -1}, {"abc", -1}, {"zz", -1}, {"a b", -1}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char json[64], query[64];
		snprintf(json, sizeof json, "{\"app_id\":\"%s\"}", cases[i].text);
		snprintf(query, sizeof query, "json&app%%5Fid=%s&other=%%zz", cases[i].text);
		for (char *c = query; *c; c++)
			if (*c == ' ')
				*c = '+';
		int e = message_from_json(&message_app_id, fresh(), SPAN_STR(json), &r, &d);
		assert_int_equal(e ? -1 : (int)r.app_id.n, cases[i].bytes);
		e = message_from_form(&message_app_id, fresh(), SPAN_STR(query), &r, &d);
		assert_int_equal(e ? -1 : (int)r.app_id.n, cases[i].bytes);
	}
	assert_int_equal(message_from_form(&message_app_id, fresh(), SPAN_LIT("app_id=00&app_id=00"), &r, &d), ERR_INPUT);
	assert_int_equal(message_from_form(&message_app_id, fresh(), SPAN_LIT(""), &r, &d), 0);
	struct get_app_key_request k;
	assert_int_equal(message_from_form(&message_get_app_key_request, fresh(), SPAN_LIT("api_version=1&vm_config=a+%2B%20b%26"), &k, &d),
			 0);
	assert_int_equal(k.api_version, 1);
	assert_span_equal(k.vm_config, SPAN_LIT("a + b&"));
	assert_int_equal(message_from_form(&message_get_app_key_request, fresh(), SPAN_LIT("api_version=+1"), &k, &d), ERR_INPUT);
	assert_int_equal(message_from_form(&message_get_app_key_request, fresh(), SPAN_LIT("vm_config=%ff"), &k, &d), ERR_INPUT);
	assert_int_equal(message_from_form(&message_get_app_key_request, fresh(), SPAN_LIT("vm_config=%f"), &k, &d), ERR_INPUT);
}

static int proto(const char *hex, struct get_app_key_request *out)
{
	struct arena *a = fresh();
	return message_from_proto(&message_get_app_key_request, a, hex_decode_in(a, SPAN_STR(hex)), out, &d);
}

static void protobuf_requests_follow_the_rules(void **state)
{
	(void)state;
	struct get_app_key_request r;
	assert_int_equal(proto("", &r), 0);
	assert_int_equal(proto("08011202"
			       "7b7d",
			       &r),
			 0);
	assert_int_equal(r.api_version, 1);
	assert_span_equal(r.vm_config, SPAN_LIT("{}"));
	/* last one wins; unknown fields of every wire type, a group included, are skipped */
	assert_int_equal(proto("08010802"
			       "1801"
			       "210000000000000000"
			       "2a0161"
			       "3300"
			       "08011b"
			       "0934"
			       "3d00000000",
			       &r),
			 ERR_INPUT);
	assert_int_equal(proto("08010802"
			       "1801"
			       "210000000000000000"
			       "2a0161"
			       "33"
			       "1801"
			       "34"
			       "3d00000000",
			       &r),
			 0);
	assert_int_equal(r.api_version, 2);
	static const char *const bad[] = {"08",                     /* truncated */
					  "0a00",                   /* wire type of a number */
					  "1005",                   /* wire type of a string */
					  "120561",                 /* length beyond the end */
					  "1201ff",                 /* not UTF-8 */
					  "0000",                   /* field 0 */
					  "08ffffffffffffffffff02", /* more than 64 bits */
					  "08ffffffffffffffffffff01",
					  "34",     /* end of no group */
					  "331b34", /* group ended by another */
					  "0e00",   /* wire type 6 */
					  "fdffffff1f00000000"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (proto(bad[i], &r) == 0)
			fail_msg("accepted %s", bad[i]);
}

static void lists_survive_both_encodings(void **state)
{
	(void)state;
	struct kms_keys keys[] = {{SPAN_LIT("pem\n\"\x7f"), SPAN_LIT("\x01\x02")}, {SPAN_LIT(""), SPAN_LIT("")}};
	struct kms_key_response r = {SPAN_LIT("t"), {keys, 2}}, back;
	struct span json = message_to_json(&message_kms_key_response, fresh(), &r);
	assert_span_equal(json, SPAN_LIT("{\"temp_ca_key\":\"t\",\"keys\":[{\"ca_key\":\"pem\\n\\\"\x7f\",\"k256_key\":\"0102\"},"
					 "{\"ca_key\":\"\",\"k256_key\":\"\"}]}"));
	struct span bytes = message_to_proto(&message_kms_key_response, &arena, &r);
	assert_int_equal(message_from_proto(&message_kms_key_response, &arena, bytes, &back, &d), 0);
	assert_span_equal(message_to_json(&message_kms_key_response, &arena, &back), json);
	assert_int_equal(message_from_json(&message_kms_key_response, &arena, json, &back, &d), 0);
	assert_span_equal(message_to_proto(&message_kms_key_response, &arena, &back), bytes);
	struct span chain[] = {SPAN_LIT("a"), SPAN_LIT("b"), SPAN_LIT("c")};
	struct sign_cert_response s = {{chain, 3}};
	assert_span_equal(message_to_json(&message_sign_cert_response, fresh(), &s),
			  SPAN_LIT("{\"certificate_chain\":[\"a\",\"b\",\"c\"]}"));
	assert_span_equal(message_to_proto(&message_sign_cert_response, fresh(), &s), SPAN_LIT("\x0a\x01"
											       "a"
											       "\x0a\x01"
											       "b"
											       "\x0a\x01"
											       "c"));
}

static void clear_image_cache_numbers_differ_by_service(void **state)
{
	(void)state;
	struct clear_image_cache_request r;
	assert_int_equal(message_from_proto(&message_clear_image_cache_request, fresh(),
					    SPAN_LIT("\x0a\x01t\x12\x01i\x1a\x01"
						     "c"),
					    &r, &d),
			 0);
	assert_span_equal(r.token, SPAN_LIT("t"));
	assert_span_equal(r.image_hash, SPAN_LIT("i"));
	assert_int_equal(message_from_proto(&message_admin_clear_image_cache_request, fresh(),
					    SPAN_LIT("\x0a\x01i\x12\x01"
						     "c"),
					    &r, &d),
			 0);
	assert_int_equal(r.token.n, 0);
	assert_span_equal(r.image_hash, SPAN_LIT("i"));
	assert_span_equal(r.config_hash, SPAN_LIT("c"));
}

static void attestation_info_has_both_names(void **state)
{
	(void)state;
	struct attestation_info_response r = {.attestation_mode = SPAN_LIT("dstack-gcp-tdx"), .tee_variant = SPAN_LIT("dstack-gcp-tdx")};
	assert_span_equal(
		message_to_json(&message_attestation_info_response, fresh(), &r),
		SPAN_LIT("{\"device_id\":\"\",\"mr_aggregated\":\"\",\"os_image_hash\":\"\",\"attestation_mode\":\"dstack-gcp-tdx\","
			 "\"tee_variant\":\"dstack-gcp-tdx\",\"site_name\":\"\",\"eth_rpc_url\":\"\",\"kms_contract_address\":\"\","
			 "\"ppid\":\"\"}"));
	assert_int_equal(message_to_proto(&message_attestation_info_response, fresh(), &r).n, 2 + 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_meta_in_both_encodings),
		cmocka_unit_test(empty_messages),
		cmocka_unit_test(bootstrap_info_file),
		cmocka_unit_test(json_requests_follow_the_rules),
		cmocka_unit_test(hex_in_json_and_forms),
		cmocka_unit_test(protobuf_requests_follow_the_rules),
		cmocka_unit_test(lists_survive_both_encodings),
		cmocka_unit_test(clear_image_cache_numbers_differ_by_service),
		cmocka_unit_test(attestation_info_has_both_names),
	};
	return cmocka_run_group_tests(tests, vectors_open, NULL);
}
