#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/wipe.h"
#include "kms/server/conn.h"

enum { CHAIN_BYTES_MAX = 65000, HEADERS_MAX = 2048, LOOPS_MAX = 16, STACK_BYTES = 1024 * 1024 };

static void defaults(struct server_limits *l)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const struct {
		unsigned *at, value;
	} numbers[] = {
		{&l->loops, cores < 1           ? 1
			    : cores > LOOPS_MAX ? LOOPS_MAX
						: (unsigned)cores},
		{&l->workers, 32},
		{&l->queue, 256},
		{&l->connections, 16384},
		{&l->records, 1024},
		{&l->queue_ms, 20000},
		{&l->handshake_ms, 10000},
		{&l->head_ms, 10000},
		{&l->body_ms, 60000},
		{&l->write_ms, 20000},
		{&l->idle_ms, 120000},
		{&l->drain_ms, 2000},
		{&l->grace_ms, 5000},
	};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (*numbers[i].at == 0)
			*numbers[i].at = numbers[i].value;
	if (l->memory == 0)
		l->memory = 128u << 20;
	if (l->head == 0)
		l->head = 16384;
	if (l->body == 0)
		l->body = 10485760;
}

/* Raises the process's bound on descriptors, by right of root if it takes that. Where it stays too low, connections give way: workers need
 * descriptors of their own to ask others. */
static void descriptors(struct server_limits *l)
{
	rlim_t own = 64 + 4 * (rlim_t)l->workers, wanted = l->connections + own;
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	if (files.rlim_cur < wanted) {
		struct rlimit more = {wanted, files.rlim_max > wanted ? files.rlim_max : wanted};
		if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
			more = (struct rlimit){files.rlim_max < wanted ? files.rlim_max : wanted, files.rlim_max};
			if (setrlimit(RLIMIT_NOFILE, &more) != 0)
				more.rlim_cur = files.rlim_cur;
		}
		files.rlim_cur = more.rlim_cur;
	}
	if (files.rlim_cur < wanted)
		l->connections = files.rlim_cur > 2 * own ? (unsigned)(files.rlim_cur - own) : (unsigned)(files.rlim_cur / 2);
}

/* Every loop has at least one of each. */
static unsigned share(unsigned total, unsigned parts)
{
	return total / parts > 0 ? total / parts : 1;
}

static int check(const struct server_config *c, const struct server_limits *l, struct diag *d)
{
	if (l->loops > LOOPS_MAX)
		return diag_fail(d, ERR_CONFIG, "at most %d event loops", LOOPS_MAX);
	if (l->head > SLOT_STORE / 2)
		return diag_fail(d, ERR_CONFIG, "request head bound above %d bytes", SLOT_STORE / 2);
	if (l->body > 32u << 20)
		return diag_fail(d, ERR_CONFIG, "request body bound above 32 MiB");
	if (c->headers && strlen(c->headers) > HEADERS_MAX)
		return diag_fail(d, ERR_CONFIG, "header lines above %d bytes", HEADERS_MAX);
	return 0;
}

static int copy_tls(struct server *s, const struct server_tls *t, struct diag *d)
{
	size_t total = 0;
	for (size_t i = 0; i < t->chain_len; i++)
		total += t->chain[i].n;
	if (t->chain_len < 1 || t->chain_len > CHAIN_MAX || total > CHAIN_BYTES_MAX)
		return diag_fail(d, ERR_CONFIG, "server certificate chain: %zu certificates, %zu bytes; at most %d and %d", t->chain_len,
				 total, CHAIN_MAX, CHAIN_BYTES_MAX);
	s->chain_bytes = malloc(total + 1);
	if (!s->chain_bytes)
		return diag_fail(d, ERR_LIMIT, "no memory for the server certificate");
	uint8_t *at = s->chain_bytes;
	for (size_t i = 0; i < t->chain_len; i++) {
		memcpy(at, t->chain[i].p, t->chain[i].n);
		s->chain[i] = (br_x509_certificate){at, t->chain[i].n};
		at += t->chain[i].n;
	}
	memcpy(s->key_bytes, t->key, sizeof s->key_bytes);
	s->chain_len = t->chain_len;
	s->key = (br_ec_private_key){BR_EC_secp256r1, s->key_bytes, sizeof s->key_bytes};
	if (t->client_ca.n == 0)
		return 0;

	s->ca_bytes = malloc(t->client_ca.n);
	if (!s->ca_bytes)
		return diag_fail(d, ERR_LIMIT, "no memory for the client CA");
	memcpy(s->ca_bytes, t->client_ca.p, t->client_ca.n);
	int e = x509_parse(SPAN(s->ca_bytes, t->client_ca.n), &s->ca, d);
	if (e)
		return diag_wrap(d, e, "client CA certificate");
	s->ca_name = (br_x500_name){(unsigned char *)(uintptr_t)s->ca.subject.p, s->ca.subject.n};
	return 0;
}

static int open_parts(struct server *s, struct diag *d)
{
	struct server_limits *l = &s->limits;
	s->loops = calloc(l->loops, sizeof *s->loops);
	s->ring = calloc(l->queue, sizeof(struct conn *));
	s->workers = calloc(l->workers, sizeof *s->workers);
	if (!s->loops || !s->ring || !s->workers)
		return diag_fail(d, ERR_LIMIT, "no memory for the server");
	for (unsigned i = 0; i < l->workers; i++) {
		s->workers[i].server = s;
		pthread_cond_init(&s->workers[i].go, NULL);
		s->worker_count++;
	}
	for (unsigned i = 0; i < l->loops; i++) {
		s->loop_count++;
		int e = loop_open(&s->loops[i], s, share(l->records, l->loops), d);
		if (e)
			return e;
	}
	return 0;
}

int server_open(struct server **out, const struct server_config *c, struct diag *d)
{
	*out = NULL;
	struct server_limits limits = c->limits;
	defaults(&limits);
	descriptors(&limits);
	int e = check(c, &limits, d);
	if (e)
		return e;
	struct server *s = calloc(1, sizeof *s);
	if (!s)
		return diag_fail(d, ERR_LIMIT, "no memory for the server");
	s->cfg = *c;
	s->cfg.tls = NULL;
	s->tls = c->tls != NULL;
	s->limits = limits;
	s->bounds = (struct http_bounds){limits.head, limits.body};
	s->bodies.max = limits.memory - limits.memory / 2;
	s->certs.max = limits.memory / 2;
	s->queue_us = (uint64_t)limits.queue_ms * 1000;
	s->listen_fd = c->listen_fd;
	pthread_mutex_init(&s->lock, NULL);
	const unsigned ms[PHASES] = {
		[PHASE_HANDSHAKE] = limits.handshake_ms, [PHASE_IDLE] = limits.idle_ms,   [PHASE_HEAD] = limits.head_ms,
		[PHASE_BODY] = limits.body_ms,           [PHASE_WRITE] = limits.write_ms, [PHASE_DRAIN] = limits.drain_ms,
	};
	for (int i = 0; i < PHASES; i++)
		s->phase_us[i] = (uint64_t)ms[i] * 1000;

	if (c->tls)
		e = copy_tls(s, c->tls, d);
	if (!e && s->listen_fd < 0) {
		s->listen_fd = server_listen(c->address, c->port, d);
		e = s->listen_fd < 0 ? s->listen_fd : 0;
		s->own_listen = e == 0;
	}
	if (!e)
		e = open_parts(s, d);
	if (e)
		server_close(s);
	else
		*out = s;
	return e;
}

uint16_t server_port(const struct server *s)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	if (getsockname(s->listen_fd, (struct sockaddr *)&a, &len) != 0)
		return 0;
	if (a.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&a)->sin_port);
	return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port) : 0;
}

static void join_all(struct server *s)
{
	for (unsigned i = 0; i < s->loops_started; i++)
		pthread_join(s->loops[i].thread, NULL);
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	for (unsigned i = 0; i < s->workers_started; i++)
		pthread_cond_signal(&s->workers[i].go);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->workers_started; i++)
		pthread_join(s->workers[i].thread, NULL);
}

int server_run(struct server *s, struct diag *d)
{
	int e = 0;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (unsigned i = 0; i < s->worker_count && !e; i++) {
		e = pthread_create(&s->workers[i].thread, &attr, worker_main, &s->workers[i]);
		s->workers_started += e == 0;
	}
	for (unsigned i = 0; i < s->loop_count && !e; i++) {
		e = pthread_create(&s->loops[i].thread, &attr, loop_main, &s->loops[i]);
		s->loops_started += e == 0;
	}
	pthread_attr_destroy(&attr);
	if (e)
		server_stop(s);
	join_all(s);
	return e ? diag_fail(d, ERR_IO, "cannot start threads: %s", strerror(e)) : 0;
}

void server_stop(struct server *s)
{
	s->stopping = true;
	for (unsigned i = 0; i < s->loop_count; i++)
		loop_wake(&s->loops[i]);
}

void server_close(struct server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->loop_count; i++)
		loop_close(&s->loops[i]);
	for (unsigned i = 0; i < s->worker_count; i++)
		pthread_cond_destroy(&s->workers[i].go);
	if (s->own_listen)
		close(s->listen_fd);
	pthread_mutex_destroy(&s->lock);
	wipe(s->key_bytes, sizeof s->key_bytes);
	free(s->chain_bytes);
	free(s->ca_bytes);
	free(s->loops);
	free(s->ring);
	free(s->workers);
	free(s);
}
