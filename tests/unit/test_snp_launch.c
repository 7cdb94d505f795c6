/* SEV-SNP: the launch measurement. */
#include "tests/unit/snp.h"

#include "base/json.h"
#include "base/text.h"
#include "kms/attest/snp_launch.h"
#include "kms/attest/vm_config.h"

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t v;
	if (!json_get_u64(j, key, &v))
		fail_msg("no number %s", key);
	return v;
}

static void bytes(const struct json *j, const char *key, uint8_t *out, size_t n)
{
	struct span text;
	assert_true(json_get_str(j, key, &text));
	assert_int_equal(hex_decode(text, out, n), n);
}

/* The recorded guest's configuration has the older flat form, which gives the same measurement. */
static void fixture(struct snp_launch *l, struct snp_report *r)
{
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
	struct vm_config c;
	const struct json *j;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, r, &d), 0);
	assert_int_equal(vm_config_parse(&arena, ev->config, false, &c, &d), 0);
	assert_int_equal(json_parse(&arena, c.sev_snp_measurement, &j, &d), 0);
	memset(l, 0, sizeof *l);
	assert_true(json_get_str(j, "base_cmdline", &l->cmdline));
	bytes(j, "ovmf_hash", l->ovmf_hash, 48);
	bytes(j, "kernel_hash", l->kernel_hash, 32);
	bytes(j, "initrd_hash", l->initrd_hash, 32);
	l->hashes_table_gpa = number(j, "sev_hashes_table_gpa");
	l->reset_eip = (uint32_t)number(j, "sev_es_reset_eip");
	l->vcpus = (unsigned)number(j, "vcpus");
	l->guest_features = number(j, "guest_features");
	struct span cpu;
	assert_true(json_get_str(j, "vcpu_type", &cpu));
	assert_true(snp_cpu_signature(cpu, &l->cpu_signature));
	for (const struct json *k = json_get(j, "ovmf_sections")->kids; k; k = k->next)
		l->sections[l->section_count++] =
			(struct snp_section){number(k, "gpa"), number(k, "size"), (enum snp_section_type)number(k, "section_type")};
}

static void recomputes_the_measurement_of_a_real_guest(void **state)
{
	(void)state;
	struct snp_launch l;
	struct snp_report r;
	uint8_t got[48];
	struct diag d = {0};
	fixture(&l, &r);
	if (snp_launch_check(&l, &d))
		fail_msg("%s", d.text);
	snp_launch_digest(&l, got);
	assert_span_equal(SPAN_ARR(got), SPAN_ARR(r.measurement));
	l.vcpus = 3;
	snp_launch_digest(&l, got);
	assert_memory_not_equal(got, r.measurement, sizeof got);
}

static void the_unbound_form_is_no_image_check(void **state)
{
	(void)state;
	struct evidence *ev = snp_decode(SHARED "containers/sev_snp.v0.bin");
	struct snp_report r;
	struct diag d = {0};
	assert_int_equal(snp_report_parse(ev->quote, &r, &d), 0);
	assert_int_equal(snp_image_check(&arena, &r, ev->config, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "checksum_file is missing"));
	assert_int_equal(snp_image_check(&arena, &r, SPAN_LIT("{}"), &d), ERR_INPUT);
}

static void bounds_what_is_measured(void **state)
{
	(void)state;
	struct snp_launch l, good;
	struct snp_report r;
	fixture(&good, &r);
#define REFUSED(change)                                                                                                                    \
	do {                                                                                                                               \
		struct diag d = {0};                                                                                                       \
		l = good;                                                                                                                  \
		change;                                                                                                                    \
		if (snp_launch_check(&l, &d) == 0)                                                                                         \
			fail_msg("accepted: %s", #change);                                                                                 \
	} while (0)
	REFUSED(l.vcpus = 0);
	REFUSED(l.vcpus = 513);
	REFUSED(l.guest_features = 0);
	REFUSED(l.sections[0].size = UINT64_MAX & ~4095ULL);
	REFUSED(l.sections[0].size = (uint64_t)SNP_PAGES_MAX * SNP_PAGE);
	REFUSED(l.sections[0].size++);
	REFUSED(l.sections[0].gpa++);
	REFUSED(l.hashes_table_gpa |= 4095 - 166);
	REFUSED(l.section_count = 0);
	REFUSED(l.cmdline = SPAN_LIT("dstack.rootfs_hash=ca5adaef"));
	REFUSED(l.cmdline = SPAN_LIT("xdstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121"));
	for (size_t i = 0; i < good.section_count; i++)
		if (good.sections[i].type == SNP_SECTION_HASHES)
			REFUSED(l.sections[i].type = SNP_SECTION_MEMORY);
}

static void knows_cpu_models(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t signature; /* 0: unknown */
	} cases[] = {{"EPYC", 0x800f12},
		     {"EPYC-v4", 0x800f12},
		     {"EPYC-Rome", 0x830f10},
		     {"EPYC-Rome-v10", 0x830f10},
		     {"EPYC-Milan", 0xa00f11},
		     {"EPYC-Genoa", 0xa10f10},
		     {"EPYC-", 0},
		     {"EPYC-v", 0},
		     {"EPYC-Turin", 0},
		     {"epyc", 0},
		     {"", 0},
		     {"-v1", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t got = 0;
		assert_int_equal(snp_cpu_signature(SPAN_STR(cases[i].name), &got), cases[i].signature != 0);
		assert_int_equal(got, cases[i].signature);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(recomputes_the_measurement_of_a_real_guest),
		TEST(the_unbound_form_is_no_image_check),
		TEST(bounds_what_is_measured),
		TEST(knows_cpu_models),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
