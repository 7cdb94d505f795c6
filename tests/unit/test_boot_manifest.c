#include "tests/unit/test.h"

#include "base/text.h"
#include "boot/manifest.h"
#include "boot/measure.h"
#include "crypto/hash.h"

static uint8_t block[1 << 18];
static struct arena a;
static struct manifest m;
static struct diag d;

/* Files with one quirk: each text replaces the ordinary one if not NULL. */
static int reads(const char *compose, const char *instance, const char *sys_config)
{
	struct shared_files files = {
		.compose = SPAN_STR(compose ? compose : "{\"manifest_version\":2,\"key_provider\":\"tpm\",\"no_instance_id\":true}"),
		.instance_info = SPAN_STR(instance ? instance : ""),
		.sys_config = SPAN_STR(sys_config ? sys_config : "{}"),
	};
	a = arena_over(block, sizeof block);
	diag_clear(&d);
	return manifest_read(&a, &files, &m, &d);
}

static void hashes_the_exact_bytes_of_app_compose(void **state)
{
	(void)state;
	static const char text[] =
		" {\"manifest_version\": \"2\", \"key_provider\": \"tpm\",\n\"no_instance_id\": true, \"ukms\": {\"core\": {}}}\n";
	uint8_t want[32];
	sha256(SPAN_STR(text), want);
	assert_int_equal(reads(text, NULL, "{\"vm_config\":\"{\\\"a\\\": 1}\"}"), 0);
	assert_span_equal(SPAN_ARR(m.compose_hash), SPAN_ARR(want));
	assert_span_equal(SPAN_ARR(m.app_id), SPAN(want, 20));
	assert_false(m.has_instance);
	assert_string_equal(m.storage_fs, "ext4");
	assert_span_equal(m.vm_config, SPAN_STR("{\"a\": 1}"));
	assert_span_equal(m.ukms->raw, SPAN_STR("{\"core\": {}}"));
}

static void takes_app_id_and_seed_from_instance_info(void **state)
{
	(void)state;
	static const char no_flag[] = "{\"manifest_version\":2,\"key_provider\":\"tpm\",\"storage_fs\":\"zfs\"}";
	assert_int_equal(reads(no_flag,
			       "{\"app_id\":\"0102030405060708090a0b0c0d0e0f1011121314\","
			       "\"instance_id_seed\":\"ffffffffffffffffffffffffffffffffffffffff\"}",
			       NULL),
			 0);
	assert_string_equal(m.storage_fs, "zfs");
	assert_true(m.has_instance);
	assert_int_equal(m.app_id[19], 0x14);
	uint8_t ak[32] = {0}, id[20], whole[72], want[32];
	manifest_instance_id(&m, ak, id);
	memset(whole, 0xff, 20);
	memcpy(whole + 20, m.app_id, 20);
	memset(whole + 40, 0, 32);
	sha256(SPAN_ARR(whole), want);
	assert_span_equal(SPAN_ARR(id), SPAN(want, 20));
	/* an empty app_id counts as none */
	assert_int_equal(reads(NULL, "{\"app_id\":\"\"}", NULL), 0);
	assert_span_equal(SPAN_ARR(m.app_id), SPAN(m.compose_hash, 20));
}

static void refuses_by_name(void **state)
{
	(void)state;
#define COMPOSE(more) "{\"manifest_version\":2,\"key_provider\":\"tpm\",\"no_instance_id\":true" more "}"
	static const struct {
		const char *compose, *instance, *sys_config, *says;
	} bad[] = {
		{"{", NULL, NULL, "app-compose.json: invalid JSON"},
		{"[]", NULL, NULL, "app-compose.json: not a JSON object"},
		{"{\"key_provider\":\"tpm\"}", NULL, NULL, "app-compose.json: manifest_version"},
		{"{\"manifest_version\":4,\"key_provider\":\"tpm\"}", NULL, NULL, "manifest_version 4 is not known"},
		{"{\"manifest_version\":2,\"key_provider\":\"kms\"}", NULL, NULL, "key_provider must be \"tpm\""},
		{"{\"manifest_version\":2}", NULL, NULL, "key_provider must be \"tpm\""},
		{COMPOSE(",\"event_log_version\":2"), NULL, NULL, "event_log_version must be 1"},
		{COMPOSE(",\"swap_size\":1"), NULL, NULL, "swap_size is not supported"},
		{COMPOSE(",\"requirements\":{\"gpu_policy\":{\"x\":1}}"), NULL, NULL, "requirements.gpu_policy is not supported"},
		{COMPOSE(",\"init_script\":[1]"), NULL, NULL, "init_script must be"},
		{COMPOSE(",\"init_script\":[\"\",\"\",\"\",\"\",\"\",\"\"]"), NULL, NULL, "init_script must be"},
		{COMPOSE(",\"storage_fs\":\"xfs\""), NULL, NULL, "storage_fs must be"},
		{"{\"manifest_version\":2,\"key_provider\":\"tpm\",\"no_instance_id\":\"yes\"}", NULL, NULL, "no_instance_id must be"},
		{"{\"manifest_version\":2,\"key_provider\":\"tpm\"}", NULL, NULL, ".instance_info: no instance_id_seed"},
		{NULL, "{\"app_id\":\"00\"}", NULL, ".instance_info: app_id must be 40 hex digits"},
		{NULL, "nonsense", NULL, ".instance_info: invalid JSON"},
		{NULL, NULL, "", ".sys-config.json: invalid JSON"},
		{NULL, NULL, "{\"vm_config\":{}}", ".sys-config.json: vm_config must be a text"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (reads(bad[i].compose, bad[i].instance, bad[i].sys_config) == 0 || !strstr(d.text, bad[i].says))
			fail_msg("case %zu: got \"%s\", want \"%s\"", i, d.text, bad[i].says);
}

static void tolerates_what_says_nothing(void **state)
{
	(void)state;
	if (reads(COMPOSE(",\"swap_size\":0,\"kms_enabled\":false,\"key_provider_id\":\"\",\"requirements\":{\"gpu_policy\":{}},\"init_"
			  "script\":null,"
			  "\"allowed_envs\":[\"A\"],\"unknown\":1,\"event_log_version\":1"),
		  NULL, "{\"vm_config\":null}"))
		fail_msg("%s", d.text);
}

static void replay(const struct eventlog *log, uint8_t pcr[32], uint8_t rtmr[48])
{
	uint8_t digest[48];
	memset(pcr, 0, 32);
	memset(rtmr, 0, 48);
	for (size_t i = 0; i < log->count; i++) {
		event_digest_sha256(log->event[i].name, log->event[i].payload, digest);
		sha256_2(SPAN(pcr, 32), SPAN(digest, 32), pcr);
		event_digest_sha384(log->event[i].name, log->event[i].payload, digest);
		sha384_2(SPAN(rtmr, 48), SPAN(digest, 48), rtmr);
	}
}

static void expect(const struct eventlog *log, const char *pcr14, const char *rtmr3)
{
	uint8_t pcr[32], rtmr[48], want[48];
	replay(log, pcr, rtmr);
	assert_int_equal(hex_decode(SPAN_STR(pcr14), want, 32), 32);
	assert_span_equal(SPAN_ARR(pcr), SPAN(want, 32));
	assert_int_equal(hex_decode(SPAN_STR(rtmr3), want, 48), 48);
	assert_span_equal(SPAN_ARR(rtmr), SPAN(want, 48));
}

/* image.md 8.4, new list, version 1 */
static void measures_exactly_the_specified_list(void **state)
{
	(void)state;
	static struct eventlog log;
	memset(&m, 0, sizeof m);
	sha256(SPAN_STR("{\"manifest_version\":2,\"name\":\"kms\",\"runner\":\"docker-compose\"}"), m.compose_hash);
	sha256(SPAN_STR("{}"), m.gpu_policy_hash);
	memcpy(m.app_id, m.compose_hash, 20);
	m.storage_fs = "ext4";
	eventlog_init(&log, NULL, NULL);
	assert_int_equal(measure_begin(&log, &d), 0);
	assert_int_equal(measure_launch(&log, &m, SPAN("", 0), &d), 0);
	expect(&log, "ea4f721001ebf32f74854744050d24961626facaa5670581a6099cfb6bc029a6",
	       "1a4fea1e67b10afce9f861df1d7ba76243b19aa6e9ed1f454a64870bd433a4476e162949524495016d814172eb2ba561");
	assert_int_equal(measure_end(&log, &m, &d), 0);
	expect(&log, "1eb52e3b9a85ee047d50c8a6f1d254ec7ab17615ae90bf9b65d2991235ea094d",
	       "bde28cd1940120229c066adc25aca138483c378e0892ad78d3026c24a19714239e3f8e1b5696c997cdcb74be3271322b");
}

static void measures_init_scripts_after_the_compose_hash(void **state)
{
	(void)state;
	static struct eventlog log;
	assert_int_equal(reads(COMPOSE(",\"init_script\":[\"one\",\"two\"]"), NULL, NULL), 0);
	eventlog_init(&log, NULL, NULL);
	assert_int_equal(measure_launch(&log, &m, SPAN("12345678901234567890", 20), &d), 0);
	static const char *const names[] = {"app-id",          "compose-hash", "init-script-hash", "init-script-hash",
					    "gpu-policy-hash", "instance-id",  "boot-mr-done"};
	assert_int_equal(log.count, 7);
	for (size_t i = 0; i < 7; i++)
		assert_span_equal(log.event[i].name, SPAN_STR(names[i]));
	uint8_t want[32];
	sha256(SPAN_STR("two"), want);
	assert_span_equal(log.event[3].payload, SPAN_ARR(want));
	assert_span_equal(log.event[5].payload, SPAN_STR("12345678901234567890"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_the_exact_bytes_of_app_compose),
		cmocka_unit_test(takes_app_id_and_seed_from_instance_info),
		cmocka_unit_test(refuses_by_name),
		cmocka_unit_test(tolerates_what_says_nothing),
		cmocka_unit_test(measures_exactly_the_specified_list),
		cmocka_unit_test(measures_init_scripts_after_the_compose_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
