#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/keys/cert_dir.h"

static uint8_t block[1 << 20];
static struct arena a;
static struct diag d;
static char top[64];
static struct cert_dir dir;
static struct key_storage storage;

static int setup(void **state)
{
	(void)state;
	char path[128];
	snprintf(top, sizeof top, "/tmp/ukms-cert-dir-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(path, sizeof path, "%s/a/certs", top);
	if (cert_dir_init(&dir, path, &d))
		return -1;
	storage = cert_dir_storage(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static struct key_files set_of(char mark, bool info)
{
	static char text[2][KEY_FILES][40];
	struct key_files f = {0};
	for (size_t i = 0; i < KEY_FILES; i++) {
		char *t = text[mark == 'n'][i];
		snprintf(t, 40, "%c %s", mark, key_file_names[i]);
		f.file[i] = SPAN_STR(t);
	}
	if (!info)
		f.file[KEY_BOOTSTRAP_INFO] = SPAN(NULL, 0);
	return f;
}

static struct key_files loaded(void)
{
	struct key_files f;
	a = arena_over(block, sizeof block);
	if (storage.load(storage.self, &a, &f, &d))
		fail_msg("%s", d.text);
	return f;
}

static bool same(const struct key_files *x, const struct key_files *y)
{
	for (size_t i = 0; i < KEY_FILES; i++)
		if (!span_eq(x->file[i], y->file[i]))
			return false;
	return true;
}

static void nothing_stored_is_empty(void **state)
{
	(void)state;
	struct key_files none = {0}, got = loaded();
	assert_true(same(&got, &none));
}

static void stores_and_replaces(void **state)
{
	(void)state;
	struct key_files old = set_of('o', true), new = set_of('n', false);
	assert_int_equal(storage.store(storage.self, &old, &d), 0);
	struct key_files got = loaded();
	assert_true(same(&got, &old));
	assert_int_equal(storage.store(storage.self, &new, &d), 0);
	got = loaded();
	assert_true(same(&got, &new));
}

static void put(const char *sub, enum key_file f, struct span s)
{
	char path[1400];
	snprintf(path, sizeof path, "%s/%s", dir.path, sub);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s/%s", dir.path, sub, key_file_names[f]);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fwrite(s.p, 1, s.n, out);
	fclose(out);
}

/* A crash before the rename to .commit leaves the old set; any instant after it gives the new one. */
static void a_crash_leaves_the_old_set_or_the_new(void **state)
{
	(void)state;
	for (int with_info = 0; with_info < 2; with_info++) {
		struct key_files old = set_of('o', true), new = set_of('n', with_info), got;
		size_t first = with_info ? 0 : 1;
		for (size_t written = first; written <= KEY_FILES; written++) {
			assert_int_equal(storage.store(storage.self, &old, &d), 0);
			for (size_t i = first; i < written; i++)
				put(".new", (enum key_file)i, SPAN(new.file[i].p, i + 1 == written ? new.file[i].n / 2 : new.file[i].n));
			got = loaded();
			assert_true(same(&got, &old));
		}
		/* files are moved in this order, bootstrap-info.json last */
		for (size_t moved = 0; moved < KEY_FILES; moved++) {
			assert_int_equal(storage.store(storage.self, &old, &d), 0);
			if (!with_info && moved) {
				char path[1400];
				snprintf(path, sizeof path, "%s/%s", dir.path, key_file_names[KEY_BOOTSTRAP_INFO]);
				unlink(path);
			}
			for (size_t i = 1; i <= KEY_FILES; i++)
				if (new.file[i % KEY_FILES].n)
					put(i <= moved ? "." : ".commit", (enum key_file)(i % KEY_FILES), new.file[i % KEY_FILES]);
			got = loaded();
			if (!same(&got, &new))
				fail_msg("with_info=%d moved=%zu: not the new set", with_info, moved);
		}
	}
}

static void unreadable_files_are_an_error(void **state)
{
	(void)state;
	struct key_files old = set_of('o', true), got;
	assert_int_equal(storage.store(storage.self, &old, &d), 0);
	put(".", KEY_ROOT_CA_KEY, SPAN_LIT(""));
	a = arena_over(block, sizeof block);
	assert_int_equal(storage.load(storage.self, &a, &got, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "root-ca.key"));
}

/* --- the head of the audit log ------------------------------------------------------------------------------------------------------- */

static char *beside(const char *name)
{
	static char path[1400];
	snprintf(path, sizeof path, "%s/%s", dir.path, name);
	return path;
}

static struct audit_head head_of(uint64_t n)
{
	struct audit_head h = {.n = n};
	memset(h.hash, (int)n, sizeof h.hash);
	return h;
}

static void expect_head(uint64_t n)
{
	struct audit_head got, want = head_of(n);
	if (storage.load_head(storage.self, &got, &d))
		fail_msg("%s", d.text);
	assert_int_equal(got.n, n);
	assert_memory_equal(got.hash, want.hash, sizeof want.hash);
	assert_false(got.clean || got.bounded);
}

static void a_head_is_kept_beside_the_keys_once_there_are_some(void **state)
{
	(void)state;
	struct key_files old = set_of('o', true), new = set_of('n', false);
	struct audit_head h = head_of(1), got;
	struct stat st;
	assert_int_equal(storage.load_head(storage.self, &got, &d), ERR_MISSING);
	assert_int_equal(storage.save_head(storage.self, &h, &d), ERR_MISSING);
	assert_int_equal(access(dir.path, F_OK), -1);
	assert_int_equal(storage.store(storage.self, &old, &d), 0);
	assert_int_equal(storage.load_head(storage.self, &got, &d), ERR_MISSING);
	for (uint64_t n = 1; n < 4; n++) {
		h = head_of(n);
		assert_int_equal(storage.save_head(storage.self, &h, &d), 0);
		expect_head(n);
	}
	assert_int_equal(storage.store(storage.self, &new, &d), 0);
	expect_head(3);
	struct key_files files = loaded();
	assert_true(same(&files, &new));
	/* The same head again is no write. */
	unlink(beside("audit-head"));
	assert_int_equal(storage.save_head(storage.self, &h, &d), 0);
	assert_int_equal(stat(beside("audit-head"), &st), -1);
}

static void a_crash_leaves_the_old_head_or_the_new(void **state)
{
	(void)state;
	struct key_files old = set_of('o', true);
	struct audit_head h = head_of(1);
	assert_int_equal(storage.store(storage.self, &old, &d), 0);
	assert_int_equal(storage.save_head(storage.self, &h, &d), 0);
	for (int n = 0; n <= AUDIT_HEAD_LEN; n += 32) {
		FILE *f = fopen(beside(".audit-head.new"), "w");
		assert_non_null(f);
		for (int i = 0; i < n; i++)
			fputc('x', f);
		fclose(f);
		expect_head((uint64_t)n / 32 + 1);
		h = head_of((uint64_t)n / 32 + 2);
		assert_int_equal(storage.save_head(storage.self, &h, &d), 0);
		expect_head((uint64_t)n / 32 + 2);
		assert_int_equal(access(beside(".audit-head.new"), F_OK), -1);
	}
}

static void what_is_no_head_is_an_error(void **state)
{
	(void)state;
	struct key_files old = set_of('o', true);
	struct audit_head h = head_of(1), got;
	assert_int_equal(storage.store(storage.self, &old, &d), 0);
	assert_int_equal(symlink("root-ca.crt", beside("audit-head")), 0);
	assert_int_equal(storage.load_head(storage.self, &got, &d), ERR_IO);
	unlink(beside("audit-head"));
	assert_int_equal(mkfifo(beside("audit-head"), 0600), 0);
	assert_int_equal(storage.load_head(storage.self, &got, &d), ERR_INPUT);
	unlink(beside("audit-head"));
	assert_int_equal(storage.save_head(storage.self, &h, &d), 0);
	FILE *f = fopen(beside("audit-head"), "a");
	assert_non_null(f);
	fputc(0, f);
	fclose(f);
	assert_int_equal(storage.load_head(storage.self, &got, &d), ERR_INPUT);
	assert_non_null(strstr(d.text, "audit-head: not the head of an audit log"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_stored_is_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(stores_and_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crash_leaves_the_old_set_or_the_new, setup, teardown),
		cmocka_unit_test_setup_teardown(unreadable_files_are_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(a_head_is_kept_beside_the_keys_once_there_are_some, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crash_leaves_the_old_head_or_the_new, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_head_is_an_error, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
