/* One outgoing connection: dialled, with or without TLS, every wait bounded by one deadline. */
#ifndef UKMS_KMS_CLIENT_LINK_H
#define UKMS_KMS_CLIENT_LINK_H

#include "crypto/tls.h"
#include "kms/client/http_client.h"
#include "kms/client/url.h"

struct tls_link {
	br_ssl_client_context cc;
	struct tls_peer peer;
	br_x509_certificate chain[4];
	br_ec_private_key key;
	uint8_t in[TLS_IN_SIZE], out[TLS_OUT_SIZE];
};

struct link_to {
	int fd;
	int64_t deadline; /* milliseconds of the monotonic clock */
	struct diag mute; /* why nothing more can be sent; empty while it can */
	struct tls_link *tls;
	struct arena *arena;
	const struct http_fetch *how;
	const struct url *url;
};

int64_t clock_ms(void);

/* dial.c: the socket, connected to `to` (l->url, or a proxy), in l->fd. Texts as reqwest has them after "client error (Connect): ". */
int link_dial(struct link_to *l, const struct url *to, int64_t connect_deadline, struct diag *d);
/* Waits for POLLIN or POLLOUT. 0, ERR_TIMEOUT, ERR_IO. */
int link_wait(const struct link_to *l, short events, struct diag *d);

/* link.c */
int link_handshake(struct link_to *l, struct diag *d);
/* Sends *out, and takes what arrives meanwhile: a peer may answer before it has read everything, and then close. Returns when all of *out
 * is sent (taken off *out; only if it was not empty), when something came (*got bytes of it in `to`), or at a clean end of the stream
 * (neither). A peer that has stopped reading is no error while it may still be read from. ERR_IO, ERR_CRYPTO, ERR_TIMEOUT. */
int link_exchange(struct link_to *l, struct span *out, void *to, size_t room, size_t *got, struct diag *d);
void link_close(struct link_to *l);

/* roots.c: 0 if the chain leads to one of the roots and is for the host. */
int roots_judge(const struct http_roots *r, const struct tls_peer *p, struct x509 *leaf, const char *host, bool literal, struct diag *d);

#endif
