#include "drivers/tdx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "drivers/file.h"

enum { PATH_ROOM = 256, GENERATION_WAIT_MS = 5000, GENERATION_POLL_MS = 10 };

void tdx_init(struct tdx *t, const char *report_dir, const char *rtmr_dir)
{
	t->report_dir = report_dir ? report_dir : "/sys/kernel/config/tsm/report/com.intel.dcap";
	t->rtmr_dir = rtmr_dir ? rtmr_dir : "/sys/devices/virtual/misc/tdx_guest/measurements";
	pthread_mutex_init(&t->lock, NULL);
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int path_join(char out[PATH_ROOM], const char *dir, const char *name, struct diag *d)
{
	int n = snprintf(out, PATH_ROOM, "%s/%s", dir, name);
	if (n < 0 || n >= PATH_ROOM)
		return diag_fail(d, ERR_CONFIG, "path too long: %s/%s", dir, name);
	return 0;
}

/* A text attribute of the report entry, without its line end. */
static int attribute(struct tdx *t, const char *name, char block[160], struct span *out, struct diag *d)
{
	char path[PATH_ROOM];
	struct arena a = arena_over(block, 160);
	int r = path_join(path, t->report_dir, name, d);
	if (!r)
		r = file_read(&a, path, 96, out, d);
	while (!r && out->n > 0 && out->p[out->n - 1] == '\n')
		out->n--;
	return r;
}

static int generation(struct tdx *t, uint64_t *out, struct diag *d)
{
	char block[160];
	struct span text;
	int r = attribute(t, "generation", block, &text, d);
	if (!r && !parse_u64(text, out))
		r = diag_fail(d, ERR_IO, "%s/generation is no number", t->report_dir);
	return r;
}

static int require_provider(struct tdx *t, struct diag *d)
{
	char block[160];
	struct span name;
	if (mkdir(t->report_dir, 0700) != 0 && errno != EEXIST)
		return diag_fail(d, ERR_MISSING, "mkdir %s: %s (no TSM report provider: not a TDX guest?)", t->report_dir, strerror(errno));
	int r = attribute(t, "provider", block, &name, d);
	if (!r && !span_starts(name, "tdx_guest"))
		r = diag_fail(d, ERR_UNSUPPORTED, "TSM report provider is \"%.*s\", not tdx_guest", SPAN_FMT(name));
	return r;
}

/* configfs hands a binary attribute to its owner when the file is closed, and says nothing then: what came of it shows in the generation.
 */
static int write_report_data(const char *inblob, const uint8_t report_data[TDX_REPORT_DATA], struct diag *d)
{
	return file_write_once(inblob, SPAN(report_data, TDX_REPORT_DATA), d);
}

/* Between these two looks at the generation nobody else may have written: it moves by exactly one for our write, and not again. */
static int quote_locked(struct tdx *t, struct arena *a, const char *inblob, const uint8_t report_data[TDX_REPORT_DATA], struct span *quote,
			struct diag *d)
{
	char outblob[PATH_ROOM];
	uint64_t before, now;
	int r = path_join(outblob, t->report_dir, "outblob", d);
	if (!r)
		r = generation(t, &before, d);
	if (!r)
		r = write_report_data(inblob, report_data, d);
	if (r)
		return r;
	for (int waited = 0;; waited += GENERATION_POLL_MS) {
		r = generation(t, &now, d);
		if (r)
			return r;
		if (now != before)
			break;
		if (waited >= GENERATION_WAIT_MS)
			return diag_fail(d, ERR_TIMEOUT, "%s: generation does not move", t->report_dir);
		sleep_ms(GENERATION_POLL_MS);
	}
	if (now != before + 1)
		return diag_fail(d, ERR_IO, "%s: somebody else wrote to it", t->report_dir);
	r = file_read(a, outblob, TDX_QUOTE_MAX, quote, d);
	if (r)
		return r;
	r = generation(t, &now, d);
	if (r)
		return r;
	if (now != before + 1)
		return diag_fail(d, ERR_IO, "%s: somebody else wrote to it", t->report_dir);
	if (quote->n < TDX_QUOTE_MIN)
		return diag_fail(d, ERR_INPUT, "TDX quote of %zu bytes is too short", quote->n);
	return 0;
}

int tdx_quote(struct tdx *t, struct arena *a, const uint8_t report_data[TDX_REPORT_DATA], struct span *quote, struct diag *d)
{
	char inblob[PATH_ROOM];
	int fd = -1;
	pthread_mutex_lock(&t->lock);
	int r = require_provider(t, d);
	if (!r)
		r = path_join(inblob, t->report_dir, "inblob", d);
	if (r)
		goto out;
	/* Only for the lock, which other programs that make quotes take too. */
	fd = open(inblob, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		r = diag_fail(d, ERR_IO, "open %s: %s", inblob, strerror(errno));
		goto out;
	}
	r = quote_locked(t, a, inblob, report_data, quote, d);
out:
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&t->lock);
	return r ? diag_wrap(d, r, "TDX quote") : 0;
}

static int rtmr_path(struct tdx *t, unsigned index, char path[PATH_ROOM], struct diag *d)
{
	char name[32];
	if (index >= TDX_RTMRS)
		return diag_fail(d, ERR_INTERNAL, "no RTMR%u", index);
	snprintf(name, sizeof name, "rtmr%u:sha384", index);
	return path_join(path, t->rtmr_dir, name, d);
}

int tdx_rtmr_extend(struct tdx *t, unsigned index, const uint8_t digest[TDX_RTMR_LEN], struct diag *d)
{
	char path[PATH_ROOM];
	int r = rtmr_path(t, index, path, d);
	if (!r)
		r = file_write_once(path, SPAN(digest, TDX_RTMR_LEN), d);
	return r ? diag_wrap(d, r, "extend RTMR%u", index) : 0;
}

int tdx_rtmr_read(struct tdx *t, unsigned index, uint8_t out[TDX_RTMR_LEN], struct diag *d)
{
	char path[PATH_ROOM], block[128];
	struct arena a = arena_over(block, sizeof block);
	struct span value = {0};
	int r = rtmr_path(t, index, path, d);
	if (!r)
		r = file_read(&a, path, TDX_RTMR_LEN, &value, d);
	if (!r && value.n != TDX_RTMR_LEN)
		r = diag_fail(d, ERR_IO, "%s holds %zu bytes", path, value.n);
	if (r)
		return diag_wrap(d, r, "read RTMR%u", index);
	memcpy(out, value.p, TDX_RTMR_LEN);
	return 0;
}
