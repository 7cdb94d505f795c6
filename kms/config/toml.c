#include "kms/config/toml.h"

#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"

enum { DEPTH_MAX = 8, KEYS_MAX = 4096 };

/* A node under construction; struct json must come first, so that the finished tree is read as JSON. */
struct node {
	struct json json;
	struct node *last; /* last child */
	bool defined;      /* a table that had its own header, or a value */
};

struct parser {
	struct arena *a;
	struct rd r;
	unsigned line;
	unsigned keys;
	struct diag *d;
};

static int bad(struct parser *p, const char *why)
{
	return diag_fail(p->d, ERR_INPUT, "line %u: %s", p->line, why);
}

static int next(const struct parser *p)
{
	return p->r.left ? rd_peek(&p->r) : -1;
}

static bool take(struct parser *p, char c)
{
	if (next(p) != (uint8_t)c)
		return false;
	rd_skip(&p->r, 1);
	return true;
}

static void blanks(struct parser *p)
{
	while (next(p) == ' ' || next(p) == '\t')
		rd_skip(&p->r, 1);
}

/* Blanks, a comment and the end of the line. */
static int line_end(struct parser *p)
{
	blanks(p);
	if (next(p) == '#')
		while (p->r.left && next(p) != '\n')
			rd_skip(&p->r, 1);
	take(p, '\r');
	if (!p->r.left)
		return 0;
	if (!take(p, '\n'))
		return bad(p, "unexpected text behind the value");
	p->line++;
	return 0;
}

/* Blanks, comments and line ends, inside arrays. */
static int gap(struct parser *p)
{
	for (;;) {
		blanks(p);
		if (next(p) != '#' && next(p) != '\r' && next(p) != '\n')
			return 0;
		int e = line_end(p);
		if (e)
			return e;
	}
}

static struct node *new_node(struct parser *p, struct node *parent, enum json_type type, struct span key)
{
	struct node *n = ++p->keys > KEYS_MAX ? NULL : arena_alloc(p->a, sizeof *n);
	if (!n)
		return NULL;
	n->json.type = type;
	n->json.key = key;
	if (parent) {
		if (parent->last)
			parent->last->json.next = &n->json;
		else
			parent->json.kids = &n->json;
		parent->last = n;
		parent->json.count++;
	}
	return n;
}

static int full(struct parser *p)
{
	return diag_fail(p->d, ERR_LIMIT, "line %u: the file is too large", p->line);
}

static struct node *child(const struct node *parent, struct span key)
{
	const struct json *k = parent->json.kids;
	while (k && !span_eq(k->key, key))
		k = k->next;
	return (struct node *)k;
}

/* --- strings and keys ------------------------------------------------------------------------------------------------------------- */

static int escape(struct parser *p, struct wr *w)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	uint8_t c = rd_u8(&p->r), b[4] = {0};
	const char *at = c ? strchr(from, c) : NULL;
	if (at) {
		wr_u8(w, (uint8_t)to[at - from]);
		return 0;
	}
	size_t n = c == 'u' ? 2 : c == 'U' ? 4 : 0;
	if (!n || hex_decode(rd_bytes(&p->r, 2 * n), b + 4 - n, n) != (int)n)
		return bad(p, "unknown escape in string");
	uint32_t v = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return bad(p, "escape is no Unicode scalar value");
	if (v < 0x80) {
		wr_u8(w, (uint8_t)v);
	} else if (v < 0x800) {
		wr_u8(w, (uint8_t)(0xc0 | v >> 6));
		wr_u8(w, (uint8_t)(0x80 | (v & 63)));
	} else {
		if (v < 0x10000) {
			wr_u8(w, (uint8_t)(0xe0 | v >> 12));
		} else {
			wr_u8(w, (uint8_t)(0xf0 | v >> 18));
			wr_u8(w, (uint8_t)(0x80 | (v >> 12 & 63)));
		}
		wr_u8(w, (uint8_t)(0x80 | (v >> 6 & 63)));
		wr_u8(w, (uint8_t)(0x80 | (v & 63)));
	}
	return 0;
}

static int string(struct parser *p, struct span *out)
{
	uint8_t quote = rd_u8(&p->r);
	struct rd ahead = p->r;
	const uint8_t triple[] = {quote, quote};
	if (span_eq(rd_bytes(&ahead, 2), SPAN_ARR(triple)))
		return bad(p, "multi-line strings are not supported");
	size_t room = 0;
	for (ahead = p->r; ahead.left && rd_peek(&ahead) != '\n'; room++)
		rd_skip(&ahead, 1);
	uint8_t *buf = arena_alloc(p->a, room + 4);
	if (!buf)
		return full(p);
	struct wr w = wr_to(buf, room + 4);
	while (next(p) != quote) {
		if (next(p) < 0x20 && next(p) != '\t')
			return bad(p, "string does not end on its line, or has a control character");
		uint8_t c = rd_u8(&p->r);
		if (c == '\\' && quote == '"') {
			int e = escape(p, &w);
			if (e)
				return e;
		} else {
			wr_u8(&w, c);
		}
	}
	rd_skip(&p->r, 1);
	*out = wr_span(&w);
	return wr_ok(&w) && utf8_valid(*out) ? 0 : bad(p, "string is not UTF-8");
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int key(struct parser *p, struct span *out)
{
	if (next(p) == '"' || next(p) == '\'')
		return string(p, out);
	const uint8_t *from = p->r.p;
	size_t n = 0;
	for (; is_bare(next(p)); n++)
		rd_skip(&p->r, 1);
	*out = SPAN(from, n);
	return n ? 0 : bad(p, "expected a key");
}

/* a.b.c: walks or makes the tables in front of the last part. */
static int dotted(struct parser *p, struct node *from, struct node **table, struct span *last)
{
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		int e = key(p, last);
		if (e)
			return e;
		blanks(p);
		if (!take(p, '.')) {
			*table = from;
			return 0;
		}
		blanks(p);
		struct node *next_table = child(from, *last);
		if (!next_table && !(next_table = new_node(p, from, JSON_OBJECT, *last)))
			return full(p);
		if (next_table->json.type != JSON_OBJECT)
			return bad(p, "a value is used as a table");
		from = next_table;
	}
	return bad(p, "too many parts in a key");
}

/* --- values ----------------------------------------------------------------------------------------------------------------------- */

static int value(struct parser *p, struct node *parent, struct span name, unsigned depth);

static int pair(struct parser *p, struct node *table, unsigned depth)
{
	struct node *in;
	struct span name;
	int e = dotted(p, table, &in, &name);
	if (e)
		return e;
	if (!take(p, '='))
		return bad(p, "expected '=' behind the key");
	blanks(p);
	if (child(in, name))
		return bad(p, "a key is given twice");
	return value(p, in, name, depth);
}

static int array(struct parser *p, struct node *n, unsigned depth)
{
	rd_skip(&p->r, 1);
	for (;;) {
		int e = gap(p);
		if (e)
			return e;
		if (take(p, ']'))
			return 0;
		if ((e = value(p, n, SPAN(NULL, 0), depth)) || (e = gap(p)))
			return e;
		if (!take(p, ',') && next(p) != ']')
			return bad(p, "expected ',' or ']' in a list");
	}
}

static int inline_table(struct parser *p, struct node *n, unsigned depth)
{
	rd_skip(&p->r, 1);
	blanks(p);
	if (take(p, '}'))
		return 0;
	for (;;) {
		blanks(p);
		int e = pair(p, n, depth);
		if (e)
			return e;
		blanks(p);
		if (take(p, '}'))
			return 0;
		if (!take(p, ','))
			return bad(p, "expected ',' or '}' in a table");
	}
}

/* true, false, or a decimal integer; underscores between digits are dropped. */
static int word(struct parser *p, struct node *n)
{
	const uint8_t *from = p->r.p;
	size_t len = 0;
	for (; is_bare(next(p)) || next(p) == '.' || next(p) == '+' || next(p) == ':'; len++)
		rd_skip(&p->r, 1);
	struct span w = SPAN(from, len);
	n->json.raw = w;
	if (span_is(w, "true") || span_is(w, "false")) {
		n->json.type = w.p[0] == 't' ? JSON_TRUE : JSON_FALSE;
		return 0;
	}
	uint8_t *digits = arena_alloc(p->a, len);
	if (!digits)
		return full(p);
	struct wr out = wr_to(digits, len);
	size_t at = len && (w.p[0] == '-' || w.p[0] == '+');
	if (at && w.p[0] == '-')
		wr_u8(&out, '-');
	size_t first = at;
	for (; at < len; at++) {
		bool digit = w.p[at] >= '0' && w.p[at] <= '9';
		bool between = w.p[at] == '_' && at > first && w.p[at - 1] != '_' && at + 1 < len;
		if (!digit && !between)
			return bad(p, "expected a text in quotes, an integer, true or false");
		if (digit)
			wr_u8(&out, w.p[at]);
	}
	if (first == len || (len - first > 1 && w.p[first] == '0'))
		return bad(p, "expected a text in quotes, an integer, true or false");
	n->json.type = JSON_NUMBER;
	n->json.raw = wr_span(&out);
	return 0;
}

static int value(struct parser *p, struct node *parent, struct span name, unsigned depth)
{
	if (depth >= DEPTH_MAX)
		return bad(p, "lists and tables are nested too deep");
	struct node *n = new_node(p, parent, JSON_NULL, name);
	if (!n)
		return full(p);
	n->defined = true;
	switch (next(p)) {
	case '"':
	case '\'':
		n->json.type = JSON_STRING;
		return string(p, &n->json.str);
	case '[':
		n->json.type = JSON_ARRAY;
		return array(p, n, depth + 1);
	case '{':
		n->json.type = JSON_OBJECT;
		return inline_table(p, n, depth + 1);
	default:
		return word(p, n);
	}
}

/* --- lines ------------------------------------------------------------------------------------------------------------------------ */

static int header(struct parser *p, struct node *root, struct node **table)
{
	struct span name;
	struct node *in;
	rd_skip(&p->r, 1);
	if (next(p) == '[')
		return bad(p, "arrays of tables are not supported");
	blanks(p);
	int e = dotted(p, root, &in, &name);
	if (e)
		return e;
	if (!take(p, ']'))
		return bad(p, "expected ']' behind the table's name");
	*table = child(in, name);
	if (!*table && !(*table = new_node(p, in, JSON_OBJECT, name)))
		return full(p);
	if ((*table)->json.type != JSON_OBJECT || (*table)->defined)
		return bad(p, "a table is given twice");
	(*table)->defined = true;
	return 0;
}

int toml_parse(struct arena *a, struct span text, const struct json **out, struct diag *d)
{
	struct parser p = {.a = a, .r = rd_from(text), .line = 1, .d = d};
	struct node *root = new_node(&p, NULL, JSON_OBJECT, SPAN(NULL, 0)), *table = root;
	if (!root)
		return full(&p);
	while (p.r.left) {
		int e = 0;
		blanks(&p);
		if (next(&p) == '[')
			e = header(&p, root, &table);
		else if (p.r.left && next(&p) != '#' && next(&p) != '\n' && next(&p) != '\r')
			e = pair(&p, table, 0);
		if (e || (e = line_end(&p)))
			return e;
	}
	*out = &root->json;
	return 0;
}
