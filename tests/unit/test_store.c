#include "tests/unit/swtpm.h"

#include <fcntl.h>

#include "kms/keys/sealed_store.h"

enum { BOOT_PCR = 4 };

static struct sealed_store store;
static int fd = -1;
static uint8_t block[3 << 20];
static struct arena arena;

static struct key_files some_files(const char *text)
{
	struct key_files f = {0};
	for (size_t i = 0; i < KEY_FILES; i++)
		f.file[i] = i == KEY_RPC_DOMAIN ? (struct span){0} : SPAN_STR(text);
	return f;
}

static void measure(unsigned pcr, uint8_t with)
{
	uint8_t digest[32];
	memset(digest, with, sizeof digest);
	assert_done(tpm_pcr_extend(&tpm, pcr, digest, &d));
}

/* Power cycle, firmware, PID 1 up to boot-mr-done. */
static void boot(void)
{
	sealed_store_close(&store);
	swtpm_power_cycle(&sw, &tpm);
	measure(0, 1);
	measure(BOOT_PCR, 2);
	measure(14, 3);
}

static void blank(void)
{
	boot();
	tpm_nv_undefine(&tpm, SEALED_COUNTER_NV, &d);
	if (fd >= 0)
		close(fd);
	char path[] = "/tmp/ukms-store-XXXXXX";
	fd = mkstemp(path);
	unlink(path);
	assert_int_equal(ftruncate(fd, SEALED_STORE_MIN + 4096), 0);
}

static void open_store(void)
{
	assert_done(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d));
}

static void put(const char *text)
{
	struct key_files f = some_files(text);
	struct key_storage k = sealed_store_storage(&store);
	assert_done(k.store(k.self, &f, &d));
}

/* text NULL: nothing must be stored */
static void expect(const char *text)
{
	struct key_files got, want = text ? some_files(text) : (struct key_files){0};
	struct key_storage k = sealed_store_storage(&store);
	arena = arena_over(block, sizeof block);
	assert_done(k.load(k.self, &arena, &got, &d));
	for (size_t i = 0; i < KEY_FILES; i++)
		assert_span_equal(got.file[i], want.file[i]);
	assert_int_equal(store.fresh, text == NULL);
}

static uint8_t *image(void)
{
	uint8_t *p = malloc(SEALED_STORE_MIN);
	assert_int_equal(pread(fd, p, SEALED_STORE_MIN, 0), SEALED_STORE_MIN);
	return p;
}

static void set_image(const uint8_t *p)
{
	assert_int_equal(pwrite(fd, p, SEALED_STORE_MIN, 0), SEALED_STORE_MIN);
}

static int stop(void **state)
{
	sealed_store_close(&store);
	close(fd);
	return swtpm_teardown(state);
}

static void a_blank_partition_is_fresh_and_stays_so_until_something_is_stored(void **state)
{
	(void)state;
	blank();
	uint8_t *zero = calloc(1, SEALED_STORE_MIN);
	open_store();
	expect(NULL);
	boot();
	open_store();
	expect(NULL);
	uint8_t *now = image();
	assert_memory_equal(now, zero, SEALED_STORE_MIN);
	free(now);
	free(zero);
}

static void keys_survive_a_reboot_of_the_same_image(void **state)
{
	(void)state;
	blank();
	open_store();
	put("one");
	expect("one");
	boot();
	open_store();
	expect("one");
	put("two, which is longer");
	expect("two, which is longer");
	boot();
	open_store();
	expect("two, which is longer");
}

static void storing_works_after_the_cap(void **state)
{
	(void)state;
	blank();
	open_store();
	measure(14, 9);
	put("late");
	boot();
	open_store();
	expect("late");
}

static void nothing_opens_after_the_cap_or_in_another_image(void **state)
{
	(void)state;
	static const unsigned bound[] = {0, BOOT_PCR, 14};
	blank();
	open_store();
	put("one");
	for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
		boot();
		measure(bound[i], 9);
		assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_REFUSED,
			     "sealed store: unseal: it was sealed while the PCRs had other values");
	}
	boot();
	open_store();
	expect("one");
}

static void another_tpm_cannot_open(void **state)
{
	(void)state;
	static struct swtpm sw2;
	static struct tpm tpm2;
	blank();
	open_store();
	put("one");
	swtpm_create(&sw2);
	assert_done(tpm_open_tcti(&tpm2, &sw2, &d));
	sealed_store_close(&store);
	assert_fails(sealed_store_open(&store, &tpm2, fd, BOOT_PCR, &d), ERR_CRYPTO, "TPM2_Load");
	tpm_close(&tpm2);
	swtpm_destroy(&sw2);
}

static void no_secret_is_on_the_disk(void **state)
{
	(void)state;
	blank();
	open_store();
	put("a very secret text");
	uint8_t *p = image();
	assert_null(memmem(p, SEALED_STORE_MIN, "very secret", 11));
	assert_null(memmem(p, SEALED_STORE_MIN, store.data_key, sizeof store.data_key));
	free(p);
}

static void one_damaged_copy_is_repaired_from_the_other(void **state)
{
	(void)state;
	blank();
	open_store();
	put("one");
	uint8_t *good = image();
	for (size_t slot = 0; slot < 2; slot++) {
		/* a byte of the fields, the digests, the sealed key, the ciphertext, the tag; a whole slot of zeros or of something else */
		static const size_t at[] = {0, 17, 73, 481, 600, 1600, 4095};
		for (size_t i = 0; i < sizeof at / sizeof at[0] + 2; i++) {
			uint8_t *p = malloc(SEALED_STORE_MIN);
			memcpy(p, good, SEALED_STORE_MIN);
			if (i < sizeof at / sizeof at[0])
				p[slot * SEALED_SLOT + at[i]] ^= 0x10;
			else
				memset(p + slot * SEALED_SLOT, i % 2 ? 0 : 0xa5, SEALED_SLOT);
			set_image(p);
			free(p);
			sealed_store_close(&store);
			open_store();
			expect("one");
			uint8_t *now = image();
			assert_memory_equal(now, good, SEALED_BLOCK);
			assert_memory_equal(now + SEALED_SLOT, good + SEALED_SLOT, SEALED_BLOCK);
			free(now);
		}
	}
	free(good);
}

static void two_damaged_copies_are_an_error_and_never_fresh(void **state)
{
	(void)state;
	static const size_t at[] = {0, 17, 73, 481, 600, 1600, 4095};
	blank();
	open_store();
	put("one");
	uint8_t *good = image();
	sealed_store_close(&store);
	for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
		uint8_t *p = malloc(SEALED_STORE_MIN);
		memcpy(p, good, SEALED_STORE_MIN);
		p[at[i]] ^= 1;
		p[SEALED_SLOT + at[(i + 1) % 7]] ^= 1;
		set_image(p);
		free(p);
		diag_clear(&d);
		int r = sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d);
		if (r != ERR_CRYPTO && r != ERR_INPUT)
			fail_msg("byte %zu: %d %s", at[i], r, d.text);
	}
	free(good);
}

static void foreign_content_is_refused(void **state)
{
	(void)state;
	blank();
	assert_int_equal(pwrite(fd, "LUKS\xba\xbe", 6, 0), 6);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_INPUT,
		     "sealed store: the partition is neither empty nor a sealed store");
	blank();
	assert_int_equal(pwrite(fd, "\x53\xef", 2, 1080), 2); /* where ext4 has its magic number */
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_INPUT, "neither empty");
	blank();
	assert_int_equal(pwrite(fd, "x", 1, SEALED_STORE_MIN - 1), 1);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_INPUT, "neither empty");
	assert_int_equal(ftruncate(fd, SEALED_STORE_MIN - 1), 0);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_LIMIT, "the partition is smaller than");
}

static void a_record_is_all_that_counts_of_its_slot_and_a_short_partition_is_refused_still(void **state)
{
	(void)state;
	struct sealed_meta meta;
	blank();
	open_store();
	put("one");
	uint8_t *p = image();
	assert_int_equal(sealed_record_check(SPAN(p, SEALED_SLOT), &meta), SLOT_VALID);
	assert_int_equal(sealed_record_len(p), meta.record_len);
	assert_true(meta.record_len < SEALED_SLOT);
	for (size_t i = 0; i < 2; i++)
		memset(p + i * SEALED_SLOT + meta.record_len, 0xff, SEALED_SLOT - meta.record_len);
	boot();
	set_image(p);
	open_store();
	expect("one");
	boot();
	assert_int_equal(ftruncate(fd, (off_t)(SEALED_SLOT + meta.record_len)), 0);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_LIMIT, "the partition is smaller than");
	free(p);
}

/* A record with good digests but another body: what somebody without the key can make. */
static void an_altered_record_with_good_digests_is_refused(void **state)
{
	(void)state;
	static uint8_t forged[SEALED_SLOT];
	struct sealed_meta meta;
	uint8_t key[SEALED_KEY_LEN] = {1};
	struct key_files f = some_files("forged");
	blank();
	open_store();
	put("one");
	uint8_t *p = image();
	assert_int_equal(sealed_record_check(SPAN(p, SEALED_SLOT), &meta), SLOT_VALID);
	meta.sequence++;
	assert_done(sealed_record_encode(forged, &meta, key, &f, 0, &d));
	memcpy(p, forged, meta.record_len);
	set_image(p);
	free(p);
	sealed_store_close(&store);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_CRYPTO,
		     "the record was not written with this key, or was altered");
}

static void an_older_copy_of_the_partition_is_refused(void **state)
{
	(void)state;
	blank();
	open_store();
	put("one");
	uint8_t *old = image();
	put("two");
	put("three");
	boot();
	set_image(old);
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_REFUSED, "sealed store: rolled back: ");
	assert_done(tpm_nv_undefine(&tpm, SEALED_COUNTER_NV, &d));
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_REFUSED, "the TPM counter of this store is gone");
	assert_done(tpm_counter_define(&tpm, SEALED_COUNTER_NV, &d));
	assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_REFUSED, "rolled back");
	free(old);
}

static void an_older_copy_put_under_a_running_store_is_refused(void **state)
{
	(void)state;
	struct key_files got;
	blank();
	open_store();
	put("one");
	uint8_t *old = image();
	put("two");
	set_image(old);
	struct key_storage k = sealed_store_storage(&store);
	arena = arena_over(block, sizeof block);
	assert_fails(k.load(k.self, &arena, &got, &d), ERR_CRYPTO, "both copies are damaged");
	free(old);
}

/* Applies the first `whole` sectors that differ between before and after, and of the rest those that the bits of random select. */
static size_t mix(uint8_t *out, const uint8_t *before, const uint8_t *after, size_t from, size_t to, size_t whole, uint64_t random)
{
	size_t seen = 0;
	for (size_t at = from; at < to; at += SEALED_SECTOR) {
		if (memcmp(before + at, after + at, SEALED_SECTOR) == 0)
			continue;
		if (seen < whole || (random >> (seen % 64) & 1))
			memcpy(out + at, after + at, SEALED_SECTOR);
		seen++;
	}
	return seen;
}

/* The states of the disk that a power cut can leave, in the order of the writes: header of slot 0, its rest, header of slot 1, its rest.
 * Within one of these the sectors may be written in any order. */
static void for_each_cut(const uint8_t *before, const uint8_t *after, void (*check)(const uint8_t *disk, bool slot0_complete, void *ctx),
			 void *ctx)
{
	static const size_t from[] = {0, SEALED_SECTOR, SEALED_SLOT, SEALED_SLOT + SEALED_SECTOR};
	static const size_t to[] = {SEALED_SECTOR, SEALED_SLOT, SEALED_SLOT + SEALED_SECTOR, SEALED_STORE_MIN};
	uint8_t *disk = malloc(SEALED_STORE_MIN);
	for (size_t step = 0; step < 4; step++) {
		uint8_t *base = malloc(SEALED_STORE_MIN);
		memcpy(base, before, SEALED_STORE_MIN);
		memcpy(base, after, from[step]);
		memcpy(disk, base, SEALED_STORE_MIN);
		size_t sectors = mix(disk, base, after, from[step], to[step], 0, 0);
		assert_true(sectors >= 1);
		for (size_t i = 0; i < 2 * sectors + 6; i++) {
			memcpy(disk, base, SEALED_STORE_MIN);
			if (i < sectors)
				mix(disk, base, after, from[step], to[step], i, 0); /* a prefix */
			else if (i < 2 * sectors)
				mix(disk, base, after, from[step], to[step], 0, ~(1ull << (i - sectors))); /* all but one */
			else
				mix(disk, base, after, from[step], to[step], 0, (uint64_t)random() << 32 ^ (uint64_t)random());
			bool complete = memcmp(disk, after, SEALED_SLOT) == 0;
			check(disk, complete, ctx);
		}
		free(base);
	}
	memcpy(disk, after, SEALED_STORE_MIN);
	check(disk, true, ctx);
	free(disk);
}

struct cut {
	bool pass_new; /* which half of the states this pass looks at */
	const char *old, *new;
	size_t checked;
};

static void check_cut(const uint8_t *disk, bool slot0_complete, void *ctx)
{
	struct cut *c = ctx;
	if (slot0_complete != c->pass_new)
		return;
	set_image(disk);
	sealed_store_close(&store);
	open_store();
	expect(slot0_complete ? c->new : c->old);
	c->checked++;
}

/* The TPM does not count before the disk is written, so all states meet the old count; the first open of a new one counts, and from there
 * on only new ones are looked at. */
static void cut_while_storing(const char *old, const char *new)
{
	blank();
	open_store();
	if (old)
		put(old);
	uint8_t *before = image();
	struct key_files f = some_files(new);
	struct key_storage k = sealed_store_storage(&store);
	tpm_counter_define(&tpm, SEALED_COUNTER_NV, &d);
	sw.cut_command = TPM2_CC_NV_Increment;
	assert_fails(k.store(k.self, &f, &d), ERR_IO, "TPM2_NV_Increment");
	assert_fails(k.store(k.self, &f, &d), ERR_IO, "an earlier write failed");
	sw.cut_command = 0;
	uint8_t *after = image();
	boot();
	struct cut c = {false, old, new, 0};
	for_each_cut(before, after, check_cut, &c);
	assert_true(c.checked > 10);
	c = (struct cut){true, old, new, 0};
	for_each_cut(before, after, check_cut, &c);
	assert_true(c.checked > 10);
	set_image(before);
	sealed_store_close(&store);
	if (old)
		assert_fails(sealed_store_open(&store, &tpm, fd, BOOT_PCR, &d), ERR_REFUSED, "rolled back");
	free(before);
	free(after);
}

static void a_power_cut_at_any_sector_of_the_first_store_leaves_nothing_or_all(void **state)
{
	(void)state;
	cut_while_storing(NULL, "the very first keys");
}

static void a_power_cut_at_any_sector_of_a_later_store_leaves_old_or_new(void **state)
{
	(void)state;
	cut_while_storing("old keys, short",
			  "new keys that need more room than the old ones: "
			  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
}

static void the_time_floor_only_rises(void **state)
{
	(void)state;
	uint64_t before, after;
	blank();
	open_store();
	assert_int_equal(sealed_store_time_floor(&store), 0);
	assert_done(sealed_store_raise_time_floor(&store, 1000000, &d));
	put("one");
	assert_done(tpm_counter_read(&tpm, SEALED_COUNTER_NV, &before, &d));
	assert_done(sealed_store_raise_time_floor(&store, 1000000 + SEALED_FLOOR_STEP - 1, &d));
	assert_done(sealed_store_raise_time_floor(&store, 5, &d));
	assert_done(sealed_store_raise_time_floor(&store, -5, &d));
	assert_done(tpm_counter_read(&tpm, SEALED_COUNTER_NV, &after, &d));
	assert_int_equal(before, after);
	assert_done(sealed_store_raise_time_floor(&store, 2000000, &d));
	boot();
	open_store();
	assert_int_equal(sealed_store_time_floor(&store), 2000000);
	expect("one");
}

static void large_files_fit_and_too_large_ones_are_refused(void **state)
{
	(void)state;
	static char text[SEALED_SLOT / 4 * 3];
	struct key_files f = {0};
	struct key_storage k = sealed_store_storage(&store);
	blank();
	open_store();
	memset(text, 'x', sizeof text);
	f.file[KEY_BOOTSTRAP_INFO] = SPAN_ARR(text);
	assert_done(k.store(k.self, &f, &d));
	f.file[KEY_ROOT_CA_CRT] = SPAN_ARR(text);
	assert_fails(k.store(k.self, &f, &d), ERR_LIMIT, "do not fit");
	boot();
	open_store();
	struct key_files got;
	arena = arena_over(block, sizeof block);
	assert_done(k.load(k.self, &arena, &got, &d));
	assert_span_equal(got.file[KEY_BOOTSTRAP_INFO], f.file[KEY_BOOTSTRAP_INFO]);
	assert_int_equal(got.file[KEY_ROOT_CA_CRT].n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blank_partition_is_fresh_and_stays_so_until_something_is_stored),
		cmocka_unit_test(keys_survive_a_reboot_of_the_same_image),
		cmocka_unit_test(storing_works_after_the_cap),
		cmocka_unit_test(nothing_opens_after_the_cap_or_in_another_image),
		cmocka_unit_test(another_tpm_cannot_open),
		cmocka_unit_test(no_secret_is_on_the_disk),
		cmocka_unit_test(one_damaged_copy_is_repaired_from_the_other),
		cmocka_unit_test(two_damaged_copies_are_an_error_and_never_fresh),
		cmocka_unit_test(foreign_content_is_refused),
		cmocka_unit_test(a_record_is_all_that_counts_of_its_slot_and_a_short_partition_is_refused_still),
		cmocka_unit_test(an_altered_record_with_good_digests_is_refused),
		cmocka_unit_test(an_older_copy_of_the_partition_is_refused),
		cmocka_unit_test(an_older_copy_put_under_a_running_store_is_refused),
		cmocka_unit_test(a_power_cut_at_any_sector_of_the_first_store_leaves_nothing_or_all),
		cmocka_unit_test(a_power_cut_at_any_sector_of_a_later_store_leaves_old_or_new),
		cmocka_unit_test(the_time_floor_only_rises),
		cmocka_unit_test(large_files_fit_and_too_large_ones_are_refused),
	};
	return cmocka_run_group_tests(tests, swtpm_setup, stop);
}
