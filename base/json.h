/* Strict JSON (RFC 8259) over borrowed text: a flat tree of nodes in an arena.
 *
 * Refused: anything RFC 8259 refuses, a repeated key in one object, nesting deeper than 32, text that is not UTF-8, lone surrogates.
 * A node keeps the exact source text, so that signed documents can be hashed as carried. */
#ifndef UKMS_BASE_JSON_H
#define UKMS_BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	struct span raw;         /* exact text of the value, quotes and brackets included */
	struct span str;         /* JSON_STRING: the decoded bytes */
	struct span key;         /* decoded member name, if the parent is an object */
	const struct json *next; /* next sibling */
	const struct json *kids; /* first child */
	size_t count;            /* number of children */
};

/* Parses one value; white space around it is allowed, anything else behind it is not.
 * Errors: ERR_INPUT ("invalid JSON at byte N: ..."), ERR_LIMIT (arena full). text must outlive the tree. */
int json_parse(struct arena *a, struct span text, const struct json **out, struct diag *d);
/* The same, but keeps repeated keys, for foreign documents whose unknown members may be repeated; ask json_count() of each member used. */
int json_parse_repeats(struct arena *a, struct span text, const struct json **out, struct diag *d);
/* How often an object has a member of that name. */
size_t json_count(const struct json *j, const char *key);

/* The member of that name, or NULL (also when j is NULL or no object). */
const struct json *json_get(const struct json *j, const char *key);
/* Decoded bytes of a string member; false if absent or no string. */
bool json_get_str(const struct json *j, const char *key, struct span *out);
/* An unsigned integer without fraction or exponent. */
bool json_u64(const struct json *j, uint64_t *out);
bool json_get_u64(const struct json *j, const char *key, uint64_t *out);
/* true or false */
bool json_bool(const struct json *j, bool *out);

#endif
