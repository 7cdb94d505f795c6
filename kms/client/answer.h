/* An HTTP answer while it arrives. Its bytes gather in a mapping of their own, whose untouched pages cost nothing. */
#ifndef UKMS_KMS_CLIENT_ANSWER_H
#define UKMS_KMS_CLIENT_ANSWER_H

#include <llhttp.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/wr.h"

struct http_answer {
	llhttp_t ll;
	struct arena mem;
	struct wr headers, body;
	bool head_request, done, too_large;
	int status;
};

/* head_request: the answer to a HEAD, which has no body whatever its headers say. ERR_LIMIT. */
int http_answer_open(struct http_answer *w, size_t body_max, bool head_request);
/* Takes all of in, empty at the end of the stream; w->done when the answer is complete. ERR_INPUT, ERR_LIMIT, ERR_IO (ended too early). */
int http_answer_feed(struct http_answer *w, struct span in, struct diag *d);
void http_answer_close(struct http_answer *w);

#endif
