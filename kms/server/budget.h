/* One bound on the bytes of all bodies, answers and client certificates under way, shared by every thread of a server. */
#ifndef UKMS_KMS_SERVER_BUDGET_H
#define UKMS_KMS_SERVER_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	atomic_size_t used;
	size_t max;
};

/* true if n more bytes fit; they are then charged until budget_give(). */
static inline bool budget_take(struct budget *b, size_t n)
{
	if (n > b->max)
		return false;
	size_t was = atomic_fetch_add_explicit(&b->used, n, memory_order_relaxed);
	if (was <= b->max - n)
		return true;
	atomic_fetch_sub_explicit(&b->used, n, memory_order_relaxed);
	return false;
}

static inline void budget_give(struct budget *b, size_t n)
{
	atomic_fetch_sub_explicit(&b->used, n, memory_order_relaxed);
}

#endif
