/* Requests in a query string (protocol section 2.7, GET). */
#include "base/text.h"
#include "base/wr.h"
#include "kms/wire/form.h"
#include "kms/wire/schema.h"

bool form_next(struct rd *query, struct form_field *out)
{
	if (!query->left)
		return false;
	struct rd r = *query;
	size_t n = 0;
	while (r.left && rd_peek(&r) != '&') {
		rd_skip(&r, 1);
		n++;
	}
	struct span whole = rd_bytes(query, n);
	if (query->left)
		rd_skip(query, 1);
	size_t eq = 0;
	while (eq < whole.n && whole.p[eq] != '=')
		eq++;
	out->name = SPAN(whole.p, eq);
	out->value = eq < whole.n ? SPAN(whole.p + eq + 1, whole.n - eq - 1) : SPAN_LIT("");
	return true;
}

/* Percent-encoding and '+' undone; {NULL,0} if malformed or the arena is full. */
static struct span unescape(struct arena *a, struct span s)
{
	uint8_t *p = arena_alloc(a, s.n);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, s.n);
	struct rd r = rd_from(s);
	while (r.left) {
		uint8_t c = rd_u8(&r);
		if (c == '+')
			c = ' ';
		else if (c == '%' && hex_decode(rd_bytes(&r, 2), &c, 1) != 1)
			return SPAN(NULL, 0);
		wr_u8(&w, c);
	}
	return wr_ok(&w) ? SPAN(p, w.len) : SPAN(NULL, 0);
}

static int wrong(struct diag *d, const struct field *f)
{
	return diag_fail(d, ERR_INPUT, "invalid value for query field `%s`", f->name);
}

static int read_value(const struct field *f, struct arena *a, struct span text, void *out, struct diag *d)
{
	uint64_t n;
	switch ((enum field_type)f->type) {
	case FIELD_BYTES:
		while (span_starts(text, "0x"))
			text = SPAN(text.p + 2, text.n - 2);
		*(struct span *)out = hex_decode_in(a, text);
		return ((struct span *)out)->p ? 0 : wrong(d, f);
	case FIELD_STRING:
	case FIELD_OPT_STRING:
		*(struct span *)out = text;
		return utf8_valid(text) ? 0 : wrong(d, f);
	case FIELD_U32:
		if (!parse_u64(text, &n) || n > UINT32_MAX)
			return wrong(d, f);
		*(uint32_t *)out = (uint32_t)n;
		return 0;
	case FIELD_U64:
		return parse_u64(text, out) ? 0 : wrong(d, f);
	case FIELD_BOOL:
		*(bool *)out = span_is(text, "true");
		return *(bool *)out || span_is(text, "false") ? 0 : wrong(d, f);
	default: /* no request has nested or repeated fields */
		return wrong(d, f);
	}
}

int message_from_form(const struct message *m, struct arena *a, struct span query, void *out, struct diag *d)
{
	struct rd r = rd_from(query);
	struct form_field field;
	bool seen[MESSAGE_FIELDS_MAX] = {false};
	memset(out, 0, m->size);
	if (m->empty)
		return 0;
	while (form_next(&r, &field)) {
		struct span name = unescape(a, field.name);
		for (size_t i = 0; name.p && i < m->count; i++) {
			const struct field *f = &m->fields[i];
			if (!span_is(name, f->name))
				continue;
			if (seen[i])
				return diag_fail(d, ERR_INPUT, "query field `%s` is given twice", f->name);
			seen[i] = true;
			struct span value = unescape(a, field.value);
			if (!value.p)
				return wrong(d, f);
			int e = read_value(f, a, value, field_out(out, f), d);
			if (e)
				return e;
		}
	}
	return 0;
}
