#include "base/text.h"

#include "base/rd.h"
#include "base/wr.h"

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(struct span text, uint8_t *out, size_t cap)
{
	if (text.n % 2 || text.n / 2 > cap || text.n / 2 > INT32_MAX)
		return -1;
	for (size_t i = 0; i < text.n / 2; i++) {
		int hi = nibble(text.p[2 * i]), lo = nibble(text.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return (int)(text.n / 2);
}

struct span hex_decode_in(struct arena *a, struct span text)
{
	uint8_t *to = arena_alloc(a, text.n / 2);
	int n = to ? hex_decode(text, to, text.n / 2) : -1;
	if (n < 0)
		return (struct span){NULL, 0};
	return (struct span){to, (size_t)n};
}

char *hex_encode_in(struct arena *a, struct span bytes)
{
	char *to = bytes.n < SIZE_MAX / 2 - 1 ? arena_alloc(a, 2 * bytes.n + 1) : NULL;
	if (!to)
		return NULL;
	struct wr w = wr_to(to, 2 * bytes.n);
	wr_hex(&w, bytes);
	return to;
}

static int sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

struct span base64_decode_in(struct arena *a, struct span text)
{
	const struct span bad = {NULL, 0};
	if (text.n % 4)
		return bad;
	uint8_t *to = arena_alloc(a, text.n / 4 * 3);
	if (!to)
		return bad;
	size_t len = 0;
	struct rd r = rd_from(text);
	while (r.left) {
		uint32_t v = 0;
		int pad = 0;
		for (int i = 0; i < 4; i++) {
			uint8_t c = rd_u8(&r);
			if (c == '=' && r.left == (size_t)(3 - i) && i >= 2) {
				pad++;
				v <<= 6;
				continue;
			}
			int s = sextet(c);
			if (s < 0 || pad)
				return bad;
			v = v << 6 | (uint32_t)s;
		}
		if ((pad == 1 && v & 0xff) || (pad == 2 && v & 0xffff))
			return bad;
		for (int i = 0; i < 3 - pad; i++)
			to[len++] = (uint8_t)(v >> (16 - 8 * i));
	}
	return (struct span){to, len};
}

char *base64_encode_in(struct arena *a, struct span bytes)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t quads = bytes.n / 3 + (bytes.n % 3 != 0);
	char *to = quads < SIZE_MAX / 4 ? arena_alloc(a, quads * 4 + 1) : NULL;
	if (!to)
		return NULL;
	for (size_t q = 0; q < quads; q++) {
		size_t have = bytes.n - 3 * q < 3 ? bytes.n - 3 * q : 3;
		uint32_t v = 0;
		for (size_t i = 0; i < 3; i++)
			v = v << 8 | (i < have ? bytes.p[3 * q + i] : 0);
		for (size_t i = 0; i < 4; i++)
			to[4 * q + i] = i <= have ? digit[v >> (18 - 6 * i) & 63] : '=';
	}
	return to;
}

bool parse_u64(struct span text, uint64_t *out)
{
	uint64_t v = 0;
	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c < '0' || c > '9' || v > (UINT64_MAX - (uint64_t)(c - '0')) / 10)
			return false;
		v = v * 10 + (uint64_t)(c - '0');
	}
	*out = v;
	return true;
}

/* Takes one character, or of a malformed one its longest beginning that a character could have (Unicode 3.9, table 3-7). */
static bool utf8_take(struct rd *r)
{
	uint8_t c = rd_u8(r);
	if (c < 0x80)
		return true;
	if (c < 0xc2 || c > 0xf4)
		return false;
	uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	for (int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1; more > 0; more--, low = 0x80, high = 0xbf) {
		if (r->left == 0 || rd_peek(r) < low || rd_peek(r) > high)
			return false;
		rd_skip(r, 1);
	}
	return true;
}

bool utf8_valid(struct span s)
{
	struct rd r = rd_from(s);
	while (r.left)
		if (!utf8_take(&r))
			return false;
	return true;
}

struct span utf8_repair(struct arena *a, struct span s)
{
	static const char replacement[] = "\xef\xbf\xbd";
	if (utf8_valid(s))
		return s;
	uint8_t *to = arena_alloc(a, 3 * s.n);
	struct wr w = wr_to(to, to ? 3 * s.n : 0);
	struct rd r = rd_from(s);
	while (r.left) {
		const uint8_t *from = r.p;
		if (utf8_take(&r))
			wr_bytes(&w, from, (size_t)(r.p - from));
		else
			wr_str(&w, replacement);
	}
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}

const char *url_public(struct arena *a, const char *text)
{
	const char *scheme = strstr(text, "://"), *start = scheme ? scheme + strlen("://") : text;
	const char *at = memrchr(start, '@', strcspn(start, "/?#"));
	const char *shown = at ? arena_fmt(a, "%.*s%s", (int)(start - text), text, at + 1) : text;
	return shown ? shown : "...";
}
