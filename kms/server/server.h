/* The server: sockets, TLS 1.2, HTTP/1.1, and nothing of the service. Event loops do all I/O, worker threads run the handler.
 *
 * Two servers may run in one process (main listener and admin listener), each with its own threads.
 *
 *	struct server_config c = {.listen_fd = -1, .address = "0.0.0.0", .port = 8000, .tls = &tls, .handler = route, .ctx = &service};
 *	struct server *s;
 *	if (server_open(&s, &c, &d) == 0) {
 *		server_run(s);
 *		server_close(s);
 *	}
 */
#ifndef UKMS_KMS_SERVER_SERVER_H
#define UKMS_KMS_SERVER_SERVER_H

#include "base/err.h"
#include "base/span.h"
#include "kms/server/http.h"

/* TLS identity of a listener. Everything is copied by server_open(); the caller wipes its own key. */
struct server_tls {
	const struct span *chain; /* certificates, DER, leaf first; 1 to 8, together below 64 KiB */
	size_t chain_len;
	uint8_t key[32]; /* private key of the leaf: P-256 scalar, big endian */

	/* The certificate (DER) whose subject and key a client certificate must be issued by: the temp CA. Client certificates are then
	 * asked for and optional; one that does not verify ends the handshake. Empty: none is asked for. */
	struct span client_ca;
};

/* Bounds. A zero takes the default that is named behind it. Times are in milliseconds. */
struct server_limits {
	unsigned loops;        /* event loop threads: one per core, at most 16 */
	unsigned workers;      /* handler threads: 32 */
	unsigned queue;        /* complete requests waiting for a worker: 256; beyond it: 503 with Retry-After */
	unsigned connections;  /* open connections: 16384, or what descriptors allow; beyond it whoever is longest in its handshake (1 s at
				* least), idle or slow is closed, or nobody is let in */
	unsigned records;      /* TLS record buffers (33 KiB each): 1024; beyond it whoever holds one longest without progress is closed */
	size_t memory;         /* bytes under way: 128 MiB, one half of it for client certificates, the other for bodies and answers above
				* 64 KiB; beyond it: no handshake, or 503. When 1/8 is left, whoever holds some for longest is closed. */
	size_t head;           /* bytes of request line and header: 16384 */
	size_t body;           /* bytes of body: 10485760; beyond it the handler is called with body_too_large */
	unsigned queue_ms;     /* complete request to its worker: 20000; later it is answered 503 with Retry-After */
	unsigned handshake_ms; /* accept to end of handshake: 10000 */
	unsigned head_ms;      /* first to last byte of a request head: 10000 */
	unsigned body_ms;      /* whole body: 60000 */
	unsigned write_ms;     /* for every 8 KiB of an answer to be taken by the peer: 20000 */
	unsigned idle_ms;      /* between requests: 120000 */
	unsigned drain_ms;     /* reading on after an early answer or a close: 2000 */
	unsigned grace_ms;     /* running requests at a graceful end: 5000 for the client's side; handlers are always waited for */
};

struct server_config {
	int listen_fd;                /* a listening socket to use (it stays the caller's and open), or -1: address and port are bound */
	const char *address;          /* numeric IPv4 or IPv6, "unix:/path" (port unused) or "vsock" */
	uint16_t port;                /* 0: any; see server_port() */
	const struct server_tls *tls; /* NULL: plain HTTP */
	http_handler handler;
	void *ctx;
	const char
		*headers; /* lines, each ended by CRLF, for every answer of this listener (also 400, 503 of the server itself), or NULL */
	struct server_limits limits;
};

struct server;

/* Binds and listens: a socket for listen_fd, so that one port can go from plain HTTP to TLS without ever being closed.
 * Returns the descriptor, or ERR_CONFIG (address) or ERR_IO. */
int server_listen(const char *address, uint16_t port, struct diag *d);

/* Prepares a server; from here connections wait in the backlog. 0, ERR_CONFIG, ERR_IO, ERR_LIMIT. */
int server_open(struct server **out, const struct server_config *c, struct diag *d);
/* The port that was bound (also when port 0 was asked for). */
uint16_t server_port(const struct server *s);
/* Serves until an answer has .shutdown or server_stop() is called, then gracefully ends. Blocks. 0 or an error. */
int server_run(struct server *s, struct diag *d);
/* Makes server_run() end; from any thread or signal handler. */
void server_stop(struct server *s);
/* Wipes keys, frees everything. After server_run() has returned. NULL is fine. */
void server_close(struct server *s);

#endif
