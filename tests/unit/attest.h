/* Files and contexts for the tests of evidence. */
#ifndef UKMS_TESTS_UNIT_ATTEST_H
#define UKMS_TESTS_UNIT_ATTEST_H

#include "tests/unit/test.h"

#include "kms/attest/evidence.h"
#include "kms/attest/rules.h"

#define SHARED "tests/vectors/attestation/"
#define EXTRA  "tests/vectors/attestation-extra/"

enum { VECTOR_NOW = 1772323200 };

static struct arena arena;

static inline int open_arena(void **state)
{
	(void)state;
	return arena_open(&arena, 64 << 20);
}

static inline int close_arena(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

/* A file, in the arena. */
static inline struct span file(const char *path)
{
	struct span s = test_file(path), kept = arena_dup(&arena, s);
	free((void *)s.p);
	assert_non_null(kept.p);
	return kept;
}

static inline struct evidence *decode(struct span bytes)
{
	static const struct attest_rules strict;
	struct evidence *ev = NULL;
	struct diag d = {0};
	if (evidence_decode(&arena, bytes, &strict, &ev, &d))
		fail_msg("%s", d.text);
	return ev;
}

/* A verifier that trusts the Nitro root of the extra vectors. */
static inline struct attest_ctx nitro_ctx(void)
{
	struct attest_ctx ctx = {.gcp = gcp_layout_production};
	ctx.anchors.aws_nitro_root = ctx.anchors.aws_nitro_tpm_root = file(EXTRA "nitro/root_ca.der");
	return ctx;
}

static inline void assert_says(const struct diag *d, const char *part)
{
	if (!strstr(d->text, part))
		fail_msg("expected \"%s\" in \"%s\"", part, d->text);
}

#endif
