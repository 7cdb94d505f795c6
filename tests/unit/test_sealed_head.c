#include "tests/unit/swtpm.h"

#include <fcntl.h>

#include "kms/keys/sealed_head.h"

enum { BOOT_PCR = 4, SIZE = SEALED_HEAD_AT + 2 * SEALED_BLOCK };

static struct sealed_store store;
static struct key_storage storage;
static int fd = -1;

static void boot(void)
{
	sealed_store_close(&store);
	swtpm_power_cycle(&sw, &tpm);
	const unsigned pcrs[] = {0, BOOT_PCR, 14};
	for (size_t i = 0; i < 3; i++) {
		uint8_t digest[32];
		memset(digest, (int)i + 1, sizeof digest);
		assert_done(tpm_pcr_extend(&tpm, pcrs[i], digest, &d));
	}
	assert_done(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d));
	storage = sealed_store_storage(&store);
}

static void put(const char *text)
{
	struct key_files f = {0};
	for (size_t i = 0; i < KEY_FILES; i++)
		f.file[i] = SPAN_STR(text);
	assert_done(storage.store(storage.self, &f, &d));
}

static void blank(off_t size)
{
	sealed_store_close(&store);
	if (fd >= 0)
		close(fd);
	tpm_nv_undefine(&tpm, SEALED_COUNTER_NV, &d);
	char path[] = "/tmp/ukms-head-XXXXXX";
	fd = mkstemp(path);
	unlink(path);
	assert_int_equal(ftruncate(fd, size), 0);
	boot();
}

static struct audit_head some(uint64_t n, bool clean)
{
	struct audit_head h = {.n = n, .clean = clean};
	memset(h.hash, (int)n, sizeof h.hash);
	return h;
}

static void save(uint64_t n, bool clean)
{
	struct audit_head h = some(n, clean);
	assert_done(storage.save_head(storage.self, &h, &d));
}

static void expect(uint64_t n, bool clean, bool bounded)
{
	struct audit_head got, want = some(n, clean);
	assert_done(storage.load_head(storage.self, &got, &d));
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.hash, want.hash, sizeof got.hash);
	assert_int_equal(got.clean, clean);
	assert_int_equal(got.bounded, bounded);
}

static void expect_none(int error, const char *text)
{
	struct audit_head got;
	assert_int_equal(storage.load_head(storage.self, &got, &d), error);
	assert_non_null(strstr(d.text, text));
}

static void sectors(uint8_t out[2 * SEALED_BLOCK])
{
	assert_int_equal(pread(fd, out, 2 * SEALED_BLOCK, SEALED_HEAD_AT), 2 * SEALED_BLOCK);
}

static void set_sectors(const uint8_t in[2 * SEALED_BLOCK])
{
	assert_int_equal(pwrite(fd, in, 2 * SEALED_BLOCK, SEALED_HEAD_AT), 2 * SEALED_BLOCK);
}

static int stop(void **state)
{
	sealed_store_close(&store);
	close(fd);
	return swtpm_teardown(state);
}

static void a_fresh_store_keeps_and_writes_nothing(void **state)
{
	(void)state;
	static const uint8_t zero[2 * SEALED_BLOCK];
	uint8_t now[2 * SEALED_BLOCK];
	struct audit_head h = some(1, false);
	blank(SIZE);
	expect_none(ERR_MISSING, "nothing was ever stored");
	assert_int_equal(storage.save_head(storage.self, &h, &d), ERR_MISSING);
	sectors(now);
	assert_memory_equal(now, zero, sizeof zero);
	put("keys");
	expect_none(ERR_MISSING, "no head of an audit log was kept");
}

static void the_newest_head_is_read_back_in_this_boot_and_the_next(void **state)
{
	(void)state;
	blank(SIZE);
	put("keys");
	for (uint64_t n = 1; n <= 5; n++) {
		save(n, n == 5);
		expect(n, n == 5, true);
	}
	boot();
	expect(5, true, true);
	save(6, false);
	boot();
	save(7, false); /* without a look at what is there */
	boot();
	expect(7, false, true);
}

static void no_tpm_operation_and_no_write_without_need(void **state)
{
	(void)state;
	uint64_t before, after;
	uint8_t one[2 * SEALED_BLOCK], two[2 * SEALED_BLOCK];
	blank(SIZE);
	put("keys");
	assert_done(tpm_counter_read(&tpm, SEALED_COUNTER_NV, &before, &d));
	for (uint64_t n = 1; n <= 50; n++)
		save(n, false);
	assert_done(tpm_counter_read(&tpm, SEALED_COUNTER_NV, &after, &d));
	assert_int_equal(before, after);
	sectors(one);
	save(50, false);
	sectors(two);
	assert_memory_equal(one, two, sizeof one);
	save(50, true);
	sectors(two);
	assert_memory_not_equal(one, two, sizeof one);
}

static void a_sector_that_was_not_written_whole_leaves_the_one_before(void **state)
{
	(void)state;
	uint8_t before[2 * SEALED_BLOCK], after[2 * SEALED_BLOCK];
	blank(SIZE);
	put("keys");
	save(1, false);
	save(2, false);
	sectors(before);
	save(3, false);
	sectors(after);
	for (size_t i = 0; i < 2; i++) {
		bool newer = memcmp(before + i * SEALED_BLOCK, after + i * SEALED_BLOCK, SEALED_SECTOR) != 0;
		if (newer)
			after[i * SEALED_BLOCK + 100] ^= 1;
	}
	set_sectors(after);
	boot();
	expect(2, false, true);
	save(4, false);
	boot();
	expect(4, false, true);
}

static void an_older_copy_put_back_shows_once_the_store_has_changed(void **state)
{
	(void)state;
	uint8_t old[2 * SEALED_BLOCK];
	blank(SIZE);
	put("keys");
	save(1, false);
	sectors(old);
	save(2, true);
	set_sectors(old);
	boot();
	expect(1, false, true); /* nothing was counted in between */
	put("renewed");
	save(3, false);
	set_sectors(old);
	boot();
	expect(1, false, false);
}

static void the_same_head_is_kept_again_after_a_counted_change(void **state)
{
	(void)state;
	blank(SIZE);
	put("keys");
	save(1, false);
	assert_done(sealed_store_raise_time_floor(&store, 2000000, &d));
	expect(1, false, false);
	save(1, false);
	expect(1, false, true);
	boot();
	expect(1, false, true);
}

static void what_another_store_or_nobody_wrote_is_not_a_head(void **state)
{
	(void)state;
	uint8_t other[2 * SEALED_BLOCK], damaged[2 * SEALED_BLOCK];
	blank(SIZE);
	put("keys");
	save(1, false);
	save(2, false);
	sectors(other);
	blank(SIZE);
	put("keys");
	set_sectors(other);
	expect_none(ERR_CRYPTO, "of another store, or was altered");
	memset(damaged, 0x5a, sizeof damaged);
	set_sectors(damaged);
	expect_none(ERR_INPUT, "something else");
	save(3, false);
	expect(3, false, true);
	/* Any bit of it. */
	memset(damaged, 0, sizeof damaged);
	set_sectors(damaged);
	boot();
	save(4, false);
	sectors(other);
	for (size_t i = 0; i < 2; i++) {
		if (other[i * SEALED_BLOCK] == 0)
			continue;
		for (size_t bit = 0; bit < (size_t)8 * 176; bit += 5) {
			memcpy(damaged, other, sizeof other);
			damaged[i * SEALED_BLOCK + bit / 8] ^= (uint8_t)(1 << bit % 8);
			set_sectors(damaged);
			struct audit_head got;
			assert_int_not_equal(storage.load_head(storage.self, &got, &d), 0);
		}
	}
}

static void a_partition_without_room_keeps_the_keys_and_no_head(void **state)
{
	(void)state;
	blank(SEALED_STORE_MIN);
	put("keys");
	expect_none(ERR_MISSING, "has no room");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_store_keeps_and_writes_nothing),
		cmocka_unit_test(the_newest_head_is_read_back_in_this_boot_and_the_next),
		cmocka_unit_test(no_tpm_operation_and_no_write_without_need),
		cmocka_unit_test(a_sector_that_was_not_written_whole_leaves_the_one_before),
		cmocka_unit_test(an_older_copy_put_back_shows_once_the_store_has_changed),
		cmocka_unit_test(the_same_head_is_kept_again_after_a_counted_change),
		cmocka_unit_test(what_another_store_or_nobody_wrote_is_not_a_head),
		cmocka_unit_test(a_partition_without_room_keeps_the_keys_and_no_head),
	};
	return cmocka_run_group_tests(tests, swtpm_setup, stop);
}
