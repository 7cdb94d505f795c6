#include "boot/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int disk_open(struct disk *k, const char *path, bool writable, struct diag *d)
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	*k = (struct disk){.fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC), .sector = 512};
	snprintf(k->name, sizeof k->name, "%.31s", base);
	if (k->fd < 0)
		return diag_fail(d, ERR_IO, "%s: cannot open: %s", path, strerror(errno));

	struct stat st;
	int sector = 512;
	if (fstat(k->fd, &st) != 0)
		goto io;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(k->fd, BLKGETSIZE64, &k->size) != 0 || ioctl(k->fd, BLKSSZGET, &sector) != 0)
			goto io;
	} else {
		k->size = (uint64_t)st.st_size;
	}
	if (sector != 512 && sector != 4096) {
		disk_close(k);
		return diag_fail(d, ERR_UNSUPPORTED, "%s: sectors of %d bytes", path, sector);
	}
	k->sector = (uint32_t)sector;
	return 0;
io:;
	int e = diag_fail(d, ERR_IO, "%s: cannot ask for its size: %s", path, strerror(errno));
	disk_close(k);
	return e;
}

void disk_close(struct disk *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

int disk_read(const struct disk *k, uint64_t at, void *buf, size_t n, struct diag *d)
{
	if (at > k->size || n > k->size - at || k->size > INT64_MAX)
		return diag_fail(d, ERR_INPUT, "%s: bytes %llu+%zu lie behind the end (%llu)", k->name, (unsigned long long)at, n,
				 (unsigned long long)k->size);
	uint8_t *to = buf;
	while (n > 0) {
		ssize_t got = pread(k->fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return diag_fail(d, ERR_IO, "%s: cannot read at %llu: %s", k->name, (unsigned long long)at,
					 got < 0 ? strerror(errno) : "device ended");
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static bool whole_disk(const char *class_dir, const char *name)
{
	static const char *const memory[] = {"loop", "ram", "zram", "dm-", "md", "nbd"};
	for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++)
		if (strncmp(name, memory[i], strlen(memory[i])) == 0)
			return false;
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s/partition", class_dir, name);
	return access(path, F_OK) != 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t disk_list(const char *class_dir, char names[DISKS_MAX][32])
{
	size_t count = 0;
	DIR *dir = opendir(class_dir);
	if (!dir)
		return 0;
	for (const struct dirent *e; count < DISKS_MAX && (e = readdir(dir));) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof names[0] || !whole_disk(class_dir, e->d_name))
			continue;
		snprintf(names[count++], sizeof names[0], "%.31s", e->d_name);
	}
	closedir(dir);
	qsort(names, count, sizeof names[0], by_name);
	return count;
}
