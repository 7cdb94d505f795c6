/* The seam between the server (sockets, TLS, HTTP) and the service (RPC). A handler runs on a worker thread with a complete request. */
#ifndef UKMS_KMS_SERVER_HTTP_H
#define UKMS_KMS_SERVER_HTTP_H

#include "base/arena.h"
#include "base/span.h"

enum http_method { HTTP_GET_, HTTP_HEAD_, HTTP_POST_, HTTP_OTHER };

struct http_request {
	enum http_method method;
	struct span path;         /* percent-decoded but for slashes and NULs, begins with '/' */
	struct span query;        /* as it stands, without '?' */
	struct span content_type; /* empty if absent */
	struct span accept;
	struct span authorization;
	struct span x_admin_token;
	struct span body;    /* after chunk decoding */
	bool body_too_large; /* body is then empty */
	bool tls;
	struct span client_cert; /* DER of certificate 0 whose key the TLS peer has proved to hold, issued by the temp CA; empty if none */
	struct span peer;        /* "127.0.0.1:4711" for logs */
	struct arena *arena;     /* the request's own; freed after the answer is sent */
};

struct http_response {
	int status;               /* 200, 400, ... */
	const char *content_type; /* NULL: no Content-Type header */
	const char *extra;        /* further header lines, each ended by CRLF, or NULL */
	struct span body;         /* in the request's arena, or static */
	bool close;               /* close the connection after this answer */
	bool shutdown;            /* after this answer, the listener ends gracefully and server_run() returns */
};

typedef void (*http_handler)(void *ctx, const struct http_request *req, struct http_response *resp);

#endif
