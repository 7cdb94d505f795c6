#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kms/server/conn.h"

enum { EVENTS = 128, ACCEPTS = 64, TRIM_US = 1000000, RETRY_US = 100000, LAST_DRAIN_US = 500000 };
static const uint64_t key_wake = ~0ull, key_listen = ~0ull - 1;

static void *reserve(size_t count, size_t size)
{
	void *p = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void listen_on(struct loop *l, bool on)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.u64 = key_listen};
	if (on != l->accepting && epoll_ctl(l->ep, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->server->listen_fd, &ev) == 0)
		l->accepting = on;
}

unsigned loop_places(const struct server *s)
{
	return s->limits.connections + s->limits.loops;
}

int loop_open(struct loop *l, struct server *s, unsigned slots, struct diag *d)
{
	unsigned conns = loop_places(s);
	*l = (struct loop){.server = s, .ep = -1, .wake = -1, .slots_max = slots, .free_count = slots, .clean_slots = slots};
	for (int i = 0; i < PHASES; i++)
		link_init(&l->phases[i]);
	link_init(&l->starved);
	link_init(&l->again);
	pthread_mutex_init(&l->lock, NULL);
	l->conns = reserve(conns, sizeof *l->conns);
	l->slots = reserve(slots, sizeof *l->slots);
	l->free_slots = reserve(slots, sizeof *l->free_slots);
	if (!l->conns || !l->slots || !l->free_slots)
		return diag_fail(d, ERR_LIMIT, "no memory for %u connections", conns);
	for (unsigned i = 0; i < slots; i++)
		l->free_slots[i] = i;
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = key_wake};
	if (l->ep < 0 || l->wake < 0 || epoll_ctl(l->ep, EPOLL_CTL_ADD, l->wake, &ev) != 0)
		return diag_fail(d, ERR_IO, "epoll: %s", strerror(errno));
	return 0;
}

void loop_close(struct loop *l)
{
	if (l->conns)
		munmap(l->conns, loop_places(l->server) * sizeof *l->conns);
	if (l->slots)
		munmap(l->slots, l->slots_max * sizeof *l->slots);
	if (l->free_slots)
		munmap(l->free_slots, l->slots_max * sizeof *l->free_slots);
	if (l->ep >= 0)
		close(l->ep);
	if (l->wake >= 0)
		close(l->wake);
	pthread_mutex_destroy(&l->lock);
}

/* Async-signal-safe. */
void loop_wake(struct loop *l)
{
	ssize_t r = write(l->wake, &(uint64_t){1}, sizeof(uint64_t));
	(void)r; /* a counter that is full wakes just as well */
}

void loop_answered(struct loop *l, struct conn *c)
{
	pthread_mutex_lock(&l->lock);
	bool first = l->answered == NULL;
	c->next = l->answered;
	l->answered = c;
	pthread_mutex_unlock(&l->lock);
	if (first)
		loop_wake(l);
}

static struct conn *of_phase(struct link *at)
{
	return (struct conn *)((uint8_t *)at - offsetof(struct conn, by_phase));
}

static void accept_some(struct loop *l)
{
	for (int i = 0; i < ACCEPTS && l->accepting; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof from;
		bool full = atomic_load_explicit(&l->server->open, memory_order_relaxed) >= l->server->limits.connections;
		struct conn *victim = full ? room_for_connection(l) : NULL;
		bool room = !full || victim;
		int fd = room ? accept4(l->server->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
		if (fd < 0 && room && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0 && room && (errno == EMFILE || errno == ENFILE) && (victim = room_for_connection(l)) != NULL) {
			room_evict(victim, &server_series.evicted);
			continue;
		}
		if (fd < 0) {
			metric_add(&server_series.turned_away, 1);
			listen_on(l, false);
			l->retry_accept = l->now + RETRY_US;
			return;
		}
		if (victim)
			room_evict(victim, &server_series.evicted);
		struct conn *c = conn_open(l, fd, &from);
		if (c)
			conn_run(c);
	}
}

static void run_answered(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	struct conn *c = l->answered, *next;
	l->answered = NULL;
	pthread_mutex_unlock(&l->lock);
	for (; c; c = next) {
		next = c->next;
		conn_enter(c, PHASE_WRITE);
		conn_run(c);
	}
}

static void expire(struct loop *l)
{
	for (int p = 0; p < PHASES; p++) {
		uint64_t limit = p == PHASE_DRAIN && l->ending ? LAST_DRAIN_US : l->server->phase_us[p];
		while (limit && !link_alone(&l->phases[p])) {
			struct conn *c = of_phase(l->phases[p].next);
			if (l->now - c->since < limit)
				break;
			metric_add(&server_series.timeouts[p], 1);
			/* What the peer did not take in time, the kernel shall not keep for it either. */
			if (p == PHASE_WRITE)
				setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
			conn_close(c);
		}
	}
}

/* Those that wait for a slot, in the order of their coming. */
static void feed_starved(struct loop *l)
{
	while (!link_alone(&l->starved)) {
		struct link *first = l->starved.next;
		link_out(first);
		conn_run((struct conn *)((uint8_t *)first - offsetof(struct conn, starved)));
		if (!link_alone(first))
			return; /* it waits again: there is still none */
	}
}

void loop_again(struct conn *c)
{
	if (link_alone(&c->again))
		link_last(&c->loop->again, &c->again);
}

/* Those whose turn was over, once each. */
static void run_again(struct loop *l)
{
	struct link todo;
	link_init(&todo);
	while (!link_alone(&l->again)) {
		struct link *first = l->again.next;
		link_out(first);
		link_last(&todo, first);
	}
	while (!link_alone(&todo)) {
		struct link *first = todo.next;
		link_out(first);
		conn_run((struct conn *)((uint8_t *)first - offsetof(struct conn, again)));
	}
}

static void begin_end(struct loop *l)
{
	l->ending = true;
	l->end_at = l->now + (uint64_t)l->server->limits.grace_ms * 1000;
	listen_on(l, false);
	while (!link_alone(&l->phases[PHASE_IDLE])) {
		struct conn *c = of_phase(l->phases[PHASE_IDLE].next);
		wire_end(c);
		conn_close(c);
	}
	/* Handshakes have asked for nothing yet. */
	while (!link_alone(&l->phases[PHASE_HANDSHAKE]))
		conn_close(of_phase(l->phases[PHASE_HANDSHAKE].next));
}

static void end_now(struct loop *l)
{
	for (int p = 0; p < PHASES; p++)
		while (p != PHASE_WORK && !link_alone(&l->phases[p]))
			conn_close(of_phase(l->phases[p].next));
}

static int wait_ms(const struct loop *l)
{
	uint64_t at = l->now + TRIM_US;
	if (!link_alone(&l->again))
		return 0;
	if (!link_alone(&l->starved) || l->retry_accept || l->ending || l->short_of_memory)
		at = l->now + RETRY_US;
	if (l->ending && l->end_at < at)
		at = l->end_at;
	for (int p = 0; p < PHASES; p++) {
		uint64_t limit = l->server->phase_us[p];
		if (!limit || link_alone(&l->phases[p]))
			continue;
		uint64_t due = of_phase(l->phases[p].next)->since + limit;
		if (due < at)
			at = due;
	}
	/* With nobody here and nothing to give back there is nothing to wake up for. */
	if (l->open == 0 && !l->retry_accept && !l->ending && l->clean_slots == l->free_count)
		return -1;
	return at <= l->now ? 0 : (int)((at - l->now + 999) / 1000);
}

static void on_event(struct loop *l, const struct epoll_event *ev)
{
	struct conn *c = &l->conns[ev->data.u64 & 0xffffffff];
	if (c->generation != ev->data.u64 >> 32)
		return;
	if (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->can_read = true;
	if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		c->can_write = true;
	conn_run(c);
}

void *loop_main(void *loop)
{
	struct loop *l = loop;
	struct epoll_event events[EVENTS];
	l->now = l->last_trim = metric_now_us();
	listen_on(l, true);
	while (!l->ending || l->open > 0) {
		int n = epoll_wait(l->ep, events, EVENTS, wait_ms(l));
		l->now = metric_now_us();
		bool incoming = false;
		for (int i = 0; i < n; i++) {
			uint64_t got;
			if (events[i].data.u64 == key_listen)
				incoming = true;
			else if (events[i].data.u64 == key_wake)
				while (read(l->wake, &got, sizeof got) > 0)
					;
			else
				on_event(l, &events[i]);
		}
		run_answered(l);
		run_again(l);
		if (incoming)
			accept_some(l);
		if (l->retry_accept && l->now >= l->retry_accept && !l->ending) {
			l->retry_accept = 0;
			listen_on(l, true);
		}
		expire(l);
		l->short_of_memory = room_relieve(l);
		feed_starved(l);
		if (l->server->stopping && !l->ending)
			begin_end(l);
		if (l->ending && l->now >= l->end_at)
			end_now(l);
		if (l->now - l->last_trim >= TRIM_US) {
			l->last_trim = l->now;
			slots_trim(l);
			metric_set(&server_series.memory,
				   (long)(atomic_load(&l->server->bodies.used) + atomic_load(&l->server->certs.used)));
		}
	}
	return NULL;
}
