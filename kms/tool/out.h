/* JSON output of the command line tools: members in the order of the calls, commas by themselves. key is NULL inside arrays. */
#ifndef UKMS_KMS_TOOL_OUT_H
#define UKMS_KMS_TOOL_OUT_H

#include "base/wr.h"

struct out {
	struct wr w;
	uint32_t used; /* bit per depth: something was written there */
	unsigned depth;
	uint32_t arrays; /* bit per depth: an array */
};

void out_open(struct out *o, const char *key);       /* { */
void out_open_array(struct out *o, const char *key); /* [ */
void out_close(struct out *o);
void out_text(struct out *o, const char *key, struct span text);
void out_hex(struct out *o, const char *key, struct span bytes);
void out_u64(struct out *o, const char *key, uint64_t v);
void out_bool(struct out *o, const char *key, bool v);
void out_null(struct out *o, const char *key);
/* JSON text as it is */
void out_raw(struct out *o, const char *key, struct span json);
/* 2025-12-25T16:04:16+00:00 */
void out_time(struct out *o, const char *key, int64_t t);

#endif
