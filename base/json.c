#include "base/json.h"

#include "base/rd.h"
#include "base/text.h"

enum {
	DEPTH_MAX = 32,
	MEMBERS_MAX = 1024 /* per object: the search for repeated names is quadratic */
};

struct parser {
	struct arena *a;
	struct rd r;
	const uint8_t *start;
	struct diag *d;
	bool repeats; /* allowed */
};

static int bad(struct parser *ps, const char *why)
{
	return diag_fail(ps->d, ERR_INPUT, "invalid JSON at byte %zu: %s", (size_t)(ps->r.p - ps->start), why);
}

static int full(struct parser *ps)
{
	return diag_fail(ps->d, ERR_LIMIT, "JSON text needs more memory than this request may use");
}

static void skip_space(struct parser *ps)
{
	while (ps->r.left) {
		uint8_t c = rd_peek(&ps->r);
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		rd_skip(&ps->r, 1);
	}
}

static bool take(struct parser *ps, char c)
{
	if (!ps->r.left || rd_peek(&ps->r) != (uint8_t)c)
		return false;
	rd_skip(&ps->r, 1);
	return true;
}

static int hex4(struct parser *ps, uint32_t *v)
{
	uint8_t b[2];
	if (hex_decode(rd_bytes(&ps->r, 4), b, 2) != 2)
		return bad(ps, "\\u needs four hex digits");
	*v = (uint32_t)b[0] << 8 | b[1];
	return 0;
}

static size_t put_utf8(uint8_t *to, uint32_t v)
{
	if (v < 0x80) {
		to[0] = (uint8_t)v;
		return 1;
	}
	size_t more = v < 0x800 ? 1 : v < 0x10000 ? 2 : 3;
	static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
	to[0] = (uint8_t)(lead[more] | v >> (6 * more));
	for (size_t i = 1; i <= more; i++)
		to[i] = (uint8_t)(0x80 | (v >> (6 * (more - i)) & 0x3f));
	return more + 1;
}

static int unicode_escape(struct parser *ps, uint32_t *v)
{
	uint32_t low;
	int e = hex4(ps, v);
	if (e)
		return e;
	if (*v >= 0xdc00 && *v <= 0xdfff)
		return bad(ps, "lone surrogate");
	if (*v < 0xd800 || *v > 0xdbff)
		return 0;
	if (!take(ps, '\\') || !take(ps, 'u'))
		return bad(ps, "lone surrogate");
	if ((e = hex4(ps, &low)))
		return e;
	if (low < 0xdc00 || low > 0xdfff)
		return bad(ps, "lone surrogate");
	*v = 0x10000 + ((*v - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

/* After the opening quote. Decoded text is never longer than its source. */
static int string(struct parser *ps, struct span *out)
{
	const uint8_t *from = ps->r.p;
	bool escaped = false;
	while (ps->r.left && rd_peek(&ps->r) != '"') {
		uint8_t c = rd_u8(&ps->r);
		if (c < 0x20)
			return bad(ps, "control character in string");
		if (c == '\\') {
			escaped = true;
			rd_skip(&ps->r, 1);
		}
	}
	struct span raw = SPAN(from, (size_t)(ps->r.p - from));
	if (!take(ps, '"'))
		return bad(ps, "string without end");
	if (!utf8_valid(raw))
		return bad(ps, "string is not UTF-8");
	if (!escaped) {
		*out = raw;
		return 0;
	}

	uint8_t *to = arena_alloc(ps->a, raw.n);
	if (!to)
		return full(ps);
	struct parser in = *ps;
	in.r = rd_from(raw);
	size_t len = 0;
	while (in.r.left) {
		uint8_t c = rd_u8(&in.r);
		if (c != '\\') {
			to[len++] = c;
			continue;
		}
		static const char name[] = "\"\\/bfnrt", value[] = "\"\\/\b\f\n\r\t";
		c = rd_u8(&in.r);
		const char *at = c ? strchr(name, c) : NULL;
		uint32_t v;
		if (at) {
			to[len++] = (uint8_t)value[at - name];
		} else if (c == 'u') {
			int e = unicode_escape(&in, &v);
			if (e)
				return e;
			len += put_utf8(to + len, v);
		} else {
			return bad(&in, "unknown escape");
		}
	}
	*out = SPAN(to, len);
	return 0;
}

static bool digits(struct parser *ps)
{
	bool any = false;
	while (ps->r.left && rd_peek(&ps->r) >= '0' && rd_peek(&ps->r) <= '9') {
		rd_skip(&ps->r, 1);
		any = true;
	}
	return any;
}

static int number(struct parser *ps)
{
	(void)take(ps, '-');
	if (!take(ps, '0') && !digits(ps))
		return bad(ps, "expected a value");
	if (take(ps, '.') && !digits(ps))
		return bad(ps, "digits must follow the decimal point");
	if (take(ps, 'e') || take(ps, 'E')) {
		if (!take(ps, '+'))
			(void)take(ps, '-');
		if (!digits(ps))
			return bad(ps, "digits must follow the exponent mark");
	}
	return 0;
}

static int value(struct parser *ps, struct json *j, int depth);

static int container(struct parser *ps, struct json *j, int depth)
{
	bool object = j->type == JSON_OBJECT;
	const struct json **link = &j->kids;
	char end = object ? '}' : ']';

	if (depth == DEPTH_MAX)
		return bad(ps, "nested too deeply");
	skip_space(ps);
	if (take(ps, end))
		return 0;
	do {
		struct json *kid = arena_alloc(ps->a, sizeof *kid);
		if (!kid)
			return full(ps);
		int e;
		if (object) {
			if (j->count == MEMBERS_MAX)
				return bad(ps, "too many members in one object");
			skip_space(ps);
			if (!take(ps, '"'))
				return bad(ps, "expected a member name");
			if ((e = string(ps, &kid->key)))
				return e;
			for (const struct json *k = ps->repeats ? NULL : j->kids; k; k = k->next)
				if (span_eq(k->key, kid->key))
					return bad(ps, "repeated member name");
			skip_space(ps);
			if (!take(ps, ':'))
				return bad(ps, "expected ':'");
		}
		if ((e = value(ps, kid, depth + 1)))
			return e;
		*link = kid;
		link = &kid->next;
		j->count++;
		skip_space(ps);
	} while (take(ps, ','));
	return take(ps, end) ? 0 : bad(ps, object ? "expected ',' or '}'" : "expected ',' or ']'");
}

static bool word(struct parser *ps, const char *w)
{
	if (!span_starts(SPAN(ps->r.p, ps->r.left), w))
		return false;
	rd_skip(&ps->r, strlen(w));
	return true;
}

static int value(struct parser *ps, struct json *j, int depth)
{
	int e = 0;
	skip_space(ps);
	const uint8_t *from = ps->r.p;
	if (take(ps, '{')) {
		j->type = JSON_OBJECT;
		e = container(ps, j, depth);
	} else if (take(ps, '[')) {
		j->type = JSON_ARRAY;
		e = container(ps, j, depth);
	} else if (take(ps, '"')) {
		j->type = JSON_STRING;
		e = string(ps, &j->str);
	} else if (word(ps, "null")) {
		j->type = JSON_NULL;
	} else if (word(ps, "true")) {
		j->type = JSON_TRUE;
	} else if (word(ps, "false")) {
		j->type = JSON_FALSE;
	} else {
		j->type = JSON_NUMBER;
		e = number(ps);
	}
	j->raw = SPAN(from, (size_t)(ps->r.p - from));
	return e;
}

static int parse(struct arena *a, struct span text, bool repeats, const struct json **out, struct diag *d)
{
	struct parser ps = {a, rd_from(text), text.p, d, repeats};
	struct json *root = arena_alloc(a, sizeof *root);
	*out = NULL;
	if (!root)
		return full(&ps);
	int e = value(&ps, root, 0);
	if (e)
		return e;
	skip_space(&ps);
	if (ps.r.left)
		return bad(&ps, "text behind the value");
	*out = root;
	return 0;
}

int json_parse(struct arena *a, struct span text, const struct json **out, struct diag *d)
{
	return parse(a, text, false, out, d);
}

int json_parse_repeats(struct arena *a, struct span text, const struct json **out, struct diag *d)
{
	return parse(a, text, true, out, d);
}

size_t json_count(const struct json *j, const char *key)
{
	size_t n = 0;
	if (j && j->type == JSON_OBJECT)
		for (const struct json *k = j->kids; k; k = k->next)
			n += span_is(k->key, key);
	return n;
}

const struct json *json_get(const struct json *j, const char *key)
{
	if (!j || j->type != JSON_OBJECT)
		return NULL;
	for (const struct json *k = j->kids; k; k = k->next)
		if (span_is(k->key, key))
			return k;
	return NULL;
}

bool json_get_str(const struct json *j, const char *key, struct span *out)
{
	const struct json *v = json_get(j, key);
	if (!v || v->type != JSON_STRING)
		return false;
	*out = v->str;
	return true;
}

bool json_u64(const struct json *j, uint64_t *out)
{
	return j && j->type == JSON_NUMBER && parse_u64(j->raw, out);
}

bool json_get_u64(const struct json *j, const char *key, uint64_t *out)
{
	return json_u64(json_get(j, key), out);
}

bool json_bool(const struct json *j, bool *out)
{
	if (!j || (j->type != JSON_TRUE && j->type != JSON_FALSE))
		return false;
	*out = j->type == JSON_TRUE;
	return true;
}
