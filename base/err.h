/* Errors are values. A function returns 0 or one negative enum err, and hands a sentence to the caller's struct diag. */
#ifndef UKMS_BASE_ERR_H
#define UKMS_BASE_ERR_H

#include <stddef.h>

enum err {
	ERR_INPUT = -1,       /* malformed bytes from outside */
	ERR_REFUSED = -2,     /* well formed, and denied by a rule */
	ERR_LIMIT = -3,       /* a bound was reached (arena, size, count) */
	ERR_TIMEOUT = -4,     /* a deadline passed */
	ERR_IO = -5,          /* a device, file or peer failed */
	ERR_MISSING = -6,     /* something that must exist does not */
	ERR_CONFIG = -7,      /* the operator's configuration is wrong */
	ERR_CRYPTO = -8,      /* a signature, tag or key is wrong */
	ERR_UNSUPPORTED = -9, /* well formed, and of a kind not handled */
	ERR_INTERNAL = -10    /* a broken invariant */
};

/* One human sentence, outermost context first: "Boot denied: OS image is not allowed". Bounded, with room for the reason of a contract or
 * the answer of another KMS inside; cut with "..." when full, not through the middle of a character. */
#define DIAG_MAX 4096
struct diag {
	char text[DIAG_MAX]; /* NUL terminated, valid UTF-8 if what was formatted is */
};

/* Empties d. A struct diag made by = {0} is empty too. */
void diag_clear(struct diag *d);

/* Replaces the sentence; yields e, so that `return diag_fail(d, ERR_INPUT, "...")` reads as one step. d may be NULL.
 * A macro, so that analyzers see which value is returned. */
#define diag_fail(d, e, ...) (diag_set(d, __VA_ARGS__), (int)(e))
void diag_set(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the sentence; yields e unchanged. d may be NULL. */
#define diag_wrap(d, e, ...)                                                                                                               \
	({                                                                                                                                 \
		int wrapped_ = (e);                                                                                                        \
		diag_prefix(d, __VA_ARGS__);                                                                                               \
		wrapped_;                                                                                                                  \
	})
void diag_prefix(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
