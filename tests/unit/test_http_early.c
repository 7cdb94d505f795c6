/* Peers that answer early, stop listening or never stop talking. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kms/client/http_client.h"
#include "tests/unit/serve.h"

static struct arena arena;
static struct p256_key server_key;
static struct span server_cert;

static int fetch(const struct http_fetch *f, struct http_reply *r, struct diag *d)
{
	diag_clear(d);
	return http_fetch(&arena, f, r, d);
}

enum early_end { CLOSES, STALLS };

struct early {
	int fd;
	const char *text;
	enum early_end end;
	int done; /* written by the test when the client has given up */
};

/* Reads the first bytes of a request, answers, and either closes with the rest unread (so that the kernel resets the connection) or stays
 * without ever reading again. */
static void *early_main(void *arg)
{
	struct early *c = arg;
	char first[64];
	int fd = accept(c->fd, NULL, NULL);
	size_t n = strlen(c->text);
	bool good = recv(fd, first, sizeof first, 0) > 0 && send(fd, c->text, n, MSG_NOSIGNAL) == (ssize_t)n;
	if (c->end == STALLS)
		good = good && read(c->done, first, 1) == 0;
	close(fd);
	return good ? c : NULL;
}

static int ask_early(const char *text, enum early_end end, size_t body, struct http_reply *r, struct diag *d)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	pthread_t thread;
	void *good;
	int done[2];
	assert_int_equal(pipe(done), 0);
	struct early c = {.fd = socket(AF_INET, SOCK_STREAM, 0), .text = text, .end = end, .done = done[0]};
	assert_int_equal(bind(c.fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(c.fd, 1), 0);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&at, &len), 0);
	pthread_create(&thread, NULL, early_main, &c);
	uint8_t *p = calloc(1, body);
	struct http_fetch f = {.method = "POST",
			       .url = arena_fmt(&arena, "http://127.0.0.1:%u/", ntohs(at.sin_port)),
			       .body = SPAN(p, body),
			       .timeout_ms = 20000};
	int e = fetch(&f, r, d);
	close(done[1]);
	pthread_join(thread, &good);
	assert_non_null(good);
	close(done[0]);
	close(c.fd);
	free(p);
	return e;
}

/* More than the buffers of both sockets take. */
enum { EARLY_BODY = 32 << 20 };

static void an_answer_before_the_end_of_the_request_is_taken(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
		const char *body;
	} cases[] = {
		{"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large", 413, "too large"},
		{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 503, ""},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 401,
		 "no"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (enum early_end end = CLOSES; end <= STALLS; end++) {
			struct http_reply r;
			struct diag d;
			int e = ask_early(cases[i].text, end, EARLY_BODY, &r, &d);
			if (e)
				fail_msg("case %zu, %s: %d %s", i, end == CLOSES ? "closes" : "stalls", e, d.text);
			assert_int_equal(r.status, cases[i].status);
			assert_span_equal(r.body, SPAN_STR(cases[i].body));
		}
	}
}

/* Says the beginning, then the rest over and over for as long as it is heard. */
struct endless {
	int fd;
	struct span first, then;
};

static void *endless_main(void *arg)
{
	const struct endless *c = arg;
	char sink[4096];
	static char many[65536];
	size_t n = 0;
	for (; n + c->then.n <= sizeof many; n += c->then.n)
		memcpy(many + n, c->then.p, c->then.n);
	int fd = accept(c->fd, NULL, NULL);
	if (recv(fd, sink, sizeof sink, 0) > 0 && send(fd, c->first.p, c->first.n, MSG_NOSIGNAL) >= 0)
		while (send(fd, many, n, MSG_NOSIGNAL) > 0)
			;
	close(fd);
	return NULL;
}

static void a_peer_that_never_stops_talking_is_left_at_the_deadline(void **state)
{
	(void)state;
	static const struct {
		const char *scheme;
		struct span first, then;
	} cases[] = {
		{"http", SPAN_LIT(""), SPAN_LIT("HTTP/1.1 100 Continue\r\nX: y\r\n\r\n")},
		{"http", SPAN_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1"), SPAN_LIT(";x=y")},
		{"http", SPAN_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), SPAN_LIT("0000000000000000")},
		/* warnings before the ServerHello */
		{"https", SPAN_LIT(""), SPAN_LIT("\x15\x03\x03\x00\x02\x01\x5a")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t len = sizeof at;
		struct http_reply r;
		struct diag d;
		pthread_t thread;
		struct endless c = {.fd = socket(AF_INET, SOCK_STREAM, 0), .first = cases[i].first, .then = cases[i].then};
		assert_int_equal(bind(c.fd, (struct sockaddr *)&at, len), 0);
		assert_int_equal(listen(c.fd, 1), 0);
		assert_int_equal(getsockname(c.fd, (struct sockaddr *)&at, &len), 0);
		pthread_create(&thread, NULL, endless_main, &c);
		struct http_fetch f = {.url = arena_fmt(&arena, "%s://127.0.0.1:%u/", cases[i].scheme, ntohs(at.sin_port)),
				       .trust = HTTP_TRUST_SIGNED,
				       .timeout_ms = 300};
		int e = fetch(&f, &r, &d);
		if (e != ERR_TIMEOUT)
			fail_msg("case %zu: %d %s", i, e, d.text);
		pthread_join(thread, NULL);
		close(c.fd);
	}
}

static void half_an_answer_before_the_end_of_the_request_is_an_error(void **state)
{
	(void)state;
	static const char *const cases[] = {"HTTP/1.1 413 Payload Too La", "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo",
					    "HTTP/1.1 100 Continue\r\n\r\n"};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_reply r;
		struct diag d;
		int e = ask_early(cases[i], CLOSES, EARLY_BODY, &r, &d);
		if (e != ERR_IO && e != ERR_INPUT)
			fail_msg("case %zu: %d %s", i, e, d.text);
		assert_non_null(strstr(d.text, "client error (SendRequest)"));
		assert_int_equal(r.status, 0);
	}
}

static void refuse_the_size(void *ctx, const struct http_request *q, struct http_response *r)
{
	(void)ctx;
	r->status = q->body_too_large ? 413 : 200;
}

static void a_server_that_refuses_a_body_for_its_size_is_heard_over_tls(void **state)
{
	(void)state;
	struct server_tls tls = {.chain = &server_cert, .chain_len = 1};
	struct server_config c = {.listen_fd = -1, .address = "127.0.0.1", .tls = &tls, .handler = refuse_the_size};
	struct serving v;
	memcpy(tls.key, server_key.scalar, 32);
	c.limits.body = 1000;
	c.limits.drain_ms = 1; /* it reads on for no longer than that, so most of the body stays unread */
	serving_start(&v, &c);
	uint8_t *p = calloc(1, EARLY_BODY);
	struct http_fetch f = {.url = arena_fmt(&arena, "https://localhost:%u/", v.port)};
	struct http_reply r;
	struct diag d;
	f.method = "POST";
	f.trust = HTTP_TRUST_CAPTURE;
	f.body = SPAN(p, EARLY_BODY);
	f.timeout_ms = 20000;
	int e = fetch(&f, &r, &d);
	free(p);
	serving_stop(&v);
	if (e)
		fail_msg("%d %s", e, d.text);
	assert_int_equal(r.status, 413);
}

static int setup(void **state)
{
	(void)state;
	struct authority ca;
	arena_open(&arena, 256 << 20);
	make_authority(&arena, &ca, "Test CA");
	p256_generate(&server_key);
	server_cert = make_leaf(&arena, &ca, &server_key, &(struct leaf_form){.dns = "localhost", .server_auth = true});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_before_the_end_of_the_request_is_taken),
		cmocka_unit_test(a_peer_that_never_stops_talking_is_left_at_the_deadline),
		cmocka_unit_test(half_an_answer_before_the_end_of_the_request_is_an_error),
		cmocka_unit_test(a_server_that_refuses_a_body_for_its_size_is_heard_over_tls),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
