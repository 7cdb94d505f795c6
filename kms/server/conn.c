/* The life of a connection: handshake, then idle, head, body, work, write, idle ...; drain at the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/wipe.h"
#include "kms/server/conn.h"

enum { TURN_RECEIVES = 64, WRITE_PROGRESS = 8192 };
enum step { STEP_AGAIN, STEP_WAIT, STEP_GONE };

void conn_enter(struct conn *c, enum phase p)
{
	link_out(&c->by_phase);
	c->phase = p;
	c->since = c->loop->now;
	link_last(&c->loop->phases[p], &c->by_phase);
}

struct conn *conn_open(struct loop *l, int fd, const struct sockaddr_storage *from)
{
	struct conn *c = l->free_conns;
	if (c)
		l->free_conns = c->next;
	else if (l->conns_fresh < loop_places(l->server))
		c = &l->conns[l->conns_fresh++];
	if (!c) {
		close(fd);
		return NULL;
	}
	uint32_t generation = c->generation;
	memset(c, 0, offsetof(struct conn, tls));
	c->loop = l;
	c->fd = fd;
	c->generation = generation;
	c->from = *from;
	c->accepted = l->now;
	link_init(&c->by_phase);
	link_init(&c->starved);
	link_init(&c->again);
	l->open++;
	atomic_fetch_add_explicit(&l->server->open, 1, memory_order_relaxed);
	metric_add(&server_series.open, 1);
	metric_add(&server_series.accepted, 1);
	conn_enter(c, l->server->tls ? PHASE_HANDSHAKE : PHASE_IDLE);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.u64 = (uint64_t)c->generation << 32 | (uint64_t)(c - l->conns)};
	if (epoll_ctl(l->ep, EPOLL_CTL_ADD, fd, &ev) != 0) {
		conn_close(c);
		return NULL;
	}
	return c;
}

void conn_close(struct conn *c)
{
	struct loop *l = c->loop;
	answer_free(c);
	slot_release(c);
	if (l->server->tls)
		wipe(&c->tls, sizeof c->tls);
	if (c->cert) {
		free(c->cert);
		budget_give(&l->server->certs, c->cert_len);
	}
	close(c->fd);
	link_out(&c->by_phase);
	link_out(&c->starved);
	link_out(&c->again);
	c->generation++;
	c->next = l->free_conns;
	l->free_conns = c;
	l->open--;
	atomic_fetch_sub_explicit(&l->server->open, 1, memory_order_relaxed);
	metric_add(&server_series.open, -1);
}

void request_end(struct conn *c)
{
	struct slot *s = c->slot;
	if (!s->parser.req)
		return;
	size_t n = http_parser_stored(&s->parser);
	if (n > s->store_high)
		s->store_high = n;
	http_parser_end(&s->parser);
}

static enum step gone(struct conn *c)
{
	conn_close(c);
	return STEP_GONE;
}

/* No more output; what the peer still sends is read and dropped for a while, since a reset could destroy our last words. */
static enum step end(struct conn *c)
{
	answer_free(c);
	wire_end(c);
	slot_release(c);
	conn_enter(c, PHASE_DRAIN);
	return STEP_AGAIN;
}

static enum step step_drain(struct conn *c)
{
	for (; c->receives > 0; c->receives--) {
		ssize_t n = recv(c->fd, c->loop->scratch, sizeof c->loop->scratch, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return gone(c);
		if (n < 0 && errno == EAGAIN) {
			c->can_read = false;
			return STEP_WAIT;
		}
	}
	loop_again(c);
	return STEP_WAIT;
}

static enum step step_handshake(struct conn *c)
{
	if (!c->slot) {
		if (!c->can_read || !slot_attach(c))
			return STEP_WAIT;
		wire_start(c);
	}
	enum wire w = wire_handshake(c);
	if (w == WIRE_WAIT)
		return STEP_WAIT;
	if (w == WIRE_GONE)
		return end(c);
	conn_enter(c, PHASE_IDLE);
	return STEP_AGAIN;
}

static enum step step_idle(struct conn *c)
{
	bool pending = wire_pending(c);
	if (!pending) {
		if (c->slot && wire_quiet(c))
			slot_release(c);
		if (c->loop->ending)
			return end(c);
		if (!c->can_read)
			return STEP_WAIT;
	}
	if (!slot_attach(c))
		return STEP_WAIT;
	struct slot *s = c->slot;
	struct server *srv = c->loop->server;
	http_parser_start(&s->parser, &s->req, s->store, sizeof s->store, &srv->bounds, &srv->bodies);
	conn_enter(c, PHASE_HEAD);
	return STEP_AGAIN;
}

static void name_peer(struct conn *c)
{
	char *to = c->slot->peer_text, host[INET6_ADDRSTRLEN] = "?";
	int n;
	if (c->from.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&c->from;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		n = snprintf(to, PEER_TEXT, "%s:%u", host, ntohs(in->sin_port));
	} else if (c->from.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&c->from;
		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
		n = snprintf(to, PEER_TEXT, "[%s]:%u", host, ntohs(in->sin6_port));
	} else {
		n = snprintf(to, PEER_TEXT, "local");
	}
	c->slot->req.peer = SPAN(to, (size_t)n);
}

static enum step answer_own(struct conn *c, int status, bool close)
{
	answer_plain(c, status, close);
	conn_enter(c, PHASE_WRITE);
	return STEP_AGAIN;
}

static enum step dispatch(struct conn *c, bool close)
{
	c->close_after = close;
	c->slot->req.tls = c->handshaken;
	c->slot->req.client_cert = SPAN(c->cert, c->cert_len);
	name_peer(c);
	c->asked = metric_now_us();
	conn_enter(c, PHASE_WORK);
	if (queue_push(c->loop->server, c))
		return STEP_WAIT;
	metric_add(&server_series.queue_full, 1);
	return answer_own(c, 503, close);
}

static enum step step_request(struct conn *c)
{
	struct http_parser *p = &c->slot->parser;
	for (;;) {
		struct span plain, go_on = SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n");
		enum wire w = wire_read(c, &plain);
		if (w == WIRE_GONE)
			return http_parser_fresh(p) ? end(c) : gone(c);
		if (w == WIRE_WAIT) {
			if (http_parser_fresh(p) && wire_quiet(c)) {
				conn_enter(c, PHASE_IDLE);
				slot_release(c);
				return c->loop->ending ? STEP_AGAIN : STEP_WAIT;
			}
			return STEP_WAIT;
		}
		size_t taken;
		enum http_step s = http_parser_feed(p, plain, &taken);
		wire_took(c, taken);
		switch (s) {
		case HTTP_MORE:
			break;
		case HTTP_CONTINUE:
			wire_write(c, &go_on);
			if (go_on.n > 0)
				return gone(c);
			break;
		case HTTP_COMPLETE:
			return dispatch(c, false);
		case HTTP_TOO_LARGE:
			return dispatch(c, true);
		case HTTP_BAD:
			metric_add(&server_series.answers[0], 1);
			return answer_own(c, p->bad_status, true);
		}
		if (p->head_done && c->phase == PHASE_HEAD)
			conn_enter(c, PHASE_BODY);
	}
}

static enum step step_work(struct conn *c)
{
	(void)c;
	return STEP_WAIT;
}

static enum step step_write(struct conn *c)
{
	enum wire w = wire_write(c, &c->out);
	if (w == WIRE_GONE)
		return gone(c);
	if (w == WIRE_WAIT) {
		if (c->out_mark - c->out.n >= WRITE_PROGRESS) {
			c->out_mark = c->out.n;
			conn_enter(c, PHASE_WRITE);
		}
		return STEP_WAIT;
	}
	if (c->asked)
		metric_observe(&server_series.request, metric_now_us() - c->asked);
	c->asked = 0;
	answer_free(c);
	if (c->shutdown)
		server_stop(c->loop->server);
	if (c->close_after)
		return end(c);
	conn_enter(c, PHASE_IDLE);
	return STEP_AGAIN;
}

void conn_run(struct conn *c)
{
	static enum step (*const steps[PHASES])(struct conn *) = {
		[PHASE_HANDSHAKE] = step_handshake, [PHASE_IDLE] = step_idle,   [PHASE_HEAD] = step_request, [PHASE_BODY] = step_request,
		[PHASE_WORK] = step_work,           [PHASE_WRITE] = step_write, [PHASE_DRAIN] = step_drain,
	};
	c->receives = TURN_RECEIVES;
	while (steps[c->phase](c) == STEP_AGAIN)
		;
}
