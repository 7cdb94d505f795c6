#include "boot/shared.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "boot/fat.h"
#include "boot/gpt.h"
#include "drivers/file.h"

enum { POLL_MS = 10 };

static const char label[] = "DSTACKSHR", partlabel[] = "dstack-data";

/* Looks at every disk for the one that match() likes, until there is one. */
typedef int match_fn(void *ctx, struct disk *k, struct diag *d);

static int look_once(const char *class_dir, const char *dev_dir, match_fn *match, void *ctx, struct disk *found, struct diag *d)
{
	char names[DISKS_MAX][32], path[PATH_MAX];
	size_t count = disk_list(class_dir, names);
	bool have = false;
	int broken = 0;
	for (size_t i = 0; i < count; i++) {
		struct disk k;
		struct diag why = {0};
		snprintf(path, sizeof path, "%s/%s", dev_dir, names[i]);
		/* a device that cannot be opened (an empty drive) is not ours */
		if (disk_open(&k, path, false, &why))
			continue;
		int e = match(ctx, &k, &why);
		if (e == 0 && !have) {
			*found = k;
			have = true;
			continue;
		}
		disk_close(&k);
		if (e == 0) {
			disk_close(found);
			return diag_fail(d, ERR_INPUT, "two disks qualify: %s and %s", found->name, names[i]);
		}
		if (e != ERR_MISSING) {
			broken = e;
			diag_set(d, "%s", why.text);
		}
	}
	if (have)
		return 0;
	return broken ? broken : diag_fail(d, ERR_MISSING, "%zu disks were looked at", count);
}

static int look(const char *class_dir, const char *dev_dir, match_fn *match, void *ctx, int wait_ms, struct disk *found, struct diag *d)
{
	for (int waited = 0;; waited += POLL_MS) {
		int e = look_once(class_dir, dev_dir, match, ctx, found, d);
		if (e == 0 || waited >= wait_ms)
			return e;
		if (waited == 1000)
			log_warn("disk", "waiting: %s", d->text);
		usleep(POLL_MS * 1000);
	}
}

static int is_shared(void *ctx, struct disk *k, struct diag *d)
{
	struct fat *f = ctx;
	int e = fat_open(f, k, d);
	if (e)
		return e;
	return strcmp(f->label, label) == 0 ? 0 : diag_fail(d, ERR_MISSING, "%s: label %s", k->name, f->label);
}

int shared_read(struct arena *a, const char *class_dir, const char *dev_dir, int wait_ms, struct shared_files *out, struct diag *d)
{
	const struct {
		const char *name;
		size_t max;
		bool optional;
		struct span *to;
	} file[] = {
		{"app-compose.json", SHARED_COMPOSE_MAX, false, &out->compose},
		{".sys-config.json", SHARED_SYS_CONFIG_MAX, false, &out->sys_config},
		{".instance_info", SHARED_INSTANCE_MAX, true, &out->instance_info},
		{".user-config", SHARED_USER_MAX, true, &out->user_config},
	};
	struct fat f;
	struct disk k;
	memset(out, 0, sizeof *out);
	int e = look(class_dir, dev_dir, is_shared, &f, wait_ms, &k, d);
	if (e)
		return diag_wrap(d, e, "shared disk (FAT, label %s)", label);
	e = fat_open(&f, &k, d);
	for (size_t i = 0; !e && i < sizeof file / sizeof file[0]; i++) {
		e = fat_read(&f, a, file[i].name, file[i].max, file[i].to, d);
		if (e == ERR_MISSING && file[i].optional) {
			diag_clear(d);
			e = 0;
		}
	}
	disk_close(&k);
	return e ? diag_wrap(d, e, "shared disk (FAT, label %s)", label) : 0;
}

static bool sysfs_number(const char *path, uint64_t *out)
{
	uint8_t block[128];
	struct arena a = arena_over(block, sizeof block);
	struct span s;
	if (file_read(&a, path, 32, &s, NULL))
		return false;
	while (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	return parse_u64(s, out);
}

/* The kernel's name for the partition that our own reader found: the same range of the same disk. sysfs counts 512-byte sectors. */
static int kernel_name(const char *class_dir, const struct disk *k, const struct partition *p, char out[32], struct diag *d)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", class_dir, k->name);
	DIR *dir = opendir(path);
	bool found = false;
	for (const struct dirent *e; dir && !found && (e = readdir(dir));) {
		uint64_t start, size;
		if (strncmp(e->d_name, k->name, strlen(k->name)) != 0 || strlen(e->d_name) > 31)
			continue;
		snprintf(path, sizeof path, "%s/%s/%s/start", class_dir, k->name, e->d_name);
		if (!sysfs_number(path, &start))
			continue;
		snprintf(path, sizeof path, "%s/%s/%s/size", class_dir, k->name, e->d_name);
		if (!sysfs_number(path, &size) || start * 512 != p->at || size * 512 != p->size)
			continue;
		snprintf(out, 32, "%.31s", e->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found ? 0 : diag_fail(d, ERR_IO, "%s: the kernel does not see the partition at %llu", k->name, (unsigned long long)p->at);
}

struct data {
	const char *class_dir;
	char name[32]; /* the kernel's, of the partition */
};

static int is_data(void *ctx, struct disk *k, struct diag *d)
{
	struct data *data = ctx;
	struct partition p;
	int e = gpt_find(k, partlabel, &p, d);
	return e ? e : kernel_name(data->class_dir, k, &p, data->name, d);
}

int data_open(const char *class_dir, const char *dev_dir, int wait_ms, int *fd, struct diag *d)
{
	struct data data = {.class_dir = class_dir};
	struct disk k, part;
	char path[PATH_MAX];
	int e = look(class_dir, dev_dir, is_data, &data, wait_ms, &k, d);
	if (!e) {
		disk_close(&k);
		snprintf(path, sizeof path, "%s/%s", dev_dir, data.name);
		e = disk_open(&part, path, true, d);
	}
	if (e)
		return diag_wrap(d, e, "data disk (GPT partition %s)", partlabel);
	*fd = part.fd;
	return 0;
}
