/* Messages as JSON (protocol section 2.10). */
#include "base/json.h"
#include "base/text.h"
#include "kms/wire/json_out.h"
#include "kms/wire/schema.h"

/* --- reading ---------------------------------------------------------------------------------------------------------------------- */

static int wrong(struct diag *d, const struct field *f, const char *expected)
{
	return diag_fail(d, ERR_INPUT, "invalid value for `%s`: expected %s", f->name, expected);
}

static int read_bytes(const struct field *f, struct arena *a, const struct json *j, struct span *out, struct diag *d)
{
	if (j->type != JSON_STRING)
		return wrong(d, f, "a hex string");
	struct span text = j->str;
	while (span_starts(text, "0x"))
		text = SPAN(text.p + 2, text.n - 2);
	*out = hex_decode_in(a, text);
	return out->p ? 0 : wrong(d, f, "a hex string");
}

static int read_object(const struct message *m, struct arena *a, const struct json *j, void *out, struct diag *d);

static int read_list(const struct field *f, struct arena *a, const struct json *j, struct list *out, struct diag *d)
{
	bool strings = f->type == FIELD_STRINGS;
	size_t size = strings ? sizeof(struct span) : f->sub->size;
	if (j->type != JSON_ARRAY)
		return wrong(d, f, "an array");
	uint8_t *items = arena_array(a, j->count, size);
	if (!items)
		return diag_fail(d, ERR_LIMIT, "message is too large");
	size_t i = 0;
	for (const struct json *k = j->kids; k; k = k->next, i++) {
		if (!strings) {
			int e = read_object(f->sub, a, k, items + i * size, d);
			if (e)
				return e;
		} else if (k->type == JSON_STRING) {
			memcpy(items + i * size, &k->str, size);
		} else {
			return wrong(d, f, "an array of strings");
		}
	}
	*out = (struct list){items, i};
	return 0;
}

static int read_value(const struct field *f, struct arena *a, const struct json *j, void *out, struct diag *d)
{
	uint64_t n;
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
		return read_bytes(f, a, j, out, d);
	case FIELD_OPT_STRING:
		if (j->type == JSON_NULL)
			return 0;
		/* fall through */
	case FIELD_STRING:
		if (j->type != JSON_STRING)
			return wrong(d, f, "a string");
		*(struct span *)out = j->str.p ? j->str : SPAN_LIT("");
		return 0;
	case FIELD_U32:
		if (!json_u64(j, &n) || n > UINT32_MAX)
			return wrong(d, f, "an unsigned 32-bit number");
		*(uint32_t *)out = (uint32_t)n;
		return 0;
	case FIELD_U64:
		return json_u64(j, out) ? 0 : wrong(d, f, "an unsigned 64-bit number");
	case FIELD_OPT_U64:
		if (j->type == JSON_NULL)
			return 0;
		((struct optional_u64 *)out)->set = true;
		return json_u64(j, &((struct optional_u64 *)out)->value) ? 0 : wrong(d, f, "an unsigned 64-bit number");
	case FIELD_BOOL:
		return json_bool(j, out) ? 0 : wrong(d, f, "true or false");
	case FIELD_MESSAGE: {
		if (j->type == JSON_NULL)
			return 0;
		void *sub = arena_alloc(a, f->sub->size);
		if (!sub)
			return diag_fail(d, ERR_LIMIT, "message is too large");
		*(const void **)out = sub;
		return read_object(f->sub, a, j, sub, d);
	}
	case FIELD_STRINGS:
	case FIELD_MESSAGES:
		return read_list(f, a, j, out, d);
	}
	return diag_fail(d, ERR_INTERNAL, "field of unknown type");
}

static int read_object(const struct message *m, struct arena *a, const struct json *j, void *out, struct diag *d)
{
	if (j->type != JSON_OBJECT)
		return diag_fail(d, ERR_INPUT, "invalid %s: expected an object", m->name);
	memset(out, 0, m->size);
	bool seen[MESSAGE_FIELDS_MAX] = {false};
	/* One pass over the members: a request may carry any number of unknown ones. */
	for (const struct json *k = j->kids; k; k = k->next) {
		for (size_t i = 0; i < m->count; i++) {
			const struct field *f = &m->fields[i];
			if (!span_is(k->key, f->name))
				continue;
			if (seen[i])
				return diag_fail(d, ERR_INPUT, "duplicate field `%s`", f->name);
			seen[i] = true;
			int e = read_value(f, a, k, field_out(out, f), d);
			if (e)
				return e;
		}
	}
	return 0;
}

int message_from_json(const struct message *m, struct arena *a, struct span text, void *out, struct diag *d)
{
	const struct json *j;
	memset(out, 0, m->size);
	if (m->empty || text.n == 0)
		return 0;
	int e = json_parse_repeats(a, text, &j, d);
	return e ? e : read_object(m, a, j, out, d);
}

/* --- writing ---------------------------------------------------------------------------------------------------------------------- */

static size_t bound(const struct message *m, const void *in)
{
	size_t n = 8;
	for (size_t i = 0; i < m->count; i++) {
		const struct field *f = &m->fields[i];
		const void *v = field_in(in, f);
		const struct list *l = v;
		n += strlen(f->name) + 32;
		switch ((enum field_type)f->type) {
		case FIELD_BYTES:
			n += 2 * ((const struct span *)v)->n;
			break;
		case FIELD_STRING:
		case FIELD_OPT_STRING:
			n += 6 * ((const struct span *)v)->n;
			break;
		case FIELD_MESSAGE:
			n += *(const void *const *)v ? bound(f->sub, *(const void *const *)v) : 0;
			break;
		case FIELD_STRINGS:
			for (size_t k = 0; k < l->count; k++)
				n += 8 + 6 * ((const struct span *)l->items)[k].n;
			break;
		case FIELD_MESSAGES:
			for (size_t k = 0; k < l->count; k++)
				n += 8 + bound(f->sub, (const uint8_t *)l->items + k * f->sub->size);
			break;
		default:
			break;
		}
	}
	return n;
}

static void write_object(const struct message *m, struct wr *w, const void *in);

static void write_value(const struct field *f, struct wr *w, const void *v)
{
	const struct span *s = v;
	const struct list *l = v;
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
		wr_u8(w, '"');
		wr_hex(w, *s);
		wr_u8(w, '"');
		break;
	case FIELD_OPT_STRING:
		if (!s->p) {
			wr_str(w, "null");
			break;
		}
		/* fall through */
	case FIELD_STRING:
		json_out_string(w, *s);
		break;
	case FIELD_U32:
		wr_fmt(w, "%u", *(const uint32_t *)v);
		break;
	case FIELD_U64:
		wr_fmt(w, "%llu", (unsigned long long)*(const uint64_t *)v);
		break;
	case FIELD_OPT_U64:
		if (((const struct optional_u64 *)v)->set)
			wr_fmt(w, "%llu", (unsigned long long)((const struct optional_u64 *)v)->value);
		else
			wr_str(w, "null");
		break;
	case FIELD_BOOL:
		wr_str(w, *(const bool *)v ? "true" : "false");
		break;
	case FIELD_MESSAGE:
		if (*(const void *const *)v)
			write_object(f->sub, w, *(const void *const *)v);
		else
			wr_str(w, "null");
		break;
	case FIELD_STRINGS:
	case FIELD_MESSAGES:
		wr_u8(w, '[');
		for (size_t k = 0; k < l->count; k++) {
			if (k)
				wr_u8(w, ',');
			if (f->type == FIELD_STRINGS)
				json_out_string(w, ((const struct span *)l->items)[k]);
			else
				write_object(f->sub, w, (const uint8_t *)l->items + k * f->sub->size);
		}
		wr_u8(w, ']');
		break;
	}
}

static void write_object(const struct message *m, struct wr *w, const void *in)
{
	wr_u8(w, '{');
	for (size_t i = 0; i < m->count; i++) {
		const struct field *f = &m->fields[i];
		wr_fmt(w, "%s\"%s\":", i ? "," : "", f->name);
		write_value(f, w, field_in(in, f));
	}
	wr_u8(w, '}');
}

struct span message_to_json(const struct message *m, struct arena *a, const void *in)
{
	if (m->empty)
		return SPAN_LIT("null");
	size_t cap = bound(m, in);
	uint8_t *p = arena_alloc(a, cap);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, cap);
	write_object(m, &w, in);
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}
