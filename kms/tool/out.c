#include "kms/tool/out.h"

#include <time.h>

#include "base/text.h"
#include "kms/wire/json_out.h"

static void begin(struct out *o, const char *key)
{
	if (o->used & 1u << o->depth)
		wr_u8(&o->w, ',');
	o->used |= 1u << o->depth;
	if (key) {
		json_out_string(&o->w, SPAN_STR(key));
		wr_u8(&o->w, ':');
	}
}

static void deeper(struct out *o, bool array)
{
	o->depth++;
	o->used &= ~(1u << o->depth);
	o->arrays = array ? o->arrays | 1u << o->depth : o->arrays & ~(1u << o->depth);
}

void out_open(struct out *o, const char *key)
{
	begin(o, key);
	wr_u8(&o->w, '{');
	deeper(o, false);
}

void out_open_array(struct out *o, const char *key)
{
	begin(o, key);
	wr_u8(&o->w, '[');
	deeper(o, true);
}

void out_close(struct out *o)
{
	wr_u8(&o->w, o->arrays & 1u << o->depth ? ']' : '}');
	o->depth--;
}

void out_text(struct out *o, const char *key, struct span text)
{
	begin(o, key);
	if (utf8_valid(text)) {
		json_out_string(&o->w, text);
		return;
	}
	/* an answer is UTF-8 whatever the evidence holds */
	wr_u8(&o->w, '"');
	for (size_t i = 0; i < text.n; i++)
		wr_u8(&o->w, text.p[i] >= ' ' && text.p[i] <= '~' && text.p[i] != '"' && text.p[i] != '\\' ? text.p[i] : '?');
	wr_u8(&o->w, '"');
}

void out_hex(struct out *o, const char *key, struct span bytes)
{
	begin(o, key);
	wr_u8(&o->w, '"');
	wr_hex(&o->w, bytes);
	wr_u8(&o->w, '"');
}

void out_u64(struct out *o, const char *key, uint64_t v)
{
	begin(o, key);
	wr_fmt(&o->w, "%llu", (unsigned long long)v);
}

void out_bool(struct out *o, const char *key, bool v)
{
	begin(o, key);
	wr_str(&o->w, v ? "true" : "false");
}

void out_null(struct out *o, const char *key)
{
	begin(o, key);
	wr_str(&o->w, "null");
}

void out_raw(struct out *o, const char *key, struct span json)
{
	begin(o, key);
	wr_put(&o->w, json);
}

void out_time(struct out *o, const char *key, int64_t t)
{
	char text[64];
	struct tm tm;
	time_t at = (time_t)t;
	if (gmtime_r(&at, &tm))
		out_text(o, key, SPAN(text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &tm)));
	else
		out_null(o, key);
}
