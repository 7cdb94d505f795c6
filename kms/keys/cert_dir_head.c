/* DIR/audit-head beside upstream's files: written new and renamed, so that it is whole at any instant. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kms/keys/cert_dir.h"

static const char head_file[] = "audit-head", fresh_file[] = ".audit-head.new";

static int fail(struct diag *d, const struct cert_dir *c)
{
	return diag_fail(d, ERR_IO, "%s/%s: %s", c->path, head_file, strerror(errno));
}

/* ERR_MISSING while there is no directory, that is before keys were ever stored. */
static int open_top(const struct cert_dir *c, int *top, struct diag *d)
{
	*top = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*top >= 0)
		return 0;
	return errno == ENOENT ? diag_fail(d, ERR_MISSING, "%s: there is no such directory yet", c->path) : fail(d, c);
}

int cert_dir_load_head(void *self, struct audit_head *out, struct diag *d)
{
	const struct cert_dir *c = self;
	uint8_t bytes[AUDIT_HEAD_LEN + 1];
	int top, e = open_top(c, &top, d);
	if (e)
		return e;
	int fd = openat(top, head_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		e = errno == ENOENT ? diag_fail(d, ERR_MISSING, "%s/%s: there is no such file", c->path, head_file) : fail(d, c);
	} else {
		ssize_t n = read(fd, bytes, sizeof bytes);
		e = n < 0 ? fail(d, c) : audit_head_decode(SPAN(bytes, (size_t)n), out, d);
		if (e == ERR_INPUT)
			diag_prefix(d, "%s/%s", c->path, head_file);
		close(fd);
	}
	close(top);
	return e;
}

int cert_dir_save_head(void *self, const struct audit_head *h, struct diag *d)
{
	struct cert_dir *c = self;
	uint8_t bytes[AUDIT_HEAD_LEN];
	audit_head_encode(h, bytes);
	if (c->head_kept && memcmp(bytes, c->head, sizeof bytes) == 0)
		return 0;
	int top, e = open_top(c, &top, d);
	if (e)
		return e;
	if (unlinkat(top, fresh_file, 0) && errno != ENOENT)
		e = fail(d, c);
	int fd = e ? -1 : openat(top, fresh_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (!e && fd < 0)
		e = fail(d, c);
	if (!e && (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes || fsync(fd) || renameat(top, fresh_file, top, head_file) ||
		   fsync(top)))
		e = fail(d, c);
	if (fd >= 0)
		close(fd);
	close(top);
	c->head_kept = !e;
	memcpy(c->head, bytes, sizeof bytes);
	return e;
}
