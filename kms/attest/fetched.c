#include "base/rd.h"
#include "kms/attest/attest.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trimmed(struct span s)
{
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	struct rd r = rd_from(s);
	while (r.left && is_blank(rd_peek(&r)))
		rd_skip(&r, 1);
	return rd_rest(&r);
}

static struct span upto(struct rd *r, char end)
{
	struct rd at = *r;
	size_t n = 0;
	while (r->left && rd_peek(r) != (uint8_t)end) {
		rd_skip(r, 1);
		n++;
	}
	if (r->left)
		rd_skip(r, 1);
	return rd_bytes(&at, n);
}

static bool is_name(struct span s, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; s.n == n && i < n; i++)
		if (lower(s.p[i]) != lower((uint8_t)name[i]))
			return false;
	return s.n == n;
}

bool fetched_header(const struct fetched *f, const char *name, struct span *out)
{
	struct rd lines = rd_from(f->headers);
	while (lines.left) {
		struct rd line = rd_from(upto(&lines, '\n'));
		struct span key = upto(&line, ':');
		if (!is_name(key, name))
			continue;
		*out = trimmed(rd_rest(&line));
		return true;
	}
	return false;
}
