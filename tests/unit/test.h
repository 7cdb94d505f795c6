/* What every unit test needs: cmocka, span comparison that prints both sides, vector files. */
#ifndef UKMS_TESTS_UNIT_TEST_H
#define UKMS_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"

static inline void test_print_hex(const char *what, struct span s)
{
	fprintf(stderr, "%s (%zu bytes): ", what, s.n);
	for (size_t i = 0; i < s.n; i++)
		fprintf(stderr, "%02x", s.p[i]);
	fputc('\n', stderr);
}

#define assert_span_equal(got, want)                                                                                                       \
	do {                                                                                                                               \
		struct span got_ = (got), want_ = (want);                                                                                  \
		if (!span_eq(got_, want_)) {                                                                                               \
			test_print_hex("got ", got_);                                                                                      \
			test_print_hex("want", want_);                                                                                     \
			fail_msg("%s:%d: %s differs", __FILE__, __LINE__, #got);                                                           \
		}                                                                                                                          \
	} while (0)

/* A whole file, relative to the top of the tree; the test fails if it cannot be read. The caller frees .p. */
static inline struct span test_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	fseek(f, 0, SEEK_END);
	long n = ftell(f);
	rewind(f);
	uint8_t *p = malloc(n > 0 ? (size_t)n : 1);
	if (!p || fread(p, 1, (size_t)n, f) != (size_t)n)
		fail_msg("cannot read %s", path);
	fclose(f);
	return (struct span){p, (size_t)n};
}

#endif
