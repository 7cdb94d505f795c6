/* The shared disk of image.md 2.11 (FAT, label DSTACKSHR) and the data partition (GPT name dstack-data), found by their contents. */
#ifndef UKMS_BOOT_SHARED_H
#define UKMS_BOOT_SHARED_H

#include "base/arena.h"
#include "boot/disk.h"

enum { SHARED_COMPOSE_MAX = 50 << 20, SHARED_SYS_CONFIG_MAX = 32 << 10, SHARED_INSTANCE_MAX = 10 << 10, SHARED_USER_MAX = 50 << 20 };

/* Contents; an empty span for an optional file that is absent or empty. */
struct shared_files {
	struct span compose;       /* app-compose.json */
	struct span sys_config;    /* .sys-config.json */
	struct span instance_info; /* .instance_info, optional */
	struct span user_config;   /* .user-config, optional */
};

/* Disks may appear some time after PID 1 starts: both wait up to wait_ms for one. dev_dir: "/dev", class_dir: "/sys/class/block".
 *
 * ERR_MISSING: no such disk, or a file that must be there is not; ERR_INPUT: two such disks, or a malformed one; ERR_LIMIT; ERR_IO. */
int shared_read(struct arena *a, const char *class_dir, const char *dev_dir, int wait_ms, struct shared_files *out, struct diag *d);

/* The kernel's device of the data partition, open for reading and writing, in *fd. */
int data_open(const char *class_dir, const char *dev_dir, int wait_ms, int *fd, struct diag *d);

#endif
