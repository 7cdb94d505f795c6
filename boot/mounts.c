#include "boot/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *type, *at;
	unsigned long flags;
	const char *options;
	int required;
} table[] = {
	{"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755", 1},
	{"proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, 1},
	{"sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, 1},
	{"securityfs", "/sys/kernel/security", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, 0},
	{"configfs", "/sys/kernel/config", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, 0},
	{"tmpfs", "/run", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=0755,size=16m", 0},
	{"tmpfs", "/tmp", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=0700,size=16m", 0},
};

int mounts_make(struct diag *d)
{
	umask(0022);
	mkdir("/etc", 0755);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		mkdir(table[i].at, 0755);
		/* EBUSY: the kernel mounted it itself (devtmpfs) */
		if (mount(table[i].type, table[i].at, table[i].type, table[i].flags, table[i].options) != 0 && errno != EBUSY &&
		    table[i].required)
			return diag_fail(d, ERR_IO, "cannot mount %s on %s: %s", table[i].type, table[i].at, strerror(errno));
	}
	return 0;
}

void mounts_settings(void)
{
	static const struct {
		const char *path, *value;
	} set[] = {
		{"/proc/sys/vm/panic_on_oom", "1"},       {"/proc/sys/kernel/panic", "5"},
		{"/proc/sys/kernel/panic_on_oops", "1"},  {"/proc/sys/kernel/kptr_restrict", "2"},
		{"/proc/sys/kernel/dmesg_restrict", "1"}, {"/proc/sys/net/ipv4/tcp_syncookies", "1"},
	};
	for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
		int fd = open(set[i].path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue; /* a kernel built without it has the safe behaviour already */
		ssize_t n = write(fd, set[i].value, strlen(set[i].value));
		(void)n;
		close(fd);
	}
}
