#include "kms/client/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"
#include "crypto/sign.h"

static int socket_send(struct link_to *l, const uint8_t *p, size_t n, size_t *sent, struct diag *d)
{
	for (;;) {
		ssize_t r = send(l->fd, p, n, MSG_NOSIGNAL);
		if (r >= 0) {
			*sent = (size_t)r;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return diag_fail(d, ERR_IO, "%s (os error %d)", strerror(errno), errno);
		int e = link_wait(l, POLLOUT, d);
		if (e)
			return e;
	}
}

static int socket_receive(struct link_to *l, void *to, size_t room, size_t *got, struct diag *d)
{
	for (;;) {
		ssize_t r = recv(l->fd, to, room, 0);
		if (r >= 0) {
			*got = (size_t)r;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return diag_fail(d, ERR_IO, "%s (os error %d)", strerror(errno), errno);
		int e = link_wait(l, POLLIN, d);
		if (e)
			return e;
	}
}

static void *cert_room(void *self, size_t n)
{
	return arena_alloc(((struct link_to *)self)->arena, n);
}

static int cert_judge(void *self, const struct tls_peer *p, struct x509 *leaf, struct diag *d)
{
	const struct link_to *l = self;
	if (l->how->trust == HTTP_TRUST_ROOTS)
		return roots_judge(l->how->roots, p, leaf, l->url->host, l->url->literal, d);
	int e = x509_parse(p->cert[0], leaf, d);
	if (e)
		return e;
	if (l->how->trust == HTTP_TRUST_PIN && !span_eq(leaf->spki, l->how->pin_spki))
		return diag_fail(d, ERR_CRYPTO, "the server's key is not the pinned one");
	return 0;
}

static void prepare(struct link_to *l)
{
	struct tls_link *t = l->tls;
	br_ssl_client_zero(&t->cc);
	tls_profile(&t->cc.eng, TLS_CLIENT);
	t->peer = (struct tls_peer){.room = cert_room, .judge = cert_judge, .self = l, .leaf_only = l->how->trust != HTTP_TRUST_ROOTS};
	tls_peer_start(&t->peer);
	br_ssl_engine_set_x509(&t->cc.eng, &t->peer.vtable);
	const struct http_identity *id = l->how->identity;
	if (id) {
		size_t n = id->chain_len < 4 ? id->chain_len : 4;
		for (size_t i = 0; i < n; i++)
			t->chain[i] = (br_x509_certificate){(unsigned char *)(uintptr_t)id->chain[i].p, id->chain[i].n};
		t->key = (br_ec_private_key){BR_EC_secp256r1, (unsigned char *)(uintptr_t)id->key, sizeof id->key};
		br_ssl_client_set_single_ec(&t->cc, t->chain, n, &t->key, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ssl_engine_get_ec(&t->cc.eng),
					    ecdsa_sign_der);
	}
	tls_seed(&t->cc.eng);
	br_ssl_engine_set_buffers_bidi(&t->cc.eng, t->in, sizeof t->in, t->out, sizeof t->out);
	/* SNI carries DNS names only (RFC 6066, 3). */
	br_ssl_client_reset(&t->cc, l->url->literal ? NULL : l->url->host, 0);
}

/* Runs the engine until one of the states is reached. *closed: the peer has ended the session properly. */
static int run_until(struct link_to *l, unsigned wanted, bool *closed, struct diag *d)
{
	br_ssl_engine_context *e = &l->tls->cc.eng;
	*closed = false;
	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		if (state & BR_SSL_CLOSED) {
			int err = br_ssl_engine_last_error(e);
			char text[32];
			*closed = err == BR_ERR_OK;
			if (*closed)
				return 0;
			if (l->tls->peer.refused)
				return diag_fail(d, ERR_CRYPTO, "invalid peer certificate: %s", l->tls->peer.d.text);
			return diag_fail(d, ERR_CRYPTO, "%s", tls_error_text(err, text, sizeof text));
		}
		size_t n, done = 0;
		uint8_t *p;
		int err;
		if (state & BR_SSL_SENDREC) {
			p = br_ssl_engine_sendrec_buf(e, &n);
			err = socket_send(l, p, n, &done, d);
			if (err)
				return err;
			br_ssl_engine_sendrec_ack(e, done);
			continue;
		}
		if (state & wanted)
			return 0;
		p = br_ssl_engine_recvrec_buf(e, &n);
		if (!p)
			return diag_fail(d, ERR_INTERNAL, "TLS engine can neither read nor write");
		err = socket_receive(l, p, n, &done, d);
		if (err)
			return err;
		if (done == 0)
			return diag_fail(d, ERR_IO, "peer closed connection without sending TLS close_notify");
		br_ssl_engine_recvrec_ack(e, done);
	}
}

int link_handshake(struct link_to *l, struct diag *d)
{
	l->tls = arena_alloc(l->arena, sizeof *l->tls);
	if (!l->tls)
		return diag_fail(d, ERR_LIMIT, "out of memory for TLS");
	prepare(l);
	bool closed;
	int e = run_until(l, BR_SSL_SENDAPP, &closed, d);
	if (!e && closed)
		e = diag_fail(d, ERR_IO, "connection closed during the TLS handshake");
	if (!e && !l->tls->peer.accepted)
		e = diag_fail(d, ERR_CRYPTO, "no server certificate");
	return e;
}

int link_send(struct link_to *l, struct span s, struct diag *d)
{
	while (s.n > 0) {
		size_t n;
		int e;
		if (!l->tls) {
			e = socket_send(l, s.p, s.n, &n, d);
			if (e)
				return e;
		} else {
			bool closed;
			e = run_until(l, BR_SSL_SENDAPP, &closed, d);
			if (e)
				return e;
			uint8_t *to = closed ? NULL : br_ssl_engine_sendapp_buf(&l->tls->cc.eng, &n);
			if (!to)
				return diag_fail(d, ERR_IO, "connection closed before message completed");
			if (n > s.n)
				n = s.n;
			memcpy(to, s.p, n);
			br_ssl_engine_sendapp_ack(&l->tls->cc.eng, n);
		}
		s = SPAN(s.p + n, s.n - n);
	}
	if (l->tls)
		br_ssl_engine_flush(&l->tls->cc.eng, 0);
	return 0;
}

int link_receive(struct link_to *l, void *to, size_t room, size_t *got, struct diag *d)
{
	*got = 0;
	if (!l->tls)
		return socket_receive(l, to, room, got, d);
	bool closed;
	int e = run_until(l, BR_SSL_RECVAPP, &closed, d);
	if (e || closed)
		return e;
	size_t n;
	const uint8_t *p = br_ssl_engine_recvapp_buf(&l->tls->cc.eng, &n);
	*got = n < room ? n : room;
	memcpy(to, p, *got);
	br_ssl_engine_recvapp_ack(&l->tls->cc.eng, *got);
	return 0;
}

void link_close(struct link_to *l)
{
	if (l->tls)
		wipe(l->tls, sizeof *l->tls);
	l->tls = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
