#include "drivers/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int open_failed(const char *path, struct diag *d)
{
	enum err e = errno == ENOENT || errno == ENODEV || errno == ENXIO ? ERR_MISSING : ERR_IO;
	return diag_fail(d, e, "open %s: %s", path, strerror(errno));
}

int file_read(struct arena *a, const char *path, size_t max, struct span *out, struct diag *d)
{
	*out = (struct span){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(path, d);
	int r = 0;
	size_t n = 0;
	uint8_t *p = arena_alloc(a, max + 1); /* one more than allowed, so that "too long" is seen */
	if (!p) {
		r = diag_fail(d, ERR_LIMIT, "read %s: no room for %zu bytes", path, max);
		goto out;
	}
	while (n <= max) {
		ssize_t got = read(fd, p + n, max + 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			r = diag_fail(d, ERR_IO, "read %s: %s", path, strerror(errno));
			goto out;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > max)
		r = diag_fail(d, ERR_LIMIT, "read %s: longer than %zu bytes", path, max);
	else
		*out = SPAN(p, n);
out:
	close(fd);
	return r;
}

int file_write_once(const char *path, struct span bytes, struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(path, d);
	int r = 0;
	ssize_t n = write(fd, bytes.p, bytes.n);
	if (n < 0)
		r = diag_fail(d, ERR_IO, "write %s: %s", path, strerror(errno));
	else if ((size_t)n != bytes.n)
		r = diag_fail(d, ERR_IO, "write %s: took %zd of %zu bytes", path, n, bytes.n);
	close(fd);
	return r;
}
