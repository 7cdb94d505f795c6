#include "image/release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bearssl.h>

#include "crypto/hash.h"
#include "image/esp.h"
#include "image/predict.h"

enum { PATH_MAX_LEN = 4096, TEXT_MAX = 8192 };

static const char boot_file[] = "BOOTX64.EFI";
/* The files that sha256sum.txt lists, in its order. */
static const char *const listed[] = {"BOOTX64.EFI", "disk.raw", "measurement.gcp.cbor", "metadata.json"};
enum { LISTED = sizeof listed / sizeof listed[0] };

static int path_of(const char *dir, const char *name, char out[PATH_MAX_LEN], struct diag *d)
{
	int n = snprintf(out, PATH_MAX_LEN, "%s/%s", dir, name);
	return n > 0 && n < PATH_MAX_LEN ? 0 : diag_fail(d, ERR_LIMIT, "the path of %s is too long", name);
}

static int open_in(const char *dir, const char *name, int flags, int *fd, struct diag *d)
{
	char path[PATH_MAX_LEN];
	int e = path_of(dir, name, path, d);
	if (e)
		return e;
	*fd = open(path, flags | O_CLOEXEC, 0644);
	return *fd >= 0 ? 0 : diag_fail(d, ERR_IO, "cannot open %s: %s", path, strerror(errno));
}

int release_read_file(const char *dir, const char *name, struct span *out, struct diag *d)
{
	int fd;
	*out = (struct span){0};
	int e = open_in(dir, name, O_RDONLY, &fd, d);
	if (e)
		return e;
	struct stat st;
	uint8_t *p = NULL;
	size_t done = 0;
	if (fstat(fd, &st) == 0 && st.st_size <= UKI_MAX)
		p = malloc((size_t)st.st_size + 1);
	while (p && done < (size_t)st.st_size) {
		ssize_t n = read(fd, p + done, (size_t)st.st_size - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(fd);
	if (!p || done < (size_t)st.st_size) {
		free(p);
		return diag_fail(d, ERR_IO, "cannot read all of %s/%s, or it is larger than %d bytes", dir, name, UKI_MAX);
	}
	*out = (struct span){p, done};
	return 0;
}

static int write_file(const char *dir, const char *name, struct span s, struct diag *d)
{
	int fd;
	int e = open_in(dir, name, O_WRONLY | O_CREAT | O_TRUNC, &fd, d);
	if (e)
		return e;
	ssize_t n = write(fd, s.p, s.n);
	if (close(fd) != 0 || n != (ssize_t)s.n)
		return diag_fail(d, ERR_IO, "cannot write %s/%s: %s", dir, name, strerror(errno));
	return 0;
}

/* disk.raw is 1 GiB: hashed as a stream. */
static int hash_file(const char *dir, const char *name, uint8_t out[32], struct diag *d)
{
	enum { CHUNK = 1 << 18 };
	static uint8_t chunk[CHUNK];
	int fd;
	int e = open_in(dir, name, O_RDONLY, &fd, d);
	if (e)
		return e;
	br_sha256_context c;
	br_sha256_init(&c);
	ssize_t n;
	while ((n = read(fd, chunk, CHUNK)) > 0)
		br_sha256_update(&c, chunk, (size_t)n);
	close(fd);
	if (n < 0)
		return diag_fail(d, ERR_IO, "cannot read %s/%s: %s", dir, name, strerror(errno));
	br_sha256_out(&c, out);
	return 0;
}

void release_gcp_measurement(const uint8_t uki[32], uint8_t out[GCP_MEASUREMENT_LEN])
{
	struct wr w = wr_to(out, GCP_MEASUREMENT_LEN);
	wr_u8(&w, 0xa2);
	wr_u8(&w, 0x67);
	wr_str(&w, "version");
	wr_u8(&w, 0x01);
	wr_u8(&w, 0x68);
	wr_str(&w, "uki_auth");
	wr_u8(&w, 0x58);
	wr_u8(&w, 0x20);
	wr_bytes(&w, uki, 32);
}

static void member(struct wr *w, const char *indent, const char *name, struct span value, const char *end)
{
	wr_fmt(w, "%s\"%s\": \"", indent, name);
	wr_hex(w, value);
	wr_fmt(w, "\"%s\n", end);
}

int release_measurements(struct span uki, struct wr *w, struct diag *d)
{
	struct predicted p;
	int e = predict(uki, &p, d);
	if (e)
		return e;
	wr_str(w, "{\n");
	member(w, "  ", "uki_authenticode_sha256", SPAN_ARR(p.uki_sha256), ",");
	member(w, "  ", "uki_authenticode_sha384", SPAN_ARR(p.uki_sha384), ",");
	member(w, "  ", "gpt_event_sha256", SPAN_ARR(p.gpt_sha256), ",");
	member(w, "  ", "gpt_event_sha384", SPAN_ARR(p.gpt_sha384), ",");
	wr_str(w, "  \"google\": {\n");
	member(w, "    ", "pcr2", SPAN_ARR(p.google_pcr2), ",");
	member(w, "    ", "rtmr1", SPAN_ARR(p.google_rtmr1), "");
	wr_str(w, "  },\n  \"ovmf\": {\n");
	member(w, "    ", "pcr4", SPAN_ARR(p.ovmf_pcr4), ",");
	member(w, "    ", "pcr5", SPAN_ARR(p.ovmf_pcr5), "");
	wr_str(w, "  }\n}\n");
	return wr_ok(w) ? 0 : diag_fail(d, ERR_LIMIT, "the measurements do not fit");
}

static bool plain(const char *s)
{
	for (; *s; s++)
		if ((uint8_t)*s < 0x20 || (uint8_t)*s > 0x7e || *s == '"' || *s == '\\')
			return false;
	return true;
}

static int metadata(const struct release *r, struct wr *w, struct diag *d)
{
	if (!plain(r->name) || !plain(r->version) || !plain(r->cmdline))
		return diag_fail(d, ERR_CONFIG, "name, version and command line must be plain ASCII without quotes and backslashes");
	wr_fmt(w, "{\n  \"name\": \"%s\",\n  \"version\": \"%s\",\n  \"is_dev\": %s,\n  \"shared_ro\": true,\n", r->name, r->version,
	       r->dev ? "true" : "false");
	wr_fmt(w, "  \"kernel\": \"%s\",\n  \"cmdline\": \"%s\"\n}\n", boot_file, r->cmdline);
	return wr_ok(w) ? 0 : diag_fail(d, ERR_LIMIT, "the command line is too long");
}

static int checksums(const char *dir, struct wr *w, struct diag *d)
{
	for (size_t i = 0; i < LISTED; i++) {
		uint8_t h[32];
		int e = hash_file(dir, listed[i], h, d);
		if (e)
			return e;
		wr_hex(w, SPAN_ARR(h));
		wr_fmt(w, "  %s\n", listed[i]);
	}
	return 0;
}

static void hex_line(const uint8_t h[32], char out[66])
{
	struct wr w = wr_to(out, 66);
	wr_hex(&w, (struct span){h, 32});
	wr_str(&w, "\n");
	wr_u8(&w, 0);
}

static int write_disk(const char *dir, struct span uki, struct diag *d)
{
	int fd;
	int e = open_in(dir, "disk.raw", O_RDWR | O_CREAT | O_TRUNC, &fd, d);
	if (e)
		return e;
	e = disk_write(fd, uki, d);
	if (close(fd) != 0 && !e)
		e = diag_fail(d, ERR_IO, "cannot write %s/disk.raw: %s", dir, strerror(errno));
	return e;
}

int release_write(const struct release *r, struct diag *d)
{
	static uint8_t text[TEXT_MAX];
	struct span uki;
	struct predicted p;
	char line[66];
	uint8_t cbor[GCP_MEASUREMENT_LEN], digest[32];
	int e = release_read_file(r->dir, boot_file, &uki, d);
	if (e)
		return e;
	e = predict(uki, &p, d);
	if (e)
		goto out;
	e = write_disk(r->dir, uki, d);
	if (e)
		goto out;
	hex_line(p.uki_sha256, line);
	e = write_file(r->dir, "auth_hash.txt", SPAN_STR(line), d);
	if (e)
		goto out;
	release_gcp_measurement(p.uki_sha256, cbor);
	e = write_file(r->dir, "measurement.gcp.cbor", SPAN_ARR(cbor), d);
	if (e)
		goto out;
	struct wr w = wr_to(text, sizeof text);
	e = metadata(r, &w, d);
	if (!e)
		e = write_file(r->dir, "metadata.json", wr_span(&w), d);
	if (e)
		goto out;
	w = wr_to(text, sizeof text);
	e = release_measurements(uki, &w, d);
	if (!e)
		e = write_file(r->dir, "measurements.json", wr_span(&w), d);
	if (e)
		goto out;
	w = wr_to(text, sizeof text);
	e = checksums(r->dir, &w, d);
	if (!e)
		e = write_file(r->dir, "sha256sum.txt", wr_span(&w), d);
	if (e)
		goto out;
	sha256(wr_span(&w), digest);
	hex_line(digest, line);
	e = write_file(r->dir, "digest.txt", SPAN_STR(line), d);
out:
	free((void *)uki.p);
	return e;
}

static int expect(const char *dir, const char *name, struct span want, struct diag *d)
{
	struct span got;
	int e = release_read_file(dir, name, &got, d);
	if (e)
		return e;
	if (!span_eq(got, want))
		e = diag_fail(d, ERR_REFUSED, "%s is not what follows from the other files", name);
	free((void *)got.p);
	return e;
}

int release_check(const char *dir, struct diag *d)
{
	static uint8_t text[TEXT_MAX];
	struct span uki = {0};
	struct predicted p;
	char line[66];
	uint8_t cbor[GCP_MEASUREMENT_LEN], digest[32];
	int fd;
	int e = open_in(dir, "disk.raw", O_RDONLY, &fd, d);
	if (e)
		return e;
	e = disk_read(fd, &uki, d);
	close(fd);
	if (e)
		return diag_wrap(d, e, "disk.raw");
	e = expect(dir, boot_file, uki, d);
	if (!e)
		e = predict(uki, &p, d);
	if (e)
		goto out;
	hex_line(p.uki_sha256, line);
	e = expect(dir, "auth_hash.txt", SPAN_STR(line), d);
	release_gcp_measurement(p.uki_sha256, cbor);
	if (!e)
		e = expect(dir, "measurement.gcp.cbor", SPAN_ARR(cbor), d);
	struct wr w = wr_to(text, sizeof text);
	if (!e)
		e = release_measurements(uki, &w, d);
	if (!e)
		e = expect(dir, "measurements.json", wr_span(&w), d);
	w = wr_to(text, sizeof text);
	if (!e)
		e = checksums(dir, &w, d);
	if (!e)
		e = expect(dir, "sha256sum.txt", wr_span(&w), d);
	sha256(wr_span(&w), digest);
	hex_line(digest, line);
	if (!e)
		e = expect(dir, "digest.txt", SPAN_STR(line), d);
out:
	free((void *)uki.p);
	return e;
}
