/* Disk images for the tests of boot/: made by the ordinary tools, in a directory of the test's own. */
#ifndef UKMS_TESTS_UNIT_BOOT_DISK_H
#define UKMS_TESTS_UNIT_BOOT_DISK_H

#include "tests/unit/test.h"

#include <unistd.h>

#include "boot/disk.h"

static char image_dir[] = "/tmp/ukms-disk-XXXXXX";

/* Runs a shell command in the directory; the test fails if the command does. */
static inline void image_shell(const char *command)
{
	char line[2048];
	snprintf(line, sizeof line, "cd %s && PATH=$PATH:/sbin:/usr/sbin && export MTOOLS_SKIP_CHECK=1 && (%s) > log 2>&1", image_dir,
		 command);
	if (system(line) != 0) {
		snprintf(line, sizeof line, "cat %s/log >&2", image_dir);
		if (system(line) == 0)
			fail_msg("failed (are dosfstools, mtools and gdisk installed?): %s", command);
	}
}

static inline int image_setup(void **state)
{
	(void)state;
	return mkdtemp(image_dir) ? 0 : -1;
}

static inline int image_teardown(void **state)
{
	(void)state;
	char line[256];
	snprintf(line, sizeof line, "rm -rf %s", image_dir);
	return system(line);
}

static inline struct disk image_open(const char *name)
{
	char path[256];
	struct disk k;
	struct diag d = {0};
	snprintf(path, sizeof path, "%s/%s", image_dir, name);
	if (disk_open(&k, path, true, &d))
		fail_msg("%s", d.text);
	return k;
}

/* Writes bytes into an image that is open for writing. */
static inline void image_poke(const struct disk *k, uint64_t at, const void *bytes, size_t n)
{
	assert_int_equal(pwrite(k->fd, bytes, n, (off_t)at), n);
}

#endif
