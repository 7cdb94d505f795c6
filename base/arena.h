/* A bounded arena: one block, bump allocation, freed (and wiped) as one. All memory of one request comes from its arena. */
#ifndef UKMS_BASE_ARENA_H
#define UKMS_BASE_ARENA_H

#include "base/span.h"

struct arena {
	uint8_t *p;
	size_t cap;
	size_t used;
};

/* Over a block that the caller owns. */
static inline struct arena arena_over(void *block, size_t cap)
{
	return (struct arena){(uint8_t *)block, cap, 0};
}

/* Maps cap bytes from the system (untouched pages cost nothing). 0, or ERR_LIMIT. */
int arena_open(struct arena *a, size_t cap);
/* Wipes what was used and returns the block to the system. */
void arena_close(struct arena *a);
/* Wipes what was used and starts again. */
void arena_reset(struct arena *a);

/* n zeroed bytes aligned to 16, or NULL when the bound is reached. n may be 0 (a valid unique pointer). */
void *arena_alloc(struct arena *a, size_t n);
/* count * size with overflow check */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A copy of s, with a NUL behind it that is not counted. {NULL, 0} when full. */
struct span arena_dup(struct arena *a, struct span s);
/* printf into the arena, NUL terminated; NULL when full. */
char *arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
