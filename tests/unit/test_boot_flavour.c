#include "tests/unit/boot_disk.h"

#include "boot/flavour.h"
#include "boot/self_check.h"
#include "boot/shared.h"
#include "crypto/hash.h"

static uint8_t block[1 << 20];
static struct arena a;
static struct diag d;

static int flavour(const char *name, struct flavour *f)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", image_dir, name);
	a = arena_over(block, sizeof block);
	diag_clear(&d);
	return flavour_read(&a, path, f, &d);
}

static void is_prod_without_a_directory(void **state)
{
	(void)state;
	struct flavour f;
	assert_int_equal(flavour("none", &f), 0);
	assert_string_equal(f.name, "prod");
	assert_int_equal(f.gcp.boot_pcr, 2);
	assert_false(f.gcp.pcr0_any);
	assert_int_equal(f.gcp.pcr0[0], 0x0c);
	assert_true(f.anchors.intel_sgx_root.n > 0);
}

static void takes_only_the_anchors_of_the_directory(void **state)
{
	(void)state;
	struct flavour f;
	image_shell("mkdir -p dev/anchors; echo '{\"flavour\":\"dev\",\"boot_pcr\":4,\"pcr0\":null}' > dev/flavour.json;"
		    "printf cert > dev/anchors/intel_sgx_root.der");
	if (flavour("dev", &f))
		fail_msg("%s", d.text);
	assert_string_equal(f.name, "dev");
	assert_int_equal(f.gcp.boot_pcr, 4);
	assert_true(f.gcp.pcr0_any);
	assert_span_equal(f.anchors.intel_sgx_root, SPAN_STR("cert"));
	assert_int_equal(f.anchors.google_ek_root.n, 0);
	assert_int_equal(f.anchors.aws_nitro_root.n, 0);
}

static void refuses_a_directory_it_does_not_understand(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"flavour\":\"prod\",\"boot_pcr\":4,\"pcr0\":null}",  "{\"flavour\":\"dev\",\"pcr0\":null}",
					  "{\"flavour\":\"dev\",\"boot_pcr\":14,\"pcr0\":null}",  "{\"flavour\":\"dev\",\"boot_pcr\":4}",
					  "{\"flavour\":\"dev\",\"boot_pcr\":4,\"pcr0\":\"00\"}", ""};
	struct flavour f;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char command[256];
		snprintf(command, sizeof command, "mkdir -p bad; printf '%%s' '%s' > bad/flavour.json", bad[i]);
		image_shell(command);
		if (flavour("bad", &f) != ERR_CONFIG)
			fail_msg("taken: %s", bad[i]);
	}
	image_shell("rm bad/flavour.json");
	assert_int_equal(flavour("bad", &f), ERR_CONFIG);
}

/* --- the shared disk and the data partition, with a tree like that of sysfs -------------------------------------------------------------
 */

static int shared(struct shared_files *files)
{
	char sys[256], dev[256];
	snprintf(sys, sizeof sys, "%s/sys", image_dir);
	snprintf(dev, sizeof dev, "%s/dev", image_dir);
	a = arena_over(block, sizeof block);
	diag_clear(&d);
	return shared_read(&a, sys, dev, 0, files, &d);
}

static int data(int *fd)
{
	char sys[256], dev[256];
	snprintf(sys, sizeof sys, "%s/sys", image_dir);
	snprintf(dev, sizeof dev, "%s/dev", image_dir);
	diag_clear(&d);
	return data_open(sys, dev, 0, fd, &d);
}

static void finds_the_disks_among_others(void **state)
{
	(void)state;
	struct shared_files files;
	int fd;
	image_shell(
		"rm -rf sys dev; mkdir -p sys/vda sys/vdb sys/vdc/vdc1 sys/vdd dev; truncate -s 1M dev/vda; : > dev/vdd;"
		"truncate -s 40M dev/vdb; mkfs.fat -F 32 -s 1 -n DSTACKSHR dev/vdb; printf '{\"a\":1}' > c; printf '{}' > s; printf u > u;"
		"mcopy -i dev/vdb c ::app-compose.json; mcopy -i dev/vdb s ::.sys-config.json; mcopy -i dev/vdb u ::.user-config;"
		"truncate -s 10M dev/vdc; sgdisk -n 1:2048:16383 -c 1:dstack-data dev/vdc; truncate -s 64M dev/vdc; truncate -s 7M "
		"dev/vdc1;"
		"echo 2048 > sys/vdc/vdc1/start; echo 14336 > sys/vdc/vdc1/size");
	if (shared(&files))
		fail_msg("%s", d.text);
	assert_span_equal(files.compose, SPAN_STR("{\"a\":1}"));
	assert_span_equal(files.sys_config, SPAN_STR("{}"));
	assert_span_equal(files.user_config, SPAN_STR("u"));
	assert_int_equal(files.instance_info.n, 0);
	if (data(&fd))
		fail_msg("%s", d.text);
	assert_int_equal(lseek(fd, 0, SEEK_END), 7 << 20);
	close(fd);

	/* a partition that the kernel sees elsewhere is not opened */
	image_shell("echo 4096 > sys/vdc/vdc1/start");
	assert_int_equal(data(&fd), ERR_IO);
	assert_non_null(strstr(d.text, "the kernel does not see the partition"));

	image_shell("mdel -i dev/vdb ::.sys-config.json");
	assert_int_equal(shared(&files), ERR_MISSING);
	assert_non_null(strstr(d.text, "there is no file .sys-config.json"));

	image_shell("cp dev/vdb dev/vde; mkdir sys/vde");
	assert_int_equal(shared(&files), ERR_INPUT);
	assert_non_null(strstr(d.text, "DSTACKSHR): two disks qualify: vdb and vde"));

	image_shell("rm -r sys/vdb sys/vde sys/vdc");
	assert_int_equal(shared(&files), ERR_MISSING);
	assert_non_null(strstr(d.text, "shared disk (FAT, label DSTACKSHR): 2 disks were looked at"));
	assert_int_equal(data(&fd), ERR_MISSING);
	assert_non_null(strstr(d.text, "dstack-data"));
}

/* --- the image's claim ---------------------------------------------------------------------------------------------------------------- */

/* Google's log of a dstack image; its third event of PCR 2 is the UKI. */
static struct span google_log(void)
{
	return test_file("tests/vectors/attestation/eventlog/tpm_eventlog.bin");
}

static void accepts_only_the_image_that_was_booted(void **state)
{
	(void)state;
	struct span log = google_log();
	uint8_t uki[32], again[32];
	char claim[256], hex[65] = {0};
	a = arena_over(block, sizeof block);
	diag_clear(&d);
	assert_int_equal(self_check(&a, log, SPAN_STR("{\"os_image_hash\":\"00\"}"), 2, uki, &d), ERR_REFUSED);
	assert_non_null(strstr(
		d.text, "vm_config names image 00, and 9ab14a46f858662a89adc102d2a57a13f52f75c1769d65a4c34edbbfc8855f0f was booted"));
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", uki[i]);
	snprintf(claim, sizeof claim, "{\"spec_version\":2,\"os_image_hash\":\"%s\"}", hex);
	assert_int_equal(self_check(&a, log, SPAN_STR(claim), 2, again, &d), 0);
	assert_span_equal(SPAN_ARR(again), SPAN_ARR(uki));
	/* the release form: image.md 8.4 */
	static const char release[] =
		"{\"os_image_hash\":\"c2ab6c191d59d73539eec9a847e66eefc96916ca3746172d79392b5a9b3c3efd\",\"gcp_measurement\":{\"checksum_"
		"file\":"
		"\"ZjAyMWMyMjRiODlhMzdmNjUyZDk4MjRjZGI3MWM4ODA2MjMzYzU4OWU5M2MzMjAyNzYyNDJiNzZhOTkwYTQxYyAgbWVhc3VyZW1lbnQuZ2NwLmNib3IK\","
		"\"measurement\":\"omd2ZXJzaW9uAWh1a2lfYXV0aFggmrFKRvhYZiqJrcEC0qV6E/UvdcF2nWWkw07bv8iFXw8=\"}}";
	if (self_check(&a, log, SPAN_STR(release), 2, again, &d))
		fail_msg("%s", d.text);
	/* OVMF's place for it is PCR 4, where this log has none */
	assert_int_equal(self_check(&a, log, SPAN_STR(claim), 4, again, &d), ERR_INPUT);
	assert_int_equal(self_check(&a, SPAN(log.p, 10000), SPAN_STR(claim), 3, again, &d), ERR_INPUT);
	assert_int_equal(self_check(&a, log, SPAN_STR("{\"os_image_hash\":1}"), 2, again, &d), ERR_INPUT);
	free((void *)log.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_prod_without_a_directory),
		cmocka_unit_test(takes_only_the_anchors_of_the_directory),
		cmocka_unit_test(refuses_a_directory_it_does_not_understand),
		cmocka_unit_test(finds_the_disks_among_others),
		cmocka_unit_test(accepts_only_the_image_that_was_booted),
	};
	return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
