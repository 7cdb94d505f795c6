/* CBOR (RFC 8949) from outside, as a bounded tree: COSE messages, NSM documents, measurement documents. (libcbor copies every item into
 * its own heap object and merges repeated keys without a word; here nothing is copied and a repeated key is an error.)
 *
 * Accepted: lengths in any width, definite or indefinite. Refused: bytes left over, nesting deeper than 32, more than 65536 items or
 * about 4096 keys, text that is not UTF-8, a repeated key in any map, reserved encodings. Keys may be of any type. */
#ifndef UKMS_KMS_WIRE_CBOR_TREE_H
#define UKMS_KMS_WIRE_CBOR_TREE_H

#include "base/arena.h"
#include "base/err.h"

/* The values are the major types. CBT_SIMPLE covers simple values and floating point numbers. */
enum cbt_type { CBT_UINT, CBT_NEGATIVE, CBT_BYTES, CBT_TEXT, CBT_ARRAY, CBT_MAP, CBT_TAGGED, CBT_SIMPLE };
enum { CBT_FALSE = 20, CBT_TRUE = 21, CBT_NULL = 22, CBT_UNDEFINED = 23 };

struct cbt {
	enum cbt_type type;
	uint64_t value;         /* UINT: itself; NEGATIVE: -1 - value; TAGGED: the tag; SIMPLE: the simple value, 24 and up for floats */
	struct span str;        /* BYTES, TEXT: the contents, chunks joined */
	struct span raw;        /* the item's encoding */
	const struct cbt *key;  /* if the parent is a map */
	const struct cbt *next; /* next sibling */
	const struct cbt *kids; /* first item, first value, or the tagged item */
	size_t count;           /* number of items, or of pairs */
};

/* Parses exactly one item. out borrows from in and a. ERR_INPUT ("invalid CBOR: ..."), ERR_LIMIT (arena full). */
int cbt_parse(struct arena *a, struct span in, const struct cbt **out, struct diag *d);

/* The length of the well-formed item that in begins with; 0 if there is none. */
size_t cbt_length(struct arena *a, struct span in);

/* The value under a text key or under an integer key (negative keys too) of a map; NULL if absent or if map is NULL or no map. */
const struct cbt *cbt_get(const struct cbt *map, const char *key);
const struct cbt *cbt_get_int(const struct cbt *map, int64_t key);

#endif
