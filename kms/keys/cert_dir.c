#include "kms/keys/cert_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(KEY_BOOTSTRAP_INFO == 0, "moved last");

static const char new_dir[] = ".new", commit_dir[] = ".commit";

static bool is_secret(enum key_file f)
{
	return f == KEY_TMP_CA_KEY || f == KEY_ROOT_CA_KEY || f == KEY_RPC_KEY || f == KEY_ROOT_K256;
}

static int fail(struct diag *d, const struct cert_dir *c, const char *what)
{
	return diag_fail(d, ERR_IO, "%s/%s: %s", c->path, what, strerror(errno));
}

static int open_at(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int make_path(const struct cert_dir *c, struct diag *d)
{
	char part[CERT_DIR_PATH_MAX];
	size_t n = strlen(c->path);
	for (size_t i = 1; i <= n; i++) {
		if (c->path[i] != '/' && c->path[i] != 0)
			continue;
		memcpy(part, c->path, i);
		part[i] = 0;
		if (mkdir(part, 0700) && errno != EEXIST)
			return diag_fail(d, ERR_IO, "%s: %s", part, strerror(errno));
	}
	return 0;
}

/* Removes a directory of ours and the files that we put there. */
static int remove_dir(int top, const char *name)
{
	int dir = open_at(top, name);
	if (dir < 0)
		return errno == ENOENT ? 0 : -1;
	for (size_t i = 0; i < KEY_FILES; i++)
		if (unlinkat(dir, key_file_names[i], 0) && errno != ENOENT) {
			close(dir);
			return -1;
		}
	close(dir);
	return unlinkat(top, name, AT_REMOVEDIR);
}

/* Moves what .commit holds to its place, bootstrap-info.json last: as long as another file waits in .commit, its absence there means that
 * the new set has none. */
static int finish(const struct cert_dir *c, int top, struct diag *d)
{
	int dir = open_at(top, commit_dir);
	if (dir < 0)
		return errno == ENOENT ? 0 : fail(d, c, commit_dir);
	bool waiting = false;
	const char *info = key_file_names[KEY_BOOTSTRAP_INFO];
	for (size_t i = KEY_BOOTSTRAP_INFO + 1; i < KEY_FILES; i++)
		waiting |= faccessat(dir, key_file_names[i], F_OK, 0) == 0;
	int e = 0;
	if (waiting && faccessat(dir, info, F_OK, 0) && unlinkat(top, info, 0) && errno != ENOENT)
		e = fail(d, c, info);
	for (size_t i = 1; !e && i <= KEY_FILES; i++) {
		const char *name = key_file_names[i % KEY_FILES];
		if (renameat(dir, name, top, name) && errno != ENOENT)
			e = fail(d, c, name);
	}
	close(dir);
	if (!e && (fsync(top) || unlinkat(top, commit_dir, AT_REMOVEDIR) || fsync(top)))
		e = fail(d, c, commit_dir);
	return e;
}

static int recover(const struct cert_dir *c, int top, struct diag *d)
{
	int e = finish(c, top, d);
	if (!e && remove_dir(top, new_dir))
		e = fail(d, c, new_dir);
	return e;
}

static int read_file(const struct cert_dir *c, int top, const char *name, struct arena *a, struct span *out, struct diag *d)
{
	struct stat st;
	int fd = openat(top, name, O_RDONLY | O_CLOEXEC);
	*out = SPAN(NULL, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(d, c, name);
	int e = 0;
	uint8_t *p = NULL;
	size_t n = 0;
	if (fstat(fd, &st)) {
		e = fail(d, c, name);
	} else if (!S_ISREG(st.st_mode) || st.st_size > CERT_DIR_FILE_MAX) {
		e = diag_fail(d, ERR_INPUT, "%s/%s: not a file of at most 1 MiB", c->path, name);
	} else if (!(p = arena_alloc(a, (size_t)st.st_size + 1))) {
		e = diag_fail(d, ERR_LIMIT, "%s/%s: too large", c->path, name);
	} else {
		ssize_t got = 1;
		while (n < (size_t)st.st_size && (got = read(fd, p + n, (size_t)st.st_size - n)) > 0)
			n += (size_t)got;
		if (got < 0)
			e = fail(d, c, name);
		else if (n == 0)
			e = diag_fail(d, ERR_INPUT, "%s/%s: the file is empty", c->path, name);
		else
			*out = SPAN(p, n);
	}
	close(fd);
	return e;
}

static int load(void *self, struct arena *a, struct key_files *out, struct diag *d)
{
	const struct cert_dir *c = self;
	memset(out, 0, sizeof *out);
	int top = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;
	if (top < 0)
		return errno == ENOENT ? 0 : diag_fail(d, ERR_IO, "%s: %s", c->path, strerror(errno));
	e = recover(c, top, d);
	for (size_t i = 0; !e && i < KEY_FILES; i++)
		e = read_file(c, top, key_file_names[i], a, &out->file[i], d);
	close(top);
	return e;
}

static int write_file(const struct cert_dir *c, int dir, enum key_file f, struct span s, struct diag *d)
{
	const char *name = key_file_names[f];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_secret(f) ? 0600 : 0644);
	if (fd < 0)
		return fail(d, c, name);
	ssize_t got = 0;
	while (s.n && (got = write(fd, s.p, s.n)) > 0)
		s = SPAN(s.p + got, s.n - (size_t)got);
	int bad = s.n != 0 || fsync(fd);
	if (close(fd))
		bad = 1;
	return bad ? fail(d, c, name) : 0;
}

static int store(void *self, const struct key_files *in, struct diag *d)
{
	const struct cert_dir *c = self;
	int e = make_path(c, d), top = -1, dir = -1;
	if (e)
		return e;
	if ((top = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return diag_fail(d, ERR_IO, "%s: %s", c->path, strerror(errno));
	if ((e = recover(c, top, d)))
		goto done;
	if (mkdirat(top, new_dir, 0700) || (dir = open_at(top, new_dir)) < 0) {
		e = fail(d, c, new_dir);
		goto done;
	}
	for (size_t i = 0; !e && i < KEY_FILES; i++)
		if (in->file[i].n)
			e = write_file(c, dir, (enum key_file)i, in->file[i], d);
	if (!e && (fsync(dir) || renameat(top, new_dir, top, commit_dir) || fsync(top)))
		e = fail(d, c, new_dir);
	if (!e)
		e = finish(c, top, d);
done:
	if (dir >= 0)
		close(dir);
	close(top);
	return e;
}

int cert_dir_init(struct cert_dir *c, const char *path, struct diag *d)
{
	size_t n = strlen(path);
	if (n == 0 || n + 64 > sizeof c->path)
		return diag_fail(d, ERR_CONFIG, "core.cert_dir: expected a path of 1 to %zu bytes", sizeof c->path - 64);
	*c = (struct cert_dir){0};
	memcpy(c->path, path, n + 1);
	return 0;
}

struct key_storage cert_dir_storage(struct cert_dir *c)
{
	return (struct key_storage){
		.load = load, .store = store, .load_head = cert_dir_load_head, .save_head = cert_dir_save_head, .self = c};
}
