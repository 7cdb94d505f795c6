#include "tests/unit/test.h"

#include "kms/config/config.h"
#include "kms/config/toml.h"

static uint8_t block[4 << 20];
static struct arena a;
static struct config c;
static struct diag d;

static int merge(enum config_source from, const char *text)
{
	const struct json *doc;
	a = arena_over(block, sizeof block);
	config_defaults(&c);
	diag_clear(&d);
	int e = json_parse(&a, SPAN_STR(text), &doc, &d);
	return e ? e : config_merge(&c, &a, from, "ukms", doc, &d);
}

static const struct json *toml(const char *text)
{
	const struct json *doc;
	a = arena_over(block, sizeof block);
	diag_clear(&d);
	return toml_parse(&a, SPAN_STR(text), &doc, &d) ? NULL : doc;
}

/* The file of the deployment guide, with its indentation. */
static const char guide[] =
	"[rpc]\naddress = \"0.0.0.0\"\nport = 8000\n\n  [rpc.tls]\n  key = \"/kms/certs/rpc.key\"\n  certs = \"/kms/certs/rpc.crt\"\n\n"
	"  [rpc.tls.mutual]\n  ca_certs = \"/kms/certs/tmp-ca.crt\"\n  mandatory = false\n\n[core]\ncert_dir = \"/kms/certs\"\n"
	"admin_token_hash = \"\"\n\n[core.image]\nverify = true\ncache_dir = \"/kms/images\"\n"
	"download_url = \"http://localhost:8000/{OS_IMAGE_HASH}.tar.gz\" # placeholder\ndownload_timeout = \"2m\"\n\n"
	"[core.auth_api]\r\ntype = \"webhook\"\r\n\n[core.auth_api.webhook]\nurl = 'http://auth-api:8000'\n\n[core.onboard]\nenabled = "
	"true\n"
	"auto_bootstrap_domain = \"\"\nquote_enabled = true\naddress = \"0.0.0.0\"\nport = 8_000\n";

static void takes_the_guides_file_unchanged(void **state)
{
	(void)state;
	const struct json *doc = toml(guide);
	if (!doc)
		fail_msg("%s", d.text);
	config_defaults(&c);
	if (config_merge(&c, &a, CONFIG_FILE, "kms.toml", doc, &d) || config_check(&c, &d))
		fail_msg("%s", d.text);
	assert_string_equal(c.cert_dir, "/kms/certs");
	assert_int_equal(c.onboard_port, 8000);
	assert_int_equal(c.image_download_timeout, 120);
	assert_int_equal(c.auth_type, CONFIG_AUTH_WEBHOOK);
}

static void defaults_are_upstreams(void **state)
{
	(void)state;
	config_defaults(&c);
	assert_string_equal(c.rpc_address, "0.0.0.0");
	assert_int_equal(c.rpc_port, 8000);
	assert_string_equal(c.cert_dir, "/etc/kms/certs");
	assert_string_equal(c.auth_webhook_url, "http://auth-api:8000");
	assert_string_equal(c.auth_dev_gateway_app_id, "any");
	assert_true(c.enforce_self_authorization && c.attest_rpc_cert && c.image_verify && c.metrics_enabled && c.onboard_enabled);
	assert_false(c.admin_enabled || c.sev_snp_key_release || c.aws_nitro_tpm_key_release || c.external_trust_anchors);
	assert_int_equal(config_check(&c, &d), 0);
}

static void measured_text_refuses_unknown_keys_by_path(void **state)
{
	(void)state;
	assert_int_equal(merge(CONFIG_MEASURED, "{\"core\":{\"auth_api\":{\"webhok\":{\"url\":\"x\"}}}}"), ERR_CONFIG);
	assert_string_equal(d.text, "ukms: core.auth_api.webhok: unknown key; known here: type, timeout, webhook, dev");
	assert_int_equal(merge(CONFIG_MEASURED, "{\"core\":{\"cert_dir\":\"/x\"}}"), ERR_CONFIG);
	assert_string_equal(d.text, "ukms: core.cert_dir: a file path means nothing inside the image");
	assert_int_equal(merge(CONFIG_FILE, "{\"core\":{\"auth_api\":{\"webhok\":{\"url\":\"x\"}}}}"), 0);
	assert_int_equal(merge(CONFIG_FILE, "{\"core\":{\"attestation\":{\"urlz\":1}}}"), ERR_CONFIG);
}

static void wrong_values_name_what_was_expected(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"{\"rpc\":{\"port\":65536}}", "ukms: rpc.port: expected a port number from 0 to 65535, found 65536"},
		{"{\"rpc\":{\"port\":\"80\"}}", "ukms: rpc.port: expected a port number from 0 to 65535, found \"80\""},
		{"{\"rpc\":[]}", "ukms: rpc: expected a table, found a list"},
		{"[]", "ukms: expected a table, found a list"},
		{"{\"core\":{\"site_name\":1}}", "ukms: core.site_name: expected a text, found 1"},
		{"{\"core\":{\"site_name\":\"a\\u0000b\"}}", NULL},
		{"{\"core\":{\"image\":{\"verify\":\"yes\"}}}", "ukms: core.image.verify: expected true or false, found \"yes\""},
		{"{\"core\":{\"auth_api\":{\"type\":\"eth\"}}}",
		 "ukms: core.auth_api.type: expected \"webhook\" or \"dev\", found \"eth\""},
		{"{\"core\":{\"image\":{\"download_timeout\":\"2x\"}}}",
		 "ukms: core.image.download_timeout: expected a time such as \"90s\", \"2m\", \"1h\" or \"never\", found \"2x\""},
		{"{\"core\":{\"attestation\":{\"relax\":[1]}}}", "ukms: core.attestation.relax: expected a list of texts, found 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(merge(CONFIG_MEASURED, cases[i].text), ERR_CONFIG);
		if (cases[i].says)
			assert_string_equal(d.text, cases[i].says);
	}
}

static int user(const char *text)
{
	a = arena_over(block, sizeof block);
	config_defaults(&c);
	return config_merge_user(&c, &a, SPAN_STR(text), &d);
}

static void user_config_fills_secrets_only(void **state)
{
	(void)state;
	assert_int_equal(user(""), 0);
	assert_int_equal(user("{\"core\":{\"admin\":{\"auth_token\":\"t\"},\"attestation\":{\"urls\":{\"pccs\":\"http://p\"}}}}"), 0);
	assert_string_equal(c.admin_auth_token, "t");
	assert_string_equal(c.url_pccs, "http://p");
	assert_int_equal(user("{\"core.admin.auth_token\":\"u\"}"), 0);
	assert_string_equal(c.admin_auth_token, "u");
	static const char *const refused[] = {
		"{\"core\":{\"auth_api\":{\"type\":\"dev\"}}}",      "{\"x\":1}", "{\"core.auth_api.type\":\"dev\"}",
		"{\"core\":{\"enforce_self_authorization\":false}}", "[]",        "{"};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (user(refused[i]) != ERR_CONFIG)
			fail_msg("accepted %s", refused[i]);
	user("{\"core\":{\"auth_api\":{\"type\":\"dev\"}}}");
	assert_string_equal(d.text,
			    ".user-config: core.auth_api.type: may not be set here; policy belongs into the measured app-compose.json");
}

static void rules_between_keys(void **state)
{
	(void)state;
	static const char *const refused[] = {"{\"core\":{\"attestation\":{\"root_ca\":{\"tdx\":\"/x\"}}}}",
					      "{\"core\":{\"admin_token_hash\":\"12\"}}",
					      "{\"core\":{\"auth_api\":{\"webhook\":{\"url\":\"ftp://x\"}}}}",
					      "{\"default\":{\"log_level\":\"loud\"}}",
					      "{\"rpc\":{\"tls\":{\"mutual\":{\"mandatory\":true}}}}",
					      "{\"rpc\":{\"tls\":{\"key\":\"/other/rpc.key\"}}}",
					      "{\"core\":{\"auth_api\":{\"timeout\":\"60s\"}}}"};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		if (merge(CONFIG_FILE, refused[i]))
			fail_msg("%s: %s", refused[i], d.text);
		if (config_check(&c, &d) != ERR_CONFIG)
			fail_msg("accepted %s", refused[i]);
	}
}

static void toml_values(void **state)
{
	(void)state;
	const struct json *j = toml("a = \"x\\t\\\"\\u00e9\\U0001f600\" # c\n'b c' = 'raw\\n'\nn = -1_000\nl = [ 1,\n # two\n \"two\", "
				    "[true] , ]\nt = { x = 1, y.z = false }\n"
				    "d.e.f = +7\n[d.g]\nh=0\n");
	uint64_t n;
	struct span s;
	if (!j)
		fail_msg("%s", d.text);
	assert_true(json_get_str(j, "a", &s));
	assert_span_equal(s, SPAN_LIT("x\t\"\xc3\xa9\xf0\x9f\x98\x80"));
	assert_true(json_get_str(j, "b c", &s));
	assert_span_equal(s, SPAN_LIT("raw\\n"));
	assert_span_equal(json_get(j, "n")->raw, SPAN_LIT("-1000"));
	assert_int_equal(json_get(j, "l")->count, 3);
	assert_true(json_get_u64(json_get(j, "t"), "x", &n));
	assert_true(json_get_u64(json_get(json_get(j, "d"), "e"), "f", &n));
	assert_int_equal(n, 7);
	assert_true(json_get_u64(json_get(json_get(j, "d"), "g"), "h", &n));
}

static void toml_refusals_name_the_line(void **state)
{
	(void)state;
	static const char *const bad[] = {"a",
					  "a =",
					  "a = x",
					  "a = 1.5",
					  "a = 0x1",
					  "a = 01",
					  "a = 1__0",
					  "a = \"x",
					  "a = \"\\q\"",
					  "a = \"\"\"x\"\"\"",
					  "a = 1 b = 2",
					  "a = 1\na = 2",
					  "[t]\n[t]",
					  "[[t]]",
					  "[t",
					  "= 1",
					  "a = [1",
					  "a = {x=1",
					  "a = 1\n[a]",
					  "a.b = 1\na = 2",
					  "a = \"\xff\"",
					  "a = 1979-05-27",
					  "a = \"\\ud800\""};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (toml(bad[i]))
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "line "));
	}
	assert_null(toml("\n\n a = ?\n"));
	assert_true(strncmp(d.text, "line 3: ", 8) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_guides_file_unchanged),
		cmocka_unit_test(defaults_are_upstreams),
		cmocka_unit_test(measured_text_refuses_unknown_keys_by_path),
		cmocka_unit_test(wrong_values_name_what_was_expected),
		cmocka_unit_test(user_config_fills_secrets_only),
		cmocka_unit_test(rules_between_keys),
		cmocka_unit_test(toml_values),
		cmocka_unit_test(toml_refusals_name_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
