#include "kms/client/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"
#include "crypto/sign.h"

/* Each tries once. *moved is false where the socket would have to be waited for. */
static int socket_send(struct link_to *l, const uint8_t *p, size_t n, size_t *sent, bool *moved, struct diag *d)
{
	ssize_t r = send(l->fd, p, n, MSG_NOSIGNAL);
	*moved = r >= 0;
	*sent = r >= 0 ? (size_t)r : 0;
	if (r >= 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	return diag_fail(d, ERR_IO, "%s (os error %d)", strerror(errno), errno);
}

static int socket_receive(struct link_to *l, void *to, size_t room, size_t *got, bool *moved, struct diag *d)
{
	ssize_t r = recv(l->fd, to, room, 0);
	*moved = r >= 0;
	*got = r >= 0 ? (size_t)r : 0;
	if (r >= 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	return diag_fail(d, ERR_IO, "%s (os error %d)", strerror(errno), errno);
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

/* A peer that always has something to say is never waited for, so whoever goes on because something moved asks here first. */
static int in_time(const struct link_to *l, struct diag *d)
{
	return clock_ms() < l->deadline ? 0 : diag_fail(d, ERR_TIMEOUT, "operation timed out");
}

/* One look at both directions of the engine; waits if neither moved. A peer that takes nothing more can still have said something: once
 * sending has failed (l->mute says how), only reading goes on. */
static int turn(struct link_to *l, struct diag *d)
{
	br_ssl_engine_context *e = &l->tls->cc.eng;
	unsigned state = br_ssl_engine_current_state(e);
	bool sends = (state & BR_SSL_SENDREC) && !l->mute.text[0], sent = false, received = false;
	size_t n, done;
	uint8_t *p;
	int late = in_time(l, d);
	if (late)
		return late;
	if (sends) {
		p = br_ssl_engine_sendrec_buf(e, &n);
		if (!socket_send(l, p, n, &done, &sent, &l->mute) && sent)
			br_ssl_engine_sendrec_ack(e, done);
		if (l->mute.text[0])
			return 0;
	}
	if (state & BR_SSL_RECVREC) {
		p = br_ssl_engine_recvrec_buf(e, &n);
		int err = socket_receive(l, p, n, &done, &received, d);
		if (err)
			return err;
		if (received && done == 0)
			return l->mute.text[0] ? diag_fail(d, ERR_IO, "%s", l->mute.text)
					       : diag_fail(d, ERR_IO, "peer closed connection without sending TLS close_notify");
		if (received)
			br_ssl_engine_recvrec_ack(e, done);
	} else if (!sends) {
		return l->mute.text[0] ? diag_fail(d, ERR_IO, "%s", l->mute.text)
				       : diag_fail(d, ERR_INTERNAL, "TLS engine can neither read nor write");
	}
	if (sent || received)
		return 0;
	return link_wait(l, (short)((state & BR_SSL_RECVREC ? POLLIN : 0) | (sends ? POLLOUT : 0)), d);
}

/* 0: the session goes on, or has ended properly (*closed). */
static int look(const struct link_to *l, bool *closed, struct diag *d)
{
	const br_ssl_engine_context *e = &l->tls->cc.eng;
	*closed = false;
	if (!(br_ssl_engine_current_state(e) & BR_SSL_CLOSED))
		return 0;
	int err = br_ssl_engine_last_error(e);
	char text[32];
	*closed = err == BR_ERR_OK;
	if (*closed)
		return 0;
	if (l->tls->peer.refused)
		return diag_fail(d, ERR_CRYPTO, "invalid peer certificate: %s", l->tls->peer.d.text);
	return diag_fail(d, ERR_CRYPTO, "%s", tls_error_text(err, text, sizeof text));
}

int link_handshake(struct link_to *l, struct diag *d)
{
	l->tls = arena_alloc(l->arena, sizeof *l->tls);
	if (!l->tls)
		return diag_fail(d, ERR_LIMIT, "out of memory for TLS");
	prepare(l);
	bool closed = false;
	int e = 0;
	while (!e && !closed && !(br_ssl_engine_current_state(&l->tls->cc.eng) & BR_SSL_SENDAPP))
		if (!(e = look(l, &closed, d)) && !closed)
			e = turn(l, d);
	if (!e && closed)
		e = diag_fail(d, ERR_IO, "connection closed during the TLS handshake");
	if (!e && !l->tls->peer.accepted)
		e = diag_fail(d, ERR_CRYPTO, "no server certificate");
	return e;
}

static int exchange_plain(struct link_to *l, struct span *out, void *to, size_t room, size_t *got, struct diag *d)
{
	for (;;) {
		size_t n;
		bool moved;
		int e = socket_receive(l, to, room, got, &moved, d);
		if (e || moved)
			return e;
		bool sends = out->n > 0 && !l->mute.text[0];
		if (sends && !socket_send(l, out->p, out->n, &n, &moved, &l->mute) && moved) {
			*out = SPAN(out->p + n, out->n - n);
			if (out->n == 0)
				return 0;
			continue;
		}
		/* After a failure of sending there is an end to read, if nothing else. */
		if (!l->mute.text[0] || !sends)
			e = link_wait(l, (short)(POLLIN | (sends ? POLLOUT : 0)), d);
		if (e)
			return e;
	}
}

static int exchange_tls(struct link_to *l, struct span *out, void *to, size_t room, size_t *got, struct diag *d)
{
	br_ssl_engine_context *engine = &l->tls->cc.eng;
	for (;;) {
		bool closed;
		size_t n;
		int e = look(l, &closed, d);
		if (e || closed)
			return e;
		unsigned state = br_ssl_engine_current_state(engine);
		if (state & BR_SSL_RECVAPP) {
			const uint8_t *p = br_ssl_engine_recvapp_buf(engine, &n);
			*got = n < room ? n : room;
			memcpy(to, p, *got);
			br_ssl_engine_recvapp_ack(engine, *got);
			return 0;
		}
		if (out->n > 0 && (state & BR_SSL_SENDAPP)) {
			uint8_t *p = br_ssl_engine_sendapp_buf(engine, &n);
			n = n < out->n ? n : out->n;
			memcpy(p, out->p, n);
			br_ssl_engine_sendapp_ack(engine, n);
			*out = SPAN(out->p + n, out->n - n);
			if (out->n == 0) {
				br_ssl_engine_flush(engine, 0);
				return 0;
			}
		}
		e = turn(l, d);
		if (e)
			return e;
	}
}

int link_exchange(struct link_to *l, struct span *out, void *to, size_t room, size_t *got, struct diag *d)
{
	*got = 0;
	int late = in_time(l, d);
	return late ? late : (l->tls ? exchange_tls : exchange_plain)(l, out, to, room, got, d);
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
