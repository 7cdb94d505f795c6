/* Block devices (or, in tests, files) read by offset. What is on them comes from the host and is parsed with bounds. */
#ifndef UKMS_BOOT_DISK_H
#define UKMS_BOOT_DISK_H

#include "base/err.h"
#include "base/span.h"

struct disk {
	int fd;
	uint64_t size;   /* bytes */
	uint32_t sector; /* logical sector in bytes: 512 or 4096 */
	char name[32];   /* as in /sys/class/block */
};

enum { DISKS_MAX = 32 };

/* Opens a device or a regular file. writable: open for writing too. Errors: ERR_IO, ERR_UNSUPPORTED (sector size). */
int disk_open(struct disk *k, const char *path, bool writable, struct diag *d);
void disk_close(struct disk *k);

/* Fills all of buf from byte offset at. ERR_INPUT if the range is not within the device, ERR_IO if reading fails. */
int disk_read(const struct disk *k, uint64_t at, void *buf, size_t n, struct diag *d);

/* Names of the whole disks (no partitions, no memory or loop devices), sorted. Returns how many, at most DISKS_MAX; an absent
 * directory counts as empty. class_dir: "/sys/class/block". */
size_t disk_list(const char *class_dir, char names[DISKS_MAX][32]);

#endif
