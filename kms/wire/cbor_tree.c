#include "kms/wire/cbor_tree.h"

#include "base/rd.h"
#include "base/text.h"

/* Each key is compared with all before it in its map, so the work for keys has a bound of its own: 4096 short ones in one map. */
enum { DEPTH_MAX = 32, ITEMS_MAX = 65536, COMPARE_MAX = 1 << 26, COMPARE_COST = 8 };
enum { INDEFINITE = 31, BREAK = 0xff };

struct parse {
	struct rd r;
	struct arena *a;
	size_t items, compared; /* bytes */
	const char *why;        /* first complaint */
	bool full;
};

static struct cbt *complain(struct parse *p, const char *why)
{
	if (!p->why)
		p->why = why;
	rd_fail(&p->r);
	return NULL;
}

static struct cbt *item(struct parse *p, unsigned depth);

/* The argument of an initial byte with additional information info. */
static uint64_t argument(struct parse *p, unsigned info)
{
	switch (info) {
	case 24:
		return rd_u8(&p->r);
	case 25:
		return rd_u16be(&p->r);
	case 26:
		return rd_u32be(&p->r);
	case 27:
		return rd_u64be(&p->r);
	default:
		if (info > 27)
			complain(p, "reserved length");
		return info;
	}
}

static bool take_break(struct parse *p)
{
	if (p->r.left == 0 || rd_peek(&p->r) != BREAK)
		return false;
	rd_skip(&p->r, 1);
	return true;
}

static struct span chunk(struct parse *p, enum cbt_type type, unsigned info)
{
	uint64_t n = argument(p, info);
	struct span s = rd_bytes(&p->r, n > SIZE_MAX ? SIZE_MAX : (size_t)n);
	if (rd_ok(&p->r) && type == CBT_TEXT && !utf8_valid(s))
		complain(p, "text is not UTF-8");
	return s;
}

static struct span string(struct parse *p, enum cbt_type type, unsigned info)
{
	if (info != INDEFINITE)
		return chunk(p, type, info);
	/* two walks: how long is it, then copy */
	struct rd start = p->r;
	uint8_t *joined = NULL;
	size_t total = 0;
	for (int copy = 0; copy < 2; copy++) {
		size_t at = 0;
		p->r = start;
		while (rd_ok(&p->r) && !take_break(p)) {
			uint8_t first = rd_u8(&p->r);
			if (first >> 5 != (unsigned)type || (first & 31) == INDEFINITE) {
				complain(p, "wrong chunk in a string");
				break;
			}
			struct span s = chunk(p, type, first & 31);
			if (copy && s.n)
				memcpy(joined + at, s.p, s.n);
			at += s.n;
		}
		if (!rd_ok(&p->r))
			return SPAN(NULL, 0);
		if (!copy) {
			total = at;
			joined = arena_alloc(p->a, total);
			if (!joined) {
				p->full = true;
				complain(p, "no room");
				return SPAN(NULL, 0);
			}
		}
	}
	return SPAN(joined, total);
}

static bool same_key(const struct cbt *a, const struct cbt *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case CBT_UINT:
	case CBT_NEGATIVE:
		return a->value == b->value;
	case CBT_BYTES:
	case CBT_TEXT:
		return span_eq(a->str, b->str);
	default:
		return span_eq(a->raw, b->raw);
	}
}

/* true, with a complaint, if the map has that key already or if it cannot be told for so many. */
static bool key_again(struct parse *p, const struct cbt *map, const struct cbt *key)
{
	for (const struct cbt *k = map->kids; k; k = k->next) {
		bool strings = k->key->str.n == key->str.n, others = k->key->raw.n == key->raw.n;
		p->compared += COMPARE_COST + (strings ? key->str.n : 0) + (others ? key->raw.n : 0);
		if (p->compared > COMPARE_MAX)
			return !complain(p, "too many keys");
		if (same_key(k->key, key))
			return !complain(p, "repeated key");
	}
	return false;
}

static void children(struct parse *p, struct cbt *n, unsigned info, unsigned depth)
{
	bool open = info == INDEFINITE, is_map = n->type == CBT_MAP;
	uint64_t want = open ? UINT64_MAX : argument(p, info);
	if (!open && want > p->r.left) {
		complain(p, "ends early");
		return;
	}
	const struct cbt **tail = &n->kids;
	while (n->count < want && rd_ok(&p->r)) {
		if (open && take_break(p))
			break;
		struct cbt *key = is_map ? item(p, depth + 1) : NULL;
		if (is_map && !key)
			return;
		if (key && key_again(p, n, key))
			return;
		struct cbt *kid = item(p, depth + 1);
		if (!kid)
			return;
		kid->key = key;
		*tail = kid;
		tail = &kid->next;
		n->count++;
	}
}

static struct cbt *item(struct parse *p, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return complain(p, "nested too deep");
	if (++p->items > ITEMS_MAX)
		return complain(p, "too many items");
	struct cbt *n = arena_alloc(p->a, sizeof *n);
	if (!n) {
		p->full = true;
		return complain(p, "no room");
	}
	struct rd start = p->r;
	uint8_t first = rd_u8(&p->r);
	unsigned info = first & 31;
	n->type = (enum cbt_type)(first >> 5);
	switch (n->type) {
	case CBT_UINT:
	case CBT_NEGATIVE:
		n->value = argument(p, info);
		break;
	case CBT_BYTES:
	case CBT_TEXT:
		n->str = string(p, n->type, info);
		break;
	case CBT_ARRAY:
	case CBT_MAP:
		children(p, n, info, depth);
		break;
	case CBT_TAGGED:
		n->value = argument(p, info);
		n->kids = item(p, depth + 1);
		n->count = 1;
		break;
	case CBT_SIMPLE:
		if (info == INDEFINITE)
			return complain(p, "break outside an indefinite item");
		n->value = argument(p, info);
		if (info == 24 && n->value < 32)
			return complain(p, "simple value in two bytes");
		if (info > 24)
			n->value = info;
		break;
	}
	if (!rd_ok(&p->r))
		return complain(p, "ends early");
	n->raw = rd_bytes(&start, start.left - p->r.left);
	return n;
}

int cbt_parse(struct arena *a, struct span in, const struct cbt **out, struct diag *d)
{
	struct parse p = {.r = rd_from(in), .a = a};

	struct cbt *n = item(&p, 0);
	if (p.full)
		return diag_fail(d, ERR_LIMIT, "invalid CBOR: no memory left for it");
	if (!n)
		return diag_fail(d, ERR_INPUT, "invalid CBOR: %s", p.why);
	if (p.r.left)
		return diag_fail(d, ERR_INPUT, "invalid CBOR: %zu bytes left over", p.r.left);
	*out = n;
	return 0;
}

size_t cbt_length(struct arena *a, struct span in)
{
	struct parse p = {.r = rd_from(in), .a = a};
	return item(&p, 0) ? in.n - p.r.left : 0;
}

const struct cbt *cbt_get(const struct cbt *map, const char *key)
{
	if (!map || map->type != CBT_MAP)
		return NULL;
	for (const struct cbt *k = map->kids; k; k = k->next)
		if (k->key->type == CBT_TEXT && span_is(k->key->str, key))
			return k;
	return NULL;
}

const struct cbt *cbt_get_int(const struct cbt *map, int64_t key)
{
	if (!map || map->type != CBT_MAP)
		return NULL;
	enum cbt_type type = key < 0 ? CBT_NEGATIVE : CBT_UINT;
	uint64_t value = key < 0 ? (uint64_t)(-1 - key) : (uint64_t)key;
	for (const struct cbt *k = map->kids; k; k = k->next)
		if (k->key->type == type && k->key->value == value)
			return k;
	return NULL;
}
