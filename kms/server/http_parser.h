/* HTTP/1.1 requests out of a stream of bytes, over llhttp in its strict mode. No I/O; one object per request.
 *
 * Refused with 400: what llhttp refuses (among it: Content-Length together with Transfer-Encoding, a second Content-Length, bare line
 * feeds, obsolete folding), a version other than 1.0 and 1.1, CONNECT and upgrades, a target that is neither an absolute path nor an
 * http(s) URL. 431: a head beyond the bound, or a
 * chunked body whose framing, extensions and trailers are out of all proportion. 417: an Expect that is not 100-continue. 503: no memory
 * for the body. */
#ifndef UKMS_KMS_SERVER_HTTP_PARSER_H
#define UKMS_KMS_SERVER_HTTP_PARSER_H

#include <llhttp.h>

#include "base/arena.h"
#include "base/wr.h"
#include "kms/server/budget.h"
#include "kms/server/http.h"

enum http_step {
	HTTP_MORE,      /* everything was taken, the request is not complete */
	HTTP_CONTINUE,  /* head complete; the client waits for "100 Continue" before it sends the body. Feed again. */
	HTTP_COMPLETE,  /* the request is complete; what was not taken belongs to the next one */
	HTTP_TOO_LARGE, /* the body is beyond the bound: answer now, then close */
	HTTP_BAD        /* answer bad_status, then close */
};

struct http_parser {
	llhttp_t ll;
	struct http_request *req;
	struct wr store; /* values of the head, then a small body */
	struct span *value;
	char name[32]; /* of the header under way, lower case */
	size_t name_len;
	size_t head_used, head_max, body_max, wire_left;
	bool head_done, too_large, expect, waiting;
	bool keep_alive; /* valid when complete */
	int bad_status;

	size_t body_at, body_len; /* of a body in the store */
	struct arena body;        /* of a larger one */
	size_t charged;
	struct budget *budget;
};

struct http_bounds {
	size_t head, body;
};

/* Prepares for one request. req is cleared and then filled; its spans point into store (cap bytes, at least bounds->head) or memory of the
 * parser, until http_parser_end(). */
void http_parser_start(struct http_parser *p, struct http_request *req, void *store, size_t cap, const struct http_bounds *bounds,
		       struct budget *budget);
/* Takes bytes of in; *taken says how many. After a step other than HTTP_MORE and HTTP_CONTINUE it must not be called again. */
enum http_step http_parser_feed(struct http_parser *p, struct span in, size_t *taken);
/* true if no byte of a request has been seen */
bool http_parser_fresh(const struct http_parser *p);
/* How many bytes of the store are in use. */
size_t http_parser_stored(const struct http_parser *p);
/* Wipes and frees the parser's own memory; the store is the caller's to wipe. */
void http_parser_end(struct http_parser *p);

#endif
