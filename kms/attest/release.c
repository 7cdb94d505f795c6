/* Binding a measurement document to the hash of an image's sha256sum.txt (attestation specification 4.6). */
#include "base/rd.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/vm_config.h"

/* The length of the white space character (Unicode's White_Space, which upstream's text splitting follows) that r begins with; 0 if there
 * is none. */
static size_t blank(const struct rd *r)
{
	static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
					   "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
	struct span s = SPAN(r->p, r->left);
	uint8_t c = rd_peek(r);
	if (r->left && (c == ' ' || (c >= '\t' && c <= '\r')))
		return 1;
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
		if (span_starts(s, wide[i]))
			return strlen(wide[i]);
	/* U+2000 to U+200A */
	return s.n > 2 && span_starts(s, "\xe2\x80") && s.p[2] >= 0x80 && s.p[2] <= 0x8a ? 3 : 0;
}

/* The next run of bytes without white space; empty at the end. */
static struct span word(struct rd *r)
{
	while (blank(r))
		rd_skip(r, blank(r));
	struct rd start = *r;
	while (r->left && !blank(r))
		rd_skip(r, 1);
	return rd_bytes(&start, start.left - r->left);
}

static struct rd line(struct rd *r)
{
	struct rd start = *r;
	while (r->left && rd_peek(r) != '\n')
		rd_skip(r, 1);
	struct rd out = rd_sub(&start, start.left - r->left);
	if (r->left)
		rd_skip(r, 1);
	return out;
}

int release_bind(struct span os_image_hash, struct span checksum_file, struct span measurement, const char *name, struct diag *d)
{
	uint8_t digest[SHA256_LEN], listed[SHA256_LEN];
	sha256(checksum_file, digest);
	if (!span_eq(os_image_hash, SPAN_ARR(digest)))
		return diag_fail(d, ERR_REFUSED, "sha256sum.txt hash mismatch: it is not what os_image_hash names");
	if (!utf8_valid(checksum_file))
		return diag_fail(d, ERR_INPUT, "sha256sum.txt is not UTF-8");
	struct rd r = rd_from(checksum_file);
	bool found = false;
	while (r.left) {
		struct rd l = line(&r);
		struct span hash = word(&l), file = word(&l);
		if (hash.n == 0)
			continue;
		if (file.n == 0)
			return diag_fail(d, ERR_INPUT, "sha256sum.txt has a line with one field");
		if (!span_is(file, name))
			continue;
		if (found)
			return diag_fail(d, ERR_REFUSED, "sha256sum.txt has duplicate entries for %s", name);
		found = true;
		if (hex_decode(hash, listed, sizeof listed) != (int)sizeof listed)
			return diag_fail(d, ERR_INPUT, "sha256sum.txt: the hash of %s is malformed", name);
	}
	if (!found)
		return diag_fail(d, ERR_REFUSED, "sha256sum.txt has no entry for %s", name);
	sha256(measurement, digest);
	if (memcmp(digest, listed, sizeof digest) != 0)
		return diag_fail(d, ERR_REFUSED, "%s hash mismatch", name);
	return 0;
}
