#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/text.h"
#include "kms/client/link.h"

enum { ADDRESSES_MAX = 8, RESOLVER_STACK = 256 * 1024 };

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_until(int fd, short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - clock_ms();
		if (left <= 0)
			return ERR_TIMEOUT;
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return ERR_IO;
	}
}

int link_wait(const struct link_to *l, short events, struct diag *d)
{
	int e = wait_until(l->fd, events, l->deadline);
	return e == 0 ? 0 : diag_fail(d, e, "%s", e == ERR_TIMEOUT ? "operation timed out" : "poll failed");
}

/* getaddrinfo knows no deadline, so it runs on a thread of its own, which is left behind when it takes too long. */
struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done, abandoned;
	int result;
	struct addrinfo *list;
	char host[256], port[8];
};

static void lookup_free(struct lookup *k)
{
	if (k->list)
		freeaddrinfo(k->list);
	pthread_cond_destroy(&k->done_cond);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static void *lookup_main(void *arg)
{
	struct lookup *k = arg;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	int result = getaddrinfo(k->host, k->port, &hints, &list);
	pthread_mutex_lock(&k->lock);
	k->result = result;
	k->list = list;
	k->done = true;
	bool mine = k->abandoned;
	pthread_cond_signal(&k->done_cond);
	pthread_mutex_unlock(&k->lock);
	if (mine)
		lookup_free(k);
	return NULL;
}

static struct lookup *lookup_start(const struct url *u)
{
	struct lookup *k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	snprintf(k->host, sizeof k->host, "%s", u->host);
	snprintf(k->port, sizeof k->port, "%u", u->port);
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_t ca;
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&k->done_cond, &ca);
	pthread_condattr_destroy(&ca);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, RESOLVER_STACK);
	pthread_t t;
	int e = pthread_create(&t, &attr, lookup_main, k);
	pthread_attr_destroy(&attr);
	if (e) {
		lookup_free(k);
		return NULL;
	}
	return k;
}

static int resolve(const struct url *u, int64_t deadline, struct address *out, size_t *n, struct diag *d)
{
	*n = 0;
	struct sockaddr_in *in = (struct sockaddr_in *)&out[0].at;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out[0].at;
	if (u->literal) {
		memset(out, 0, sizeof *out);
		if (inet_pton(AF_INET, u->host, &in->sin_addr) == 1) {
			in->sin_family = AF_INET;
			in->sin_port = htons(u->port);
			out[0].len = sizeof *in;
		} else {
			inet_pton(AF_INET6, u->host, &in6->sin6_addr);
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons(u->port);
			out[0].len = sizeof *in6;
		}
		*n = 1;
		return 0;
	}
	struct lookup *k = lookup_start(u);
	if (!k)
		return diag_fail(d, ERR_LIMIT, "dns error: no thread for the lookup");
	const struct timespec until = {(time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000};
	pthread_mutex_lock(&k->lock);
	int w = 0;
	while (!k->done && w == 0)
		w = pthread_cond_timedwait(&k->done_cond, &k->lock, &until);
	bool done = k->done;
	k->abandoned = !done;
	pthread_mutex_unlock(&k->lock);
	if (!done)
		return diag_fail(d, ERR_TIMEOUT, "dns error: lookup of %s timed out", u->host);
	int e = 0;
	if (k->result != 0)
		e = diag_fail(d, ERR_IO, "dns error: failed to lookup address information: %s", gai_strerror(k->result));
	for (struct addrinfo *at = k->list; !e && at && *n < ADDRESSES_MAX; at = at->ai_next) {
		if (at->ai_addrlen > sizeof out[0].at)
			continue;
		memcpy(&out[*n].at, at->ai_addr, at->ai_addrlen);
		out[(*n)++].len = at->ai_addrlen;
	}
	lookup_free(k);
	if (!e && *n == 0)
		e = diag_fail(d, ERR_IO, "dns error: no address for %s", u->host);
	return e;
}

static int connect_one(const struct address *a, int64_t deadline, int *fd, struct diag *d)
{
	*fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return diag_fail(d, ERR_IO, "tcp open error: %s (os error %d)", strerror(errno), errno);
	int err = 0, e = 0;
	if (connect(*fd, (const struct sockaddr *)&a->at, a->len) != 0) {
		err = errno;
		if (err == EINPROGRESS || err == EAGAIN || err == EINTR) {
			e = wait_until(*fd, POLLOUT, deadline);
			socklen_t len = sizeof err;
			err = 0;
			if (e == 0)
				getsockopt(*fd, SOL_SOCKET, SO_ERROR, &err, &len);
		}
	}
	if (e == ERR_TIMEOUT)
		e = diag_fail(d, ERR_TIMEOUT, "operation timed out");
	else if (e || err)
		e = diag_fail(d, ERR_IO, "tcp connect error: %s (os error %d)", strerror(err), err);
	if (e) {
		close(*fd);
		*fd = -1;
		return e;
	}
	setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return 0;
}

static int special_address(const struct url *u, struct address *a, struct diag *d)
{
	memset(a, 0, sizeof *a);
	if (u->scheme == URL_UNIX) {
		struct sockaddr_un *un = (struct sockaddr_un *)&a->at;
		if (strlen(u->host) >= sizeof un->sun_path)
			return diag_fail(d, ERR_CONFIG, "socket path too long: %s", u->host);
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, u->host, strlen(u->host));
		a->len = sizeof *un;
		return 0;
	}
	struct sockaddr_vm *vm = (struct sockaddr_vm *)&a->at;
	uint64_t cid;
	if (!parse_u64(SPAN_STR(u->host), &cid) || cid > UINT32_MAX)
		return diag_fail(d, ERR_CONFIG, "not a vsock address: %s", u->host);
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = (unsigned)cid;
	vm->svm_port = u->port;
	a->len = sizeof *vm;
	return 0;
}

int link_dial(struct link_to *l, const struct url *to, int64_t connect_deadline, struct diag *d)
{
	struct address list[ADDRESSES_MAX] = {0};
	size_t n = 1;
	int e = to->scheme == URL_HTTP || to->scheme == URL_HTTPS ? resolve(to, connect_deadline, list, &n, d)
								  : special_address(to, &list[0], d);
	if (e)
		return e;
	for (size_t i = 0; i < n; i++) {
		/* An address that does not answer must leave time for the others. */
		int64_t now = clock_ms(), part = now + (connect_deadline - now) / (int64_t)(n - i);
		e = connect_one(&list[i], part, &l->fd, d);
		if (e == 0)
			return 0;
	}
	return e;
}
