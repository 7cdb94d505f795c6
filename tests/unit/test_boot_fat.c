#include "tests/unit/boot_disk.h"

#include "base/rd.h"
#include "boot/fat.h"

static uint8_t block[4 << 20];
static struct arena a;
static struct fat f;

static void makes(const char *command)
{
	image_shell("rm -f d.img");
	image_shell(command);
	a = arena_over(block, sizeof block);
}

static void opens(struct disk *k)
{
	struct diag d = {0};
	*k = image_open("d.img");
	if (fat_open(&f, k, &d))
		fail_msg("%s", d.text);
}

static struct span file(const char *name)
{
	struct diag d = {0};
	struct span s = {0};
	if (fat_read(&f, &a, name, 1 << 20, &s, &d))
		fail_msg("%s", d.text);
	return s;
}

static void fails(const char *name, size_t max, enum err want, const char *text)
{
	struct diag d = {0};
	struct span s;
	int e = fat_read(&f, &a, name, max, &s, &d);
	if (e != (int)want || !strstr(d.text, text))
		fail_msg("got %d \"%s\", want %d \"%s\"", e, d.text, (int)want, text);
}

static void reads_the_shared_disk_as_the_cli_makes_it(void **state)
{
	(void)state;
	/* A FAT32 volume of 8 MiB has far fewer clusters than Microsoft's rule asks of one. mtools does not write to such a volume, so
	 * this one was larger when its files were written (the number of sectors stands at byte 32). The disk is larger than it. */
	makes("printf '{\"a\": 1}' > app-compose.json; head -c 30000 /dev/urandom > sys; : > empty;"
	      "truncate -s 40M d.img; mkfs.fat -F 32 -s 1 -n DSTACKSHR d.img; mcopy -i d.img app-compose.json ::app-compose.json;"
	      "mcopy -i d.img sys ::.sys-config.json; mcopy -i d.img empty ::.instance_info; mcopy -i d.img sys ::SHORT.TXT;"
	      "printf '\\000\\100\\000\\000' | dd of=d.img bs=1 seek=32 conv=notrunc; truncate -s 8M d.img; truncate -s 32M d.img");
	struct disk k;
	opens(&k);
	assert_int_equal(f.bits, 32);
	assert_true(f.clusters < 16384);
	assert_string_equal(f.label, "DSTACKSHR");
	assert_span_equal(file("app-compose.json"), SPAN_STR("{\"a\": 1}"));
	char path[256];
	snprintf(path, sizeof path, "%s/sys", image_dir);
	struct span sys = test_file(path);
	assert_span_equal(file(".sys-config.json"), sys);
	assert_span_equal(file("short.txt"), sys);
	free((void *)sys.p);
	assert_int_equal(file(".instance_info").n, 0);
	fails(".user-config", 100, ERR_MISSING, "there is no file .user-config");
	fails(".sys-config.json", 29999, ERR_LIMIT, "has 30000 bytes, at most 29999 are allowed");
	disk_close(&k);
}

static void reads_every_width_of_table_and_size_of_cluster(void **state)
{
	(void)state;
	static const struct {
		const char *args, *size;
		unsigned bits;
	} kind[] = {
		{"-F 12 -s 1 --mbr=no", "1M", 12},          {"-F 12 -s 8 --mbr=no", "2M", 12},  {"-F 16 -s 1 --mbr=no", "8M", 16},
		{"-F 16 -s 1 -S 4096 --mbr=no", "24M", 16}, {"-F 32 -s 1 --mbr=no", "40M", 32}, {"-F 32 -s 2 -f 1 --mbr=no", "80M", 32},
	};
	for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
		char line[512];
		/* other files come and go first, so that the file under test is in pieces */
		snprintf(
			line, sizeof line,
			"head -c 123457 /dev/urandom > x; truncate -s %s d.img; mkfs.fat %s -n LABEL d.img; for i in 1 2 3 4 5 6 7 8 9; do "
			"head -c 9000 x > y; mcopy -i d.img y ::'some file '$i; done; for i in 2 4 6 8; do mdel -i d.img ::'some file '$i; "
			"done; "
			"mcopy -i d.img x '::a rather long name that needs four pieces of thirteen.bin'",
			kind[i].size, kind[i].args);
		makes(line);
		struct disk k;
		opens(&k);
		assert_int_equal(f.bits, kind[i].bits);
		char path[256];
		snprintf(path, sizeof path, "%s/x", image_dir);
		struct span want = test_file(path);
		assert_span_equal(file("A rather long name that needs four pieces of thirteen.BIN"), want);
		free((void *)want.p);
		disk_close(&k);
	}
}

static void finds_a_file_in_a_root_directory_of_many_clusters(void **state)
{
	(void)state;
	makes("truncate -s 40M d.img; mkfs.fat -F 32 -s 1 d.img; : > x; for i in $(seq 200); do cp x \"file number $i of many\"; done;"
	      "printf last > 'the last one of all'; mcopy -i d.img file*many 'the last one of all' ::");
	struct disk k;
	opens(&k);
	assert_string_equal(f.label, "");
	assert_span_equal(file("the last one of all"), SPAN_STR("last"));
	disk_close(&k);
}

static void refuses_what_is_no_fat_volume(void **state)
{
	(void)state;
	static const char *const make[] = {"truncate -s 1M d.img", "truncate -s 100 d.img",
					   "truncate -s 8M d.img; sgdisk -o -n 1:2048 d.img",
					   "head -c 100000 /dev/urandom > d.img; printf '\\0' | dd of=d.img conv=notrunc"};
	for (size_t i = 0; i < sizeof make / sizeof make[0]; i++) {
		struct diag d = {0};
		makes(make[i]);
		struct disk k = image_open("d.img");
		assert_int_equal(fat_open(&f, &k, &d), ERR_MISSING);
		disk_close(&k);
	}
}

static uint32_t first_cluster;
static uint64_t entry_at;

/* An image of FAT32 with 512-byte clusters and one file of 1,300 bytes (three clusters), and where its directory entry is. */
static void one_file(struct disk *k)
{
	makes("head -c 1300 /dev/zero > x; truncate -s 40M d.img; mkfs.fat -F 32 -s 1 d.img; mcopy -i d.img x ::ONE.BIN");
	opens(k);
	uint8_t root[512];
	struct diag d;
	assert_int_equal(disk_read(k, f.data_at, root, sizeof root, &d), 0);
	entry_at = f.data_at;
	struct rd r = rd_from(SPAN_ARR(root));
	while (!span_is(rd_bytes(&r, 11), "ONE     BIN")) {
		rd_skip(&r, 21);
		entry_at += 32;
	}
	rd_skip(&r, 15);
	first_cluster = rd_u16le(&r);
	assert_int_equal(file("one.bin").n, 1300);
}

static void poke_table(struct disk *k, uint32_t cluster, uint32_t value)
{
	uint8_t le[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
	image_poke(k, f.fat_at + cluster * 4, le, 4);
	struct diag d = {0};
	fat_open(&f, k, &d);
}

static void refuses_broken_chains(void **state)
{
	(void)state;
	struct disk k;
	one_file(&k);
	uint32_t c = first_cluster;
	poke_table(&k, c + 1, 0x0fffffff);
	fails("ONE.BIN", 9999, ERR_INPUT, "ends before its size");
	poke_table(&k, c + 1, 0);
	fails("ONE.BIN", 9999, ERR_INPUT, "ends before its size");
	poke_table(&k, c + 1, f.clusters + 2);
	fails("ONE.BIN", 9999, ERR_INPUT, "ends before its size");
	poke_table(&k, c + 1, c);
	fails("ONE.BIN", 9999, ERR_INPUT, "goes on behind its size");
	poke_table(&k, c + 1, c + 2);
	assert_int_equal(file("one.bin").n, 1300);
	/* the root directory in a circle is bounded */
	poke_table(&k, 2, 2);
	uint8_t used[512];
	memset(used, 'A', sizeof used);
	image_poke(&k, f.data_at, used, sizeof used);
	fails("ONE.BIN", 9999, ERR_INPUT, "root directory is too long");
	disk_close(&k);
}

static void refuses_two_files_of_one_name(void **state)
{
	(void)state;
	struct disk k;
	one_file(&k);
	uint8_t entry[32];
	struct diag d;
	assert_int_equal(disk_read(&k, entry_at, entry, 32, &d), 0);
	image_poke(&k, entry_at + 32, entry, 32);
	fails("one.bin", 9999, ERR_INPUT, "two files named one.bin");
	disk_close(&k);
}

static void refuses_volumes_larger_than_the_disk(void **state)
{
	(void)state;
	makes("truncate -s 8M d.img; mkfs.fat -F 32 d.img; truncate -s 7M d.img");
	struct diag d = {0};
	struct disk k = image_open("d.img");
	assert_int_equal(fat_open(&f, &k, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "larger than the disk"));
	disk_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_shared_disk_as_the_cli_makes_it),
		cmocka_unit_test(reads_every_width_of_table_and_size_of_cluster),
		cmocka_unit_test(finds_a_file_in_a_root_directory_of_many_clusters),
		cmocka_unit_test(refuses_what_is_no_fat_volume),
		cmocka_unit_test(refuses_broken_chains),
		cmocka_unit_test(refuses_two_files_of_one_name),
		cmocka_unit_test(refuses_volumes_larger_than_the_disk),
	};
	return cmocka_run_group_tests(tests, image_setup, image_teardown);
}
