/* Messages as protobuf, proto3 (protocol section 2.7 and 2.10). */
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include "kms/wire/schema.h"

enum wire_type { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_GROUP = 3, WIRE_GROUP_END = 4, WIRE_I32 = 5 };
enum { GROUP_DEPTH_MAX = 32 };

static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = rd_u8(r);
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	rd_fail(r);
	return 0;
}

static uint64_t tag(struct rd *r, enum wire_type *type)
{
	uint64_t v = varint(r);
	*type = (enum wire_type)(v & 7);
	if (v > UINT32_MAX || v >> 3 == 0)
		rd_fail(r);
	return v >> 3;
}

static struct span length_delimited(struct rd *r)
{
	uint64_t n = varint(r);
	if (n > r->left)
		rd_fail(r);
	return rd_bytes(r, r->bad ? 0 : (size_t)n);
}

static void skip(struct rd *r, uint64_t number, enum wire_type type, unsigned depth)
{
	switch ((int)type) {
	case WIRE_VARINT:
		varint(r);
		return;
	case WIRE_I64:
		rd_skip(r, 8);
		return;
	case WIRE_I32:
		rd_skip(r, 4);
		return;
	case WIRE_LEN:
		length_delimited(r);
		return;
	case WIRE_GROUP:
		while (depth < GROUP_DEPTH_MAX && rd_ok(r)) {
			enum wire_type inner;
			uint64_t n = tag(r, &inner);
			if (inner == WIRE_GROUP_END && n == number)
				return;
			skip(r, n, inner, depth + 1);
		}
		break;
	default:
		break;
	}
	rd_fail(r);
}

static int read_message(const struct message *m, struct arena *a, struct rd r, void *out, struct diag *d);

/* Adds one item to a list: rare (answers of a peer only), so growing by copying is good enough. */
static void *list_add(struct arena *a, struct list *l, size_t size)
{
	uint8_t *items = arena_array(a, l->count + 1, size);
	if (!items)
		return NULL;
	if (l->count)
		memcpy(items, l->items, l->count * size);
	l->items = items;
	return items + l->count++ * size;
}

static int read_field(const struct field *f, enum wire_type type, struct arena *a, struct rd *r, void *out, struct diag *d)
{
	enum wire_type want =
		f->type == FIELD_U32 || f->type == FIELD_U64 || f->type == FIELD_OPT_U64 || f->type == FIELD_BOOL ? WIRE_VARINT : WIRE_LEN;
	if (type != want)
		return diag_fail(d, ERR_INPUT, "failed to decode Protobuf message: `%s`: invalid wire type", f->name);
	struct span s = {NULL, 0};
	uint64_t v = 0;
	if (want == WIRE_VARINT)
		v = varint(r);
	else
		s = length_delimited(r);
	if (!rd_ok(r))
		return diag_fail(d, ERR_INPUT, "failed to decode Protobuf message: `%s`: truncated or malformed", f->name);
	bool text = f->type == FIELD_STRING || f->type == FIELD_OPT_STRING || f->type == FIELD_STRINGS;
	if (text && !utf8_valid(s))
		return diag_fail(d, ERR_INPUT, "failed to decode Protobuf message: `%s`: invalid UTF-8", f->name);
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
	case FIELD_STRING:
	case FIELD_OPT_STRING:
		*(struct span *)out = s;
		return 0;
	case FIELD_U32:
		*(uint32_t *)out = (uint32_t)v;
		return 0;
	case FIELD_U64:
		*(uint64_t *)out = v;
		return 0;
	case FIELD_OPT_U64:
		*(struct optional_u64 *)out = (struct optional_u64){true, v};
		return 0;
	case FIELD_BOOL:
		*(bool *)out = v != 0;
		return 0;
	case FIELD_MESSAGE: {
		/* A repeated sub-message merges into the first. */
		void *sub = *(void **)out ? *(void **)out : arena_alloc(a, f->sub->size);
		*(void **)out = sub;
		return sub ? read_message(f->sub, a, rd_from(s), sub, d) : diag_fail(d, ERR_LIMIT, "message is too large");
	}
	case FIELD_STRINGS: {
		struct span *item = list_add(a, out, sizeof *item);
		if (!item)
			return diag_fail(d, ERR_LIMIT, "message is too large");
		*item = s;
		return 0;
	}
	case FIELD_MESSAGES: {
		void *item = list_add(a, out, f->sub->size);
		return item ? read_message(f->sub, a, rd_from(s), item, d) : diag_fail(d, ERR_LIMIT, "message is too large");
	}
	}
	return diag_fail(d, ERR_INTERNAL, "field of unknown type");
}

static int read_message(const struct message *m, struct arena *a, struct rd r, void *out, struct diag *d)
{
	while (rd_ok(&r) && r.left) {
		enum wire_type type;
		uint64_t number = tag(&r, &type);
		const struct field *f = NULL;
		for (size_t i = 0; i < m->count; i++)
			if (m->fields[i].number && m->fields[i].number == number)
				f = &m->fields[i];
		if (!rd_ok(&r))
			break;
		if (!f) {
			skip(&r, number, type, 0);
			continue;
		}
		int e = read_field(f, type, a, &r, field_out(out, f), d);
		if (e)
			return e;
	}
	return rd_ok(&r) ? 0 : diag_fail(d, ERR_INPUT, "failed to decode Protobuf message: truncated or malformed");
}

int message_from_proto(const struct message *m, struct arena *a, struct span bytes, void *out, struct diag *d)
{
	memset(out, 0, m->size);
	if (m->empty || bytes.n == 0)
		return 0;
	return read_message(m, a, rd_from(bytes), out, d);
}

/* --- writing ---------------------------------------------------------------------------------------------------------------------- */

static void put_varint(struct wr *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		wr_u8(w, (uint8_t)(v | 0x80));
	wr_u8(w, (uint8_t)v);
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;
	while (v >>= 7)
		n++;
	return n;
}

static size_t size_of(const struct message *m, const void *in);

/* Writes the field, or only counts its bytes when w is NULL. */
static size_t put_len(struct wr *w, const struct field *f, struct span s)
{
	if (w) {
		put_varint(w, (uint64_t)f->number << 3 | WIRE_LEN);
		put_varint(w, s.n);
		wr_put(w, s);
	}
	return varint_size((uint64_t)f->number << 3) + varint_size(s.n) + s.n;
}

static size_t put_number(struct wr *w, const struct field *f, uint64_t v)
{
	if (w) {
		put_varint(w, (uint64_t)f->number << 3 | WIRE_VARINT);
		put_varint(w, v);
	}
	return varint_size((uint64_t)f->number << 3) + varint_size(v);
}

static size_t put_message(const struct message *m, struct wr *w, const void *in);

static size_t put_sub(struct wr *w, const struct field *f, const void *sub)
{
	size_t n = size_of(f->sub, sub);
	if (w) {
		put_varint(w, (uint64_t)f->number << 3 | WIRE_LEN);
		put_varint(w, n);
		put_message(f->sub, w, sub);
	}
	return varint_size((uint64_t)f->number << 3) + varint_size(n) + n;
}

static size_t put_field(struct wr *w, const struct field *f, const void *v)
{
	const struct span *s = v;
	const struct list *l = v;
	const struct optional_u64 *o = v;
	size_t n = 0;
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
	case FIELD_STRING:
		return s->n ? put_len(w, f, *s) : 0;
	case FIELD_OPT_STRING:
		return s->p ? put_len(w, f, *s) : 0;
	case FIELD_U32:
		return *(const uint32_t *)v ? put_number(w, f, *(const uint32_t *)v) : 0;
	case FIELD_U64:
		return *(const uint64_t *)v ? put_number(w, f, *(const uint64_t *)v) : 0;
	case FIELD_OPT_U64:
		return o->set ? put_number(w, f, o->value) : 0;
	case FIELD_BOOL:
		return *(const bool *)v ? put_number(w, f, 1) : 0;
	case FIELD_MESSAGE:
		return *(const void *const *)v ? put_sub(w, f, *(const void *const *)v) : 0;
	case FIELD_STRINGS:
		for (size_t k = 0; k < l->count; k++)
			n += put_len(w, f, ((const struct span *)l->items)[k]);
		return n;
	case FIELD_MESSAGES:
		for (size_t k = 0; k < l->count; k++)
			n += put_sub(w, f, (const uint8_t *)l->items + k * f->sub->size);
		return n;
	}
	return 0;
}

static size_t put_message(const struct message *m, struct wr *w, const void *in)
{
	size_t n = 0;
	for (size_t i = 0; i < m->count; i++)
		if (m->fields[i].number)
			n += put_field(w, &m->fields[i], field_in(in, &m->fields[i]));
	return n;
}

static size_t size_of(const struct message *m, const void *in)
{
	return put_message(m, NULL, in);
}

struct span message_to_proto(const struct message *m, struct arena *a, const void *in)
{
	size_t cap = m->empty ? 0 : size_of(m, in);
	uint8_t *p = arena_alloc(a, cap);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, cap);
	if (!m->empty)
		put_message(m, &w, in);
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}
