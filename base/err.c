#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char cut_mark[] = "...";

static void mark_cut(char *text)
{
	size_t at = DIAG_MAX - sizeof cut_mark;
	while (at > 0 && ((uint8_t)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, cut_mark, sizeof cut_mark);
}

void diag_clear(struct diag *d)
{
	if (d)
		d->text[0] = '\0';
}

void diag_set(struct diag *d, const char *fmt, ...)
{
	if (!d)
		return;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(d->text, sizeof d->text, fmt, ap);
	va_end(ap);
	if (n >= DIAG_MAX)
		mark_cut(d->text);
}

void diag_prefix(struct diag *d, const char *fmt, ...)
{
	if (!d)
		return;
	char inner[DIAG_MAX];
	memcpy(inner, d->text, sizeof inner);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(d->text, sizeof d->text, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= DIAG_MAX) {
		mark_cut(d->text);
		return;
	}
	if (inner[0] == '\0')
		return;
	int m = snprintf(d->text + n, sizeof d->text - (size_t)n, ": %s", inner);
	if (m < 0 || m >= DIAG_MAX - n)
		mark_cut(d->text);
}
