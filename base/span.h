/* A borrowed run of bytes. The owner is named by whoever hands one out. */
#ifndef UKMS_BASE_SPAN_H
#define UKMS_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

#define SPAN(ptr, len) ((struct span){(const uint8_t *)(ptr), (len)})
#define SPAN_LIT(lit)  ((struct span){(const uint8_t *)(lit), sizeof(lit) - 1})
#define SPAN_STR(str)  ((struct span){(const uint8_t *)(str), strlen(str)})
#define SPAN_ARR(arr)  ((struct span){(const uint8_t *)(arr), sizeof(arr)})

/* printf arguments for "%.*s" */
#define SPAN_FMT(s) (int)(s).n, (const char *)(s).p

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
	return span_eq(a, SPAN_STR(text));
}

static inline bool span_starts(struct span a, const char *text)
{
	size_t n = strlen(text);
	return a.n >= n && memcmp(a.p, text, n) == 0;
}

#endif
