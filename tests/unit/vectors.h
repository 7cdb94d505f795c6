/* Named entries of tests/vectors/kms-protocol.json. */
#ifndef UKMS_TESTS_UNIT_VECTORS_H
#define UKMS_TESTS_UNIT_VECTORS_H

#include "base/json.h"
#include "base/text.h"
#include "tests/unit/test.h"

static struct arena vectors_arena;
static struct span vectors_text; /* kept reachable for the leak checker */
static const struct json *vectors_all;

static inline int vectors_open(void **state)
{
	(void)state;
	const struct json *doc;
	struct diag d;
	if (arena_open(&vectors_arena, 16 << 20))
		return -1;
	vectors_text = test_file("tests/vectors/kms-protocol.json");
	if (json_parse(&vectors_arena, vectors_text, &doc, &d)) {
		fprintf(stderr, "%s\n", d.text);
		return -1;
	}
	vectors_all = json_get(doc, "vectors");
	return vectors_all ? 0 : -1;
}

static inline const struct json *vector(const char *id)
{
	for (const struct json *v = vectors_all->kids; v; v = v->next) {
		struct span s;
		if (json_get_str(v, "id", &s) && span_is(s, id))
			return v;
	}
	fail_msg("no vector %s", id);
	return NULL;
}

static inline struct span vector_text(const struct json *v, const char *part, const char *key)
{
	struct span s;
	if (!json_get_str(json_get(v, part), key, &s))
		fail_msg("vector has no %s.%s", part, key);
	return s;
}

static inline struct span vector_hex(const struct json *v, const char *part, const char *key)
{
	struct span s = hex_decode_in(&vectors_arena, vector_text(v, part, key));
	if (!s.p)
		fail_msg("%s.%s is not hex", part, key);
	return s;
}

#endif
