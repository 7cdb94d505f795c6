#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/wipe.h"
#include "crypto/sign.h"
#include "kms/server/client_cert.h"
#include "kms/server/conn.h"

enum { FULL_RECORD = 16384, RECORD_CCS = 20 };

static void *cert_room(void *self, size_t n)
{
	struct conn *c = self;
	/* Idle connections keep their certificates: they must not be able to keep everybody else out. */
	struct budget *b = &c->loop->server->certs;
	while (!budget_take(b, n)) {
		struct conn *victim = room_for_cert(c->loop, c);
		if (!victim) {
			metric_add(&server_series.memory_full, 1);
			return NULL;
		}
		room_evict(victim, &server_series.evicted_memory);
	}
	c->cert_len = n;
	c->cert = malloc(n ? n : 1);
	if (!c->cert) {
		budget_give(b, n);
		c->cert_len = 0;
	}
	return c->cert;
}

static int cert_judge(void *self, const struct tls_peer *p, struct x509 *leaf, struct diag *d)
{
	struct conn *c = self;
	return client_cert_check(&c->loop->server->ca, p->cert[0], time(NULL), leaf, d);
}

void wire_start(struct conn *c)
{
	struct server *s = c->loop->server;
	br_ssl_server_context *cc = &c->tls;
	br_ssl_server_zero(cc);
	tls_profile(&cc->eng, TLS_SERVER);
	br_ssl_engine_add_flags(&cc->eng, BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_TOLERATE_NO_CLIENT_AUTH);
	br_ssl_server_set_single_ec(cc, s->chain, s->chain_len, &s->key, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ssl_engine_get_ec(&cc->eng),
				    ecdsa_sign_der);
	struct tls_peer *p = &c->slot->peer;
	*p = (struct tls_peer){.room = cert_room, .judge = cert_judge, .self = c, .leaf_only = true, .ec_only = true};
	tls_peer_start(p);
	if (s->ca_bytes) {
		br_ssl_server_set_trust_anchor_names(cc, &s->ca_name, 1);
		br_ssl_engine_set_x509(&cc->eng, &p->vtable);
	}
	tls_seed(&cc->eng);
	br_ssl_engine_set_buffers_bidi(&cc->eng, c->slot->in, sizeof c->slot->in, c->slot->out, sizeof c->slot->out);
	br_ssl_server_reset(cc);
}

/* One receive into at. A peer that sends as fast as we read gets so many of them, then the others are served. */
static enum wire receive(struct conn *c, uint8_t *at, size_t room, size_t *got)
{
	if (c->receives == 0) {
		loop_again(c);
		return WIRE_WAIT;
	}
	c->receives--;
	for (;;) {
		ssize_t n = recv(c->fd, at, room, 0);
		if (n > 0) {
			*got = (size_t)n;
			size_t high = (size_t)(at - c->slot->in) + *got;
			if (high > c->slot->in_high)
				c->slot->in_high = high;
			metric_add(&server_series.bytes_in, n);
			return WIRE_OK;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			c->can_read = false;
			return WIRE_WAIT;
		}
		return WIRE_GONE;
	}
}

static enum wire transmit(struct conn *c, const uint8_t *at, size_t n, int flags, size_t *sent)
{
	for (;;) {
		ssize_t r = send(c->fd, at, n, MSG_NOSIGNAL | flags);
		if (r >= 0) {
			*sent = (size_t)r;
			metric_add(&server_series.bytes_out, r);
			return WIRE_OK;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			c->can_write = false;
			return WIRE_WAIT;
		}
		return WIRE_GONE;
	}
}

/* Sends every finished record. Records that have a successor are held back by the kernel, so that a flight is one segment train. */
static enum wire flush_records(struct conn *c)
{
	br_ssl_engine_context *e = &c->tls.eng;
	bool corked = false;
	for (;;) {
		size_t n, sent;
		const uint8_t *rec = br_ssl_engine_sendrec_buf(e, &n);
		if (!rec)
			break;
		size_t high = (size_t)(rec - c->slot->out) + n;
		if (high > c->slot->out_high)
			c->slot->out_high = high;
		corked = n >= FULL_RECORD || rec[0] == RECORD_CCS;
		enum wire w = transmit(c, rec, n, corked ? MSG_MORE : 0, &sent);
		if (w != WIRE_OK)
			return w;
		br_ssl_engine_sendrec_ack(e, sent);
	}
	if (corked)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return WIRE_OK;
}

/* Until our own ChangeCipherSpec, alerts are plain; BearSSL sends none for these errors. */
static void fatal_alert(struct conn *c, int err)
{
	static const struct {
		int err;
		uint8_t alert;
	} alerts[] = {
		{BR_ERR_X509_NOT_TRUSTED, 42}, /* bad_certificate */
		{BR_ERR_BAD_SIGNATURE, 51},    /* decrypt_error */
		{BR_ERR_BAD_FINISHED, 51},
		{BR_ERR_UNEXPECTED, 10}, /* unexpected_message */
	};
	for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
		if (alerts[i].err == err) {
			const uint8_t record[7] = {21, 3, 3, 0, 2, 2, alerts[i].alert};
			size_t sent;
			transmit(c, record, sizeof record, 0, &sent);
		}
}

static enum wire handshake_failed(struct conn *c, int err)
{
	const struct tls_peer *p = &c->slot->peer;
	char text[32];
	log_debug("tls", "handshake failed cause=\"%s%s%s\"", tls_error_text(err, text, sizeof text), p->refused ? ": " : "",
		  p->refused ? p->d.text : "");
	metric_add(&server_series.handshakes_failed, 1);
	fatal_alert(c, err);
	return WIRE_GONE;
}

enum wire wire_handshake(struct conn *c)
{
	br_ssl_engine_context *e = &c->tls.eng;
	const struct tls_peer *p = &c->slot->peer;
	for (;;) {
		/* Before anything that the engine did with a refused chain can leave. */
		if (p->refused) {
			metric_add(&server_series.certs_refused, 1);
			return handshake_failed(c, BR_ERR_X509_NOT_TRUSTED);
		}
		unsigned state = br_ssl_engine_current_state(e);
		if (state & BR_SSL_CLOSED)
			return handshake_failed(c, br_ssl_engine_last_error(e));
		if (state & BR_SSL_SENDREC) {
			enum wire w = flush_records(c);
			if (w != WIRE_OK)
				return w;
			continue;
		}
		if (state & BR_SSL_SENDAPP) {
			if (p->sent && !p->accepted)
				return handshake_failed(c, BR_ERR_X509_NOT_TRUSTED);
			if (p->sent)
				metric_add(&server_series.certs_accepted, 1);
			metric_add(&server_series.handshakes_ok, 1);
			metric_observe(&server_series.handshake, metric_now_us() - c->accepted);
			/* The X.509 engine goes with the slot; without renegotiation it is not needed again. */
			e->x509ctx = NULL;
			c->handshaken = true;
			return WIRE_OK;
		}
		size_t room, got;
		uint8_t *at = br_ssl_engine_recvrec_buf(e, &room);
		if (!at)
			return handshake_failed(c, BR_ERR_BAD_STATE);
		enum wire w = receive(c, at, room, &got);
		if (w == WIRE_GONE)
			metric_add(&server_series.handshakes_failed, 1);
		if (w != WIRE_OK)
			return w;
		br_ssl_engine_recvrec_ack(e, got);
	}
}

static enum wire read_plain(struct conn *c, struct span *plain)
{
	if (c->in_len == 0) {
		c->in_at = 0;
		enum wire w = receive(c, c->slot->in, sizeof c->slot->in, &c->in_len);
		if (w != WIRE_OK)
			return w;
	}
	*plain = SPAN(c->slot->in + c->in_at, c->in_len);
	return WIRE_OK;
}

enum wire wire_read(struct conn *c, struct span *plain)
{
	if (!c->loop->server->tls)
		return read_plain(c, plain);
	br_ssl_engine_context *e = &c->tls.eng;
	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		if (state & BR_SSL_CLOSED)
			return WIRE_GONE;
		if (state & BR_SSL_RECVAPP) {
			plain->p = br_ssl_engine_recvapp_buf(e, &plain->n);
			return WIRE_OK;
		}
		/* Alerts, or the record of a "100 Continue". */
		if (state & BR_SSL_SENDREC) {
			enum wire w = flush_records(c);
			if (w != WIRE_OK)
				return w;
			continue;
		}
		size_t room, got;
		uint8_t *at = br_ssl_engine_recvrec_buf(e, &room);
		if (!at)
			return WIRE_GONE;
		enum wire w = receive(c, at, room, &got);
		if (w != WIRE_OK)
			return w;
		br_ssl_engine_recvrec_ack(e, got);
	}
}

void wire_took(struct conn *c, size_t n)
{
	if (c->loop->server->tls) {
		br_ssl_engine_recvapp_ack(&c->tls.eng, n);
	} else {
		c->in_at += n;
		c->in_len -= n;
	}
}

enum wire wire_write(struct conn *c, struct span *todo)
{
	enum wire w = WIRE_OK;
	while (!c->loop->server->tls && todo->n > 0 && w == WIRE_OK) {
		size_t sent;
		w = transmit(c, todo->p, todo->n, 0, &sent);
		if (w == WIRE_OK)
			*todo = SPAN(todo->p + sent, todo->n - sent);
	}
	if (!c->loop->server->tls)
		return w;

	br_ssl_engine_context *e = &c->tls.eng;
	do {
		size_t room;
		uint8_t *to = br_ssl_engine_sendapp_buf(e, &room);
		if (to && todo->n > 0) {
			size_t n = room < todo->n ? room : todo->n;
			memcpy(to, todo->p, n);
			*todo = SPAN(todo->p + n, todo->n - n);
			br_ssl_engine_sendapp_ack(e, n);
		} else if (!to && !br_ssl_engine_sendrec_buf(e, &room)) {
			return WIRE_GONE; /* the peer has ended the session */
		}
		if (todo->n == 0)
			br_ssl_engine_flush(e, 0);
		if (br_ssl_engine_current_state(e) & BR_SSL_CLOSED)
			return WIRE_GONE;
		w = flush_records(c);
	} while (w == WIRE_OK && todo->n > 0);
	return w;
}

bool wire_pending(const struct conn *c)
{
	if (!c->slot)
		return false;
	if (!c->loop->server->tls)
		return c->in_len > 0;
	size_t n;
	return br_ssl_engine_recvapp_buf(&c->tls.eng, &n) != NULL;
}

bool wire_quiet(const struct conn *c)
{
	const br_ssl_engine_context *e = &c->tls.eng;
	if (!c->loop->server->tls)
		return c->in_len == 0;
	size_t n;
	return e->ixa == 0 && e->ixb == 0 && br_ssl_engine_sendrec_buf(e, &n) == NULL && !(br_ssl_engine_current_state(e) & BR_SSL_CLOSED);
}

void wire_end(struct conn *c)
{
	if (c->handshaken && slot_attach(c)) {
		br_ssl_engine_close(&c->tls.eng);
		flush_records(c);
	}
	shutdown(c->fd, SHUT_WR);
}
