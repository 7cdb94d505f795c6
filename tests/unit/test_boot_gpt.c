#include "tests/unit/boot_disk.h"

#include "boot/gpt.h"

static void makes(const char *command)
{
	image_shell("rm -f d.img");
	image_shell(command);
}

static void fails(const struct disk *k, enum err want, const char *text)
{
	struct diag d = {0};
	struct partition p;
	int e = gpt_find(k, "dstack-data", &p, &d);
	if (e != (int)want || !strstr(d.text, text))
		fail_msg("got %d \"%s\", want %d \"%s\"", e, d.text, (int)want, text);
}

static void finds_a_partition_by_name_and_survives_an_enlarged_disk(void **state)
{
	(void)state;
	makes("truncate -s 10M d.img; sgdisk -n 1:2048:4095 -c 1:other -n 2:4096:16383 -c 2:dstack-data d.img; truncate -s 64M d.img");
	struct disk k = image_open("d.img");
	struct partition p = {0};
	struct diag d = {0};
	if (gpt_find(&k, "dstack-data", &p, &d))
		fail_msg("%s", d.text);
	assert_int_equal(p.at, 4096 * 512);
	assert_int_equal(p.size, (16384 - 4096) * 512);
	assert_int_equal(gpt_find(&k, "dstack", &p, &d), ERR_MISSING);
	disk_close(&k);
}

static void compares_all_36_characters(void **state)
{
	(void)state;
	makes("truncate -s 4M d.img; sgdisk -n 1:0:0 -c 1:abcdefghijklmnopqrstuvwxyz0123456789 d.img");
	struct disk k = image_open("d.img");
	struct partition p;
	struct diag d;
	assert_int_equal(gpt_find(&k, "abcdefghijklmnopqrstuvwxyz0123456789", &p, &d), 0);
	assert_int_equal(gpt_find(&k, "abcdefghijklmnopqrstuvwxyz012345678", &p, &d), ERR_MISSING);
	disk_close(&k);
}

static void tells_no_table_from_a_broken_one(void **state)
{
	(void)state;
	makes("truncate -s 10M d.img");
	struct disk k = image_open("d.img");
	fails(&k, ERR_MISSING, "no GPT");
	disk_close(&k);

	makes("truncate -s 10M d.img; sgdisk -n 1:2048:0 -c 1:dstack-data d.img");
	static const struct {
		uint64_t at;
		const char *text;
	} flip[] = {
		{512 + 40, "header checksum"}, {512 + 9, "unknown form"}, {1024 + 33, "entries checksum"}, {512 + 17, "header checksum"}};
	for (size_t i = 0; i < sizeof flip / sizeof flip[0]; i++) {
		struct diag d;
		uint8_t b, bad;
		k = image_open("d.img");
		assert_int_equal(disk_read(&k, flip[i].at, &b, 1, &d), 0);
		bad = b ^ 1;
		image_poke(&k, flip[i].at, &bad, 1);
		fails(&k, ERR_INPUT, flip[i].text);
		image_poke(&k, flip[i].at, &b, 1);
		disk_close(&k);
	}
}

static void refuses_a_name_that_is_there_twice(void **state)
{
	(void)state;
	makes("truncate -s 10M d.img; sgdisk -n 1:2048:4095 -c 1:dstack-data -n 2:4096:0 -c 2:dstack-data d.img");
	struct disk k = image_open("d.img");
	fails(&k, ERR_INPUT, "two partitions are named dstack-data");
	disk_close(&k);
}

static void refuses_a_disk_that_became_smaller(void **state)
{
	(void)state;
	makes("truncate -s 10M d.img; sgdisk -n 1:2048:0 -c 1:dstack-data d.img; truncate -s 9M d.img");
	struct disk k = image_open("d.img");
	fails(&k, ERR_INPUT, "out of range");
	disk_close(&k);
}

static void lists_whole_disks_only(void **state)
{
	(void)state;
	image_shell(
		"mkdir -p class/nvme0n2 class/nvme0n1/x class/nvme0n1p1 class/loop0 class/ram0 class/vda; : > class/nvme0n1p1/partition");
	char path[256], names[DISKS_MAX][32];
	snprintf(path, sizeof path, "%s/class", image_dir);
	assert_int_equal(disk_list(path, names), 3);
	assert_string_equal(names[0], "nvme0n1");
	assert_string_equal(names[1], "nvme0n2");
	assert_string_equal(names[2], "vda");
	assert_int_equal(disk_list("/nowhere", names), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_partition_by_name_and_survives_an_enlarged_disk),
		cmocka_unit_test(compares_all_36_characters),
		cmocka_unit_test(tells_no_table_from_a_broken_one),
		cmocka_unit_test(refuses_a_name_that_is_there_twice),
		cmocka_unit_test(refuses_a_disk_that_became_smaller),
		cmocka_unit_test(lists_whole_disks_only),
	};
	return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
