#include "base/wr.h"

#include <stdarg.h>
#include <stdio.h>

static uint8_t *room(struct wr *w, size_t n)
{
	if (w->full || n > w->cap - w->len) {
		w->full = true;
		return NULL;
	}
	uint8_t *p = w->p + w->len;
	w->len += n;
	return p;
}

void wr_bytes(struct wr *w, const void *p, size_t n)
{
	uint8_t *to = room(w, n);
	if (to && n > 0)
		memcpy(to, p, n);
}

void wr_put(struct wr *w, struct span s)
{
	wr_bytes(w, s.p, s.n);
}

void wr_str(struct wr *w, const char *s)
{
	wr_bytes(w, s, strlen(s));
}

void wr_zero(struct wr *w, size_t n)
{
	uint8_t *to = room(w, n);
	if (to && n > 0)
		memset(to, 0, n);
}

static void le(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *to = room(w, n);
	for (size_t i = 0; to && i < n; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static void be(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *to = room(w, n);
	for (size_t i = 0; to && i < n; i++)
		to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void wr_u8(struct wr *w, uint8_t v)
{
	le(w, v, 1);
}

void wr_u16le(struct wr *w, uint16_t v)
{
	le(w, v, 2);
}

void wr_u32le(struct wr *w, uint32_t v)
{
	le(w, v, 4);
}

void wr_u64le(struct wr *w, uint64_t v)
{
	le(w, v, 8);
}

void wr_u16be(struct wr *w, uint16_t v)
{
	be(w, v, 2);
}

void wr_u24be(struct wr *w, uint32_t v)
{
	be(w, v, 3);
}

void wr_u32be(struct wr *w, uint32_t v)
{
	be(w, v, 4);
}

void wr_u64be(struct wr *w, uint64_t v)
{
	be(w, v, 8);
}

void wr_hex(struct wr *w, struct span s)
{
	static const char digit[] = "0123456789abcdef";
	if (s.n > SIZE_MAX / 2) {
		w->full = true;
		return;
	}
	uint8_t *to = room(w, 2 * s.n);
	for (size_t i = 0; to && i < s.n; i++) {
		to[2 * i] = (uint8_t)digit[s.p[i] >> 4];
		to[2 * i + 1] = (uint8_t)digit[s.p[i] & 15];
	}
}

void wr_fmt(struct wr *w, const char *fmt, ...)
{
	if (w->full)
		return;
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char text[1024];
	if (n < 0 || (size_t)n >= sizeof text)
		w->full = true;
	else
		vsnprintf(text, sizeof text, fmt, again);
	va_end(again);
	if (!w->full)
		wr_bytes(w, text, (size_t)n);
}
