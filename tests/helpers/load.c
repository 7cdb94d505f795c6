/* Load for a server over TLS: one line of JSON on stdout.
 *
 *	load PORT fresh SECONDS THREADS [RATE] [OPTION]...	a connection per request
 *	load PORT keep  SECONDS THREADS [RATE] [OPTION]...	many requests per connection
 *	load PORT idle  COUNT					COUNT connections, kept until stdin ends
 *
 * -p PATH, -b BODY-FILE: what is asked. -c CERT.der -k KEY-SCALAR-HEX: a client certificate. -e TEXT: what every answer with status 200
 * must contain; "wrong" counts those that do not.
 *
 * RATE: requests per second of all threads together, evenly spaced. Latency counts from the time a request was due, not from when a thread
 * was free to send it, so a server that stalls is charged for everything that it kept waiting; "unsent" counts what was due and never sent.
 * 0: as fast as possible. Latencies are those of answers, whatever their status; cpu_us is the CPU time of this program. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/sign.h"
#include "crypto/tls.h"
#include "kms/server/metrics.h"

enum { SAMPLES = 1 << 20, ANSWER_MAX = 65536, WRONG = 1 };

struct peer {
	br_ssl_client_context cc;
	struct tls_peer x509;
	uint8_t store[70000];
	size_t stored;
	int fd;
	uint8_t in[TLS_IN_SIZE], out[TLS_OUT_SIZE];
};

static uint16_t port;
static const char *path = "/echo?x";
static struct span body, cert;
static uint8_t key[32];
static bool keep;
static const char *expected;
static uint64_t end_us, start_us;
static double gap_us;
static uint32_t samples[SAMPLES];
static atomic_uint sample_count;
static atomic_ulong due, ok, wrong, unavailable, refused, failed, unsent;

static void *room(void *self, size_t n)
{
	struct peer *p = self;
	if (n > sizeof p->store - p->stored)
		return NULL;
	p->stored += n;
	return p->store + p->stored - n;
}

static int judge(void *self, const struct tls_peer *x, struct x509 *leaf, struct diag *d)
{
	(void)self;
	return x509_parse(x->cert[0], leaf, d);
}

static bool run(struct peer *p, unsigned wanted)
{
	br_ssl_engine_context *e = &p->cc.eng;
	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		size_t n;
		if (state & BR_SSL_CLOSED)
			return false;
		if (state & BR_SSL_SENDREC) {
			const uint8_t *rec = br_ssl_engine_sendrec_buf(e, &n);
			ssize_t sent = send(p->fd, rec, n, MSG_NOSIGNAL);
			if (sent <= 0)
				return false;
			br_ssl_engine_sendrec_ack(e, (size_t)sent);
		} else if (state & wanted) {
			return true;
		} else {
			uint8_t *to = br_ssl_engine_recvrec_buf(e, &n);
			ssize_t got = recv(p->fd, to, n, 0);
			if (got <= 0)
				return false;
			br_ssl_engine_recvrec_ack(e, (size_t)got);
		}
	}
}

static bool dial(struct peer *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	/* The port is free again at once: thousands of connections a second would use all of them up. */
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0}, sizeof(struct timeval));
	if (connect(p->fd, (struct sockaddr *)&at, sizeof at) != 0)
		return false;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	br_ssl_client_zero(&p->cc);
	tls_profile(&p->cc.eng, TLS_CLIENT);
	p->x509 = (struct tls_peer){.room = room, .judge = judge, .self = p, .leaf_only = true};
	p->stored = 0;
	tls_peer_start(&p->x509);
	br_ssl_engine_set_x509(&p->cc.eng, &p->x509.vtable);
	br_x509_certificate chain = {(unsigned char *)(uintptr_t)cert.p, cert.n};
	br_ec_private_key sk = {BR_EC_secp256r1, key, sizeof key};
	if (cert.n > 0)
		br_ssl_client_set_single_ec(&p->cc, &chain, 1, &sk, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, br_ssl_engine_get_ec(&p->cc.eng),
					    ecdsa_sign_der);
	tls_seed(&p->cc.eng);
	br_ssl_engine_set_buffers_bidi(&p->cc.eng, p->in, sizeof p->in, p->out, sizeof p->out);
	br_ssl_client_reset(&p->cc, "localhost", 0);
	return run(p, BR_SSL_SENDAPP);
}

static bool put(struct peer *p, struct span s)
{
	while (s.n > 0) {
		size_t n;
		if (!run(p, BR_SSL_SENDAPP))
			return false;
		uint8_t *to = br_ssl_engine_sendapp_buf(&p->cc.eng, &n);
		n = n < s.n ? n : s.n;
		memcpy(to, s.p, n);
		br_ssl_engine_sendapp_ack(&p->cc.eng, n);
		s = SPAN(s.p + n, s.n - n);
	}
	br_ssl_engine_flush(&p->cc.eng, 0);
	return true;
}

/* The status of one exchange, 0 if it failed, WRONG if it is 200 and not what was expected. */
static int exchange(struct peer *p)
{
	char head[512], answer[ANSWER_MAX + 1];
	int len = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", body.p ? "POST" : "GET",
			   path, body.n);
	if (!put(p, SPAN(head, len)) || !put(p, body))
		return 0;
	size_t total = 0, want = 0;
	do {
		size_t n;
		if (!run(p, BR_SSL_RECVAPP))
			return 0;
		const uint8_t *from = br_ssl_engine_recvapp_buf(&p->cc.eng, &n);
		if (n > ANSWER_MAX - total)
			return 0;
		memcpy(answer + total, from, n);
		br_ssl_engine_recvapp_ack(&p->cc.eng, n);
		total += n;
		answer[total] = 0;
		const char *split = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
		if (split && length)
			want = (size_t)(split + 4 - answer) + strtoul(length + 16, NULL, 10);
	} while (want == 0 || total < want);
	int status = atoi(answer + 9);
	return status == 200 && expected && !strstr(answer, expected) ? WRONG : status;
}

static void sleep_until(uint64_t us)
{
	if (us > metric_now_us())
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){(time_t)(us / 1000000), (long)(us % 1000000) * 1000},
				NULL);
}

static void *worker(void *arg)
{
	(void)arg;
	struct peer *p = malloc(sizeof *p);
	bool open = false;
	prctl(PR_SET_TIMERSLACK, 1);
	while (p) {
		uint64_t from = metric_now_us();
		if (gap_us > 0) {
			from = start_us + (uint64_t)((double)atomic_fetch_add(&due, 1) * gap_us);
			sleep_until(from);
		}
		if (from >= end_us)
			break;
		if (metric_now_us() >= end_us) {
			atomic_fetch_add(&unsent, gap_us > 0 ? 1 : 0);
			if (gap_us > 0)
				continue;
			break;
		}
		open = open || dial(p);
		int status = open ? exchange(p) : 0;
		if (!open)
			close(p->fd);
		if (open && (!keep || status == 0)) {
			close(p->fd);
			open = false;
		}
		atomic_fetch_add(status == 200     ? &ok
				 : status == WRONG ? &wrong
				 : status == 503   ? &unavailable
				 : status          ? &refused
						   : &failed,
				 1);
		uint32_t at = status ? atomic_fetch_add(&sample_count, 1) : SAMPLES;
		if (at < SAMPLES)
			samples[at] = (uint32_t)(metric_now_us() - from);
	}
	if (open)
		close(p->fd);
	free(p);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int idle(unsigned count)
{
	static struct peer p;
	unsigned open = 0;
	for (; open < count && dial(&p); open++)
		;
	printf("{\"open\":%u}\n", open);
	fflush(stdout);
	while (getchar() != EOF)
		;
	return open == count ? 0 : 1;
}

static struct span load_file(const char *name)
{
	static uint8_t space[2][1 << 18];
	static int used;
	FILE *f = fopen(name, "rb");
	if (!f) {
		perror(name);
		exit(2);
	}
	size_t n = fread(space[used], 1, sizeof space[0], f);
	fclose(f);
	return SPAN(space[used++], n);
}

int main(int argc, char **argv)
{
	int c;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	while ((c = getopt(argc, argv, "p:b:c:e:k:")) != -1) {
		if (c == 'p')
			path = optarg;
		else if (c == 'e')
			expected = optarg;
		else if (c == 'b')
			body = load_file(optarg);
		else if (c == 'c')
			cert = load_file(optarg);
		else if (c != 'k' || hex_decode(SPAN_STR(optarg), key, sizeof key) != 32)
			return 2;
	}
	argc -= optind;
	argv += optind;
	if (argc < 3)
		return 2;
	port = (uint16_t)atoi(argv[0]);
	if (strcmp(argv[1], "idle") == 0)
		return idle((unsigned)atoi(argv[2]));
	keep = strcmp(argv[1], "keep") == 0;
	unsigned threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	double rate = argc > 4 ? atof(argv[4]) : 0;
	gap_us = rate > 0 ? 1e6 / rate : 0;
	start_us = metric_now_us();
	end_us = start_us + (uint64_t)(atof(argv[2]) * 1e6);
	pthread_t *t = calloc(threads ? threads : 1, sizeof *t);
	for (unsigned i = 0; t && i < threads; i++)
		if (pthread_create(&t[i], NULL, worker, NULL) != 0)
			return 1;
	for (unsigned i = 0; t && i < threads; i++)
		pthread_join(t[i], NULL);
	free(t);
	double seconds = (double)(metric_now_us() - start_us) / 1e6;
	uint32_t n = sample_count < SAMPLES ? sample_count : SAMPLES;
	qsort(samples, n, sizeof samples[0], by_size);
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	printf("{\"seconds\":%.3f,\"cpu_us\":%.0f,\"ok\":%lu,\"wrong\":%lu,\"unavailable\":%lu,\"refused\":%lu,\"failed\":%lu,\"unsent\":%"
	       "lu,",
	       seconds, (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec), ok,
	       wrong, unavailable, refused, failed, unsent);
	printf("\"per_second\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n", (double)ok / seconds, n ? samples[n / 2] : 0,
	       n ? samples[n - 1 - n / 100] : 0, n ? samples[n - 1] : 0);
	return 0;
}
