#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/wipe.h"

enum { ALIGN = 16 };

int arena_open(struct arena *a, size_t cap)
{
	void *p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		*a = arena_over(NULL, 0);
		return ERR_LIMIT;
	}
	*a = arena_over(p, cap);
	return 0;
}

void arena_close(struct arena *a)
{
	if (!a->p)
		return;
	wipe(a->p, a->used);
	munmap(a->p, a->cap);
	*a = arena_over(NULL, 0);
}

void arena_reset(struct arena *a)
{
	wipe(a->p, a->used);
	a->used = 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
	uintptr_t at = (uintptr_t)a->p + a->used;
	size_t pad = (size_t)(-at) & (ALIGN - 1);
	size_t left = a->cap - a->used;
	if (!a->p || pad > left || n > left - pad)
		return NULL;
	uint8_t *to = a->p + a->used + pad;
	a->used += pad + n;
	if (n > 0)
		memset(to, 0, n);
	return to;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, count * size);
}

struct span arena_dup(struct arena *a, struct span s)
{
	uint8_t *to = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
	if (!to)
		return (struct span){NULL, 0};
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return (struct span){to, s.n};
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *to = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
	if (to)
		vsnprintf(to, (size_t)n + 1, fmt, again);
	va_end(again);
	return to;
}
