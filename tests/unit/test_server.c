/* The server over sockets: framing, bounds, deadlines, ends. */
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "tests/unit/serve.h"
#include "tests/unit/tls_client.h"

static struct arena arena;
static atomic_int running, released;

static void handle(void *ctx, const struct http_request *q, struct http_response *r)
{
	(void)ctx;
	r->status = 200;
	r->content_type = "text/plain";
	if (q->body_too_large) {
		r->status = 400;
		r->body = SPAN_LIT("too large");
	} else if (span_is(q->path, "/block")) {
		atomic_fetch_add(&running, 1);
		while (!atomic_load(&released))
			usleep(1000);
		r->body = SPAN_LIT("unblocked");
	} else if (span_is(q->path, "/stop")) {
		r->body = SPAN_LIT("OK");
		r->shutdown = true;
	} else if (span_is(q->path, "/nothing")) {
		r->status = 0;
	} else if (span_is(q->path, "/bytes")) {
		r->body = SPAN(arena_alloc(q->arena, 30000000), 30000000);
	} else {
		r->body = q->method == HTTP_POST_ ? q->body : q->query;
	}
}

static void start(struct serving *v, const struct server_limits *l)
{
	struct server_config c = {.listen_fd = -1, .address = "127.0.0.1", .handler = handle, .headers = "X-App-Version: v1\r\n"};
	if (l)
		c.limits = *l;
	c.limits.loops = 1;
	atomic_store(&released, 0);
	atomic_store(&running, 0);
	serving_start(v, &c);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything until the peer closes, as text. */
static const char *hear(int fd)
{
	static char text[1 << 16];
	size_t n = 0;
	for (ssize_t got = 1; got > 0 && n<sizeof text - 1; n += got> 0 ? (size_t)got : 0)
		got = recv(fd, text + n, sizeof text - 1 - n, 0);
	text[n] = 0;
	return text;
}

static const char *ask(uint16_t port, const char *text)
{
	int fd = connect_to(port);
	say(fd, text);
	const char *answer = hear(fd);
	close(fd);
	return answer;
}

/* Milliseconds until the peer closes; -1 if it does not within 5 s. */
static int closes_after(int fd)
{
	struct timespec a, b;
	char sink[1000];
	clock_gettime(CLOCK_MONOTONIC, &a);
	struct timeval t = {5, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	ssize_t n;
	while ((n = recv(fd, sink, sizeof sink, 0)) > 0)
		;
	clock_gettime(CLOCK_MONOTONIC, &b);
	return n < 0 && errno == EAGAIN ? -1 : (int)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}

static void an_answer_has_the_headers_of_the_protocol(void **state)
{
	(void)state;
	struct serving v;
	start(&v, NULL);
	assert_string_equal(
		ask(v.port, "GET /x?hello HTTP/1.1\r\nConnection: close\r\n\r\n"),
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nX-App-Version: "
		"v1\r\nConnection: close\r\n\r\nhello");
	assert_string_equal(
		ask(v.port, "HEAD /x?hello HTTP/1.1\r\nConnection: close\r\n\r\n"),
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nX-App-Version: "
		"v1\r\nConnection: close\r\n\r\n");
	assert_string_equal(ask(v.port, "GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n"),
			    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 26\r\nContent-Type: text/plain; "
			    "charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nX-App-Version: v1\r\nConnection: close\r\n\r\n500 "
			    "Internal Server Error\n");
	serving_stop(&v);
}

static void malformed_requests_are_answered_and_closed(void **state)
{
	(void)state;
	struct serving v;
	start(&v, NULL);
	assert_non_null(strstr(ask(v.port, "nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(ask(v.port, "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03"), "HTTP/1.1 400 Bad Request\r\n"));
	static char head[40000];
	int n = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nA: ");
	memset(head + n, 'x', sizeof head - 1 - (size_t)n);
	assert_non_null(strstr(ask(v.port, head), "HTTP/1.1 431 Request Header Fields Too Large\r\n"));
	serving_stop(&v);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct serving v;
	start(&v, NULL);
	char text[4000] = "", want[4000] = "";
	for (int i = 0; i < 20; i++) {
		sprintf(text + strlen(text), "POST /x HTTP/1.1\r\nContent-Length: 2\r\n%s\r\n%02d", i == 19 ? "Connection: close\r\n" : "",
			i);
		sprintf(want + strlen(want), "%02d", i);
	}
	const char *at = ask(v.port, text);
	char got[100] = "";
	while ((at = strstr(at, "\r\n\r\n")) != NULL) {
		strncat(got, at + 4, 2);
		at += 6;
	}
	assert_string_equal(got, want);
	serving_stop(&v);
}

static void expect_gets_its_continue(void **state)
{
	(void)state;
	struct serving v;
	start(&v, NULL);
	int fd = connect_to(v.port);
	say(fd, "POST /x HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n");
	char text[100] = "";
	assert_int_equal(recv(fd, text, 25, MSG_WAITALL), 25);
	assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "ok");
	assert_non_null(strstr(hear(fd), "\r\n\r\nok"));
	close(fd);
	serving_stop(&v);
}

static void a_body_too_large_is_answered_before_it_is_sent(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.body = 1000});
	const char *answer = ask(v.port, "POST /x HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
	assert_non_null(strstr(answer, "HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	assert_non_null(strstr(answer, "too large"));

	/* A client that sends all of it first still gets the answer, and no reset. */
	int fd = connect_to(v.port);
	say(fd, "POST /x HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n");
	static char mebi[4000000];
	size_t sent = 0;
	while (sent < sizeof mebi) {
		ssize_t n = send(fd, mebi + sent, sizeof mebi - sent, MSG_NOSIGNAL);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	assert_non_null(strstr(hear(fd), "too large"));
	close(fd);
	serving_stop(&v);
}

static void every_phase_has_its_deadline(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.idle_ms = 300, .head_ms = 200, .body_ms = 400, .write_ms = 250, .drain_ms = 100});
	static const struct {
		const char *text;
		int from, to;
	} cases[] = {
		{"", 290, 900},
		{"GET / HT", 190, 800},
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 390, 1000},
		{"GET / HTTP/1.1\r\n\r\n", 290, 900},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int fd = connect_to(v.port);
		say(fd, cases[i].text);
		int ms = closes_after(fd);
		if (ms < cases[i].from || ms > cases[i].to)
			fail_msg("case %zu: closed after %d ms", i, ms);
		close(fd);
	}
	/* A peer that takes nothing of a large answer. */
	int fd = connect_to(v.port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
	say(fd, "GET /bytes HTTP/1.1\r\n\r\n");
	usleep(800000);
	assert_true(closes_after(fd) < 200);
	close(fd);
	serving_stop(&v);
}

static void a_full_queue_is_503_with_retry_after(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.workers = 1, .queue = 1});
	int busy = connect_to(v.port), queued = connect_to(v.port);
	say(busy, "GET /block HTTP/1.1\r\nConnection: close\r\n\r\n");
	while (atomic_load(&running) == 0)
		usleep(1000);
	say(queued, "GET /x?later HTTP/1.1\r\nConnection: close\r\n\r\n");
	usleep(50000);
	const char *answer = ask(v.port, "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(answer, "HTTP/1.1 503 Service Unavailable\r\n"));
	assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
	atomic_store(&released, 1);
	assert_non_null(strstr(hear(busy), "unblocked"));
	assert_non_null(strstr(hear(queued), "later"));
	close(busy);
	close(queued);
	serving_stop(&v);
}

static void whoever_waited_too_long_for_a_worker_gets_503(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.workers = 1, .queue = 4, .queue_ms = 1000});
	int busy = connect_to(v.port), late = connect_to(v.port);
	say(busy, "GET /block HTTP/1.1\r\nConnection: close\r\n\r\n");
	while (atomic_load(&running) == 0)
		usleep(1000);
	say(late, "GET /x?late HTTP/1.1\r\n\r\n");
	usleep(1200000);
	atomic_store(&released, 1);
	assert_non_null(strstr(hear(busy), "unblocked"));
	char text[1000] = "";
	while (!strstr(text, "\r\n\r\n503 Service Unavailable\n")) {
		ssize_t n = recv(late, text + strlen(text), sizeof text - 1 - strlen(text), 0);
		assert_true(n > 0);
	}
	assert_non_null(strstr(text, "Retry-After: 1\r\n"));
	/* It may try again on the same connection. */
	say(late, "GET /x?again HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(hear(late), "again"));
	close(busy);
	close(late);
	serving_stop(&v);
}

static void slow_bodies_cannot_keep_the_memory(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.memory = 800000, .body = 390000});
	static char text[400000];
	size_t n = (size_t)snprintf(text, sizeof text, "PUT /x?got HTTP/1.1\r\nConnection: close\r\nContent-Length: 390000\r\n\r\n"),
	       length = n + 390000;
	memset(text + n, 'x', 390000);
	int slow = connect_to(v.port);
	assert_int_equal(send(slow, text, length - 1, MSG_NOSIGNAL), length - 1);
	/* Nearly all is taken; after its second of grace the slow one goes, long before the deadline of bodies. */
	assert_true(closes_after(slow) >= 0);
	close(slow);
	int fd = connect_to(v.port);
	assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
	assert_non_null(strstr(hear(fd), "\r\n\r\ngot"));
	close(fd);
	serving_stop(&v);
}

static void a_peer_that_takes_single_bytes_of_an_answer_is_dropped(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.write_ms = 300});
	int fd = connect_to(v.port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
	say(fd, "GET /bytes HTTP/1.1\r\n\r\n");
	/* 5 kB/s, until the reset. */
	char few[100];
	struct pollfd p = {.fd = fd};
	int reads = 0;
	while (poll(&p, 1, 20) == 0 && ++reads < 500)
		assert_int_equal(recv(fd, few, sizeof few, MSG_WAITALL), sizeof few);
	assert_true(p.revents & POLLERR);
	close(fd);
	serving_stop(&v);
}

static void silent_handshakes_make_room(void **state)
{
	(void)state;
	struct span cert;
	struct server_tls tls = make_server_tls(&arena, &cert);
	struct serving v;
	serving_start(
		&v,
		&(struct server_config){
			.listen_fd = -1, .address = "127.0.0.1", .tls = &tls, .handler = handle, .limits = {.loops = 1, .connections = 3}});
	static struct tls_client idle, t;
	static char answer[1000];
	idle = t = (struct tls_client){0};
	tls_client_open(&idle, &arena, v.port);
	assert_true(tls_client_handshake(&idle));
	int silent[2] = {connect_to(v.port), connect_to(v.port)};
	/* All three places are taken; whoever shakes hands for longest goes after its second of grace, and the idle one stays. */
	usleep(1100000);
	tls_client_open(&t, &arena, v.port);
	assert_true(tls_client_handshake(&t));
	assert_true(closes_after(silent[0]) >= 0);
	assert_true(tls_client_get(&idle, "/x?still", answer, sizeof answer) > 0);
	assert_non_null(strstr(answer, "\r\n\r\nstill"));

	/* Empty records, more than the server takes in one turn, do not lose the request behind them. */
	for (int i = 0; i < 1000; i++) {
		br_ssl_engine_flush(&t.cc.eng, 1);
		size_t n;
		const uint8_t *record = br_ssl_engine_sendrec_buf(&t.cc.eng, &n);
		assert_non_null(record);
		assert_int_equal(send(t.fd, record, n, MSG_NOSIGNAL), n);
		br_ssl_engine_sendrec_ack(&t.cc.eng, n);
	}
	assert_true(tls_client_get(&t, "/x?after", answer, sizeof answer) > 0);
	assert_non_null(strstr(answer, "\r\n\r\nafter"));
	tls_client_close(&t);
	tls_client_close(&idle);
	close(silent[0]);
	close(silent[1]);
	serving_stop(&v);
}

static void the_longest_idle_connection_makes_room(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.connections = 3});
	int fd[4];
	for (int i = 0; i < 4; i++) {
		fd[i] = connect_to(v.port);
		usleep(30000);
	}
	assert_true(closes_after(fd[0]) >= 0);
	say(fd[3], "GET /x?in HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(hear(fd[3]), "in"));
	say(fd[1], "GET /x?still HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(hear(fd[1]), "still"));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	serving_stop(&v);
}

static void whoever_holds_a_buffer_without_progress_makes_room(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.records = 2});
	int slow[2];
	for (int i = 0; i < 2; i++) {
		slow[i] = connect_to(v.port);
		say(slow[i], "GET /sl");
		usleep(30000);
	}
	const char *answer = ask(v.port, "GET /x?served HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(answer, "served"));
	assert_true(closes_after(slow[0]) >= 0);
	close(slow[0]);
	close(slow[1]);
	serving_stop(&v);
}

static void memory_for_bodies_is_bounded(void **state)
{
	(void)state;
	struct serving v;
	start(&v, &(struct server_limits){.memory = 1000000, .body = 2000000});
	static char text[1500000];
	int n = snprintf(text, sizeof text, "POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n", 1400000);
	memset(text + n, 'x', 1400000);
	text[n + 1400000] = 0;
	assert_non_null(strstr(ask(v.port, text), "HTTP/1.1 503 Service Unavailable\r\n"));
	assert_non_null(strstr(ask(v.port, "GET /bytes HTTP/1.1\r\nConnection: close\r\n\r\n"), "HTTP/1.1 503 Service Unavailable\r\n"));
	serving_stop(&v);
}

static void an_answer_may_end_the_server_gracefully(void **state)
{
	(void)state;
	struct serving v;
	start(&v, NULL);
	int busy = connect_to(v.port), idle = connect_to(v.port);
	say(busy, "GET /block HTTP/1.1\r\n\r\n");
	while (atomic_load(&running) == 0)
		usleep(1000);
	assert_non_null(strstr(ask(v.port, "GET /stop HTTP/1.1\r\n\r\n"), "\r\n\r\nOK"));
	assert_true(closes_after(idle) < 500);
	atomic_store(&released, 1);
	const char *answer = hear(busy);
	assert_non_null(strstr(answer, "unblocked"));
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	close(busy);
	close(idle);
	serving_join(&v);
}

static void one_socket_goes_from_plain_http_to_tls(void **state)
{
	(void)state;
	struct authority ca;
	struct p256_key key;
	struct diag d = {0};
	make_authority(&arena, &ca, "CA");
	p256_generate(&key);
	struct span cert = make_leaf(&arena, &ca, &key, &(struct leaf_form){.dns = "localhost"});
	struct server_tls tls = {.chain = &cert, .chain_len = 1};
	memcpy(tls.key, key.scalar, 32);

	int fd = server_listen("127.0.0.1", 0, &d);
	assert_true(fd >= 0);
	struct server_config c = {.listen_fd = fd, .handler = handle};
	struct serving v;
	serving_start(&v, &c);
	uint16_t port = v.port;
	assert_non_null(strstr(ask(port, "GET /stop HTTP/1.1\r\n\r\n"), "\r\n\r\nOK"));
	serving_join(&v);

	/* Between the two servers, clients wait in the backlog. */
	static struct tls_client t;
	static char answer[1000];
	t = (struct tls_client){0};
	tls_client_open(&t, &arena, port);
	c.tls = &tls;
	serving_start(&v, &c);
	assert_true(tls_client_handshake(&t));
	assert_true(tls_client_get(&t, "/x?secret", answer, sizeof answer) > 0);
	assert_non_null(strstr(answer, "\r\n\r\nsecret"));
	tls_client_close(&t);

	/* HTTP on the TLS port gets no HTTP answer. */
	assert_null(strstr(ask(port, "GET / HTTP/1.1\r\n\r\n"), "HTTP"));
	serving_stop(&v);
	close(fd);
}

static void silent_and_broken_handshakes_end(void **state)
{
	(void)state;
	struct span cert;
	struct server_tls tls = make_server_tls(&arena, &cert);
	struct serving v;
	serving_start(
		&v, &(struct server_config){.listen_fd = -1,
					    .address = "127.0.0.1",
					    .tls = &tls,
					    .handler = handle,
					    .limits = {.loops = 1, .handshake_ms = 200, .drain_ms = 100, .idle_ms = 300, .head_ms = 200}});
	int fd = connect_to(v.port);
	int ms = closes_after(fd);
	assert_true(ms >= 190 && ms < 800);
	close(fd);
	fd = connect_to(v.port);
	say(fd, "\x16\x03\x01");
	ms = closes_after(fd);
	assert_true(ms >= 190 && ms < 800);
	close(fd);

	/* After the handshake: idle, and half a record. */
	static struct tls_client t;
	for (int half = 0; half < 2; half++) {
		t = (struct tls_client){0};
		tls_client_open(&t, &arena, v.port);
		assert_true(tls_client_handshake(&t));
		if (half)
			say(t.fd, "\x17\x03\x03");
		ms = closes_after(t.fd);
		assert_true(half ? ms >= 190 && ms < 290 : ms >= 290 && ms < 900);
		tls_client_close(&t);
	}
	serving_stop(&v);
}

static void wrong_configurations_are_refused(void **state)
{
	(void)state;
	struct server *s;
	struct diag d = {0};
	struct span junk = SPAN_LIT("junk"), huge = SPAN(arena_alloc(&arena, 70000), 70000);
	struct server_tls no_chain = {0}, big = {.chain = &huge, .chain_len = 1},
			  bad_ca = {.chain = &junk, .chain_len = 1, .client_ca = junk};
	assert_int_equal(server_open(&s, &(struct server_config){.listen_fd = -1, .address = "here"}, &d), ERR_CONFIG);
	assert_int_equal(server_open(&s, &(struct server_config){.listen_fd = -1, .address = "127.0.0.1", .tls = &no_chain}, &d),
			 ERR_CONFIG);
	assert_int_equal(server_open(&s, &(struct server_config){.listen_fd = -1, .address = "127.0.0.1", .tls = &big}, &d), ERR_CONFIG);
	assert_true(server_open(&s, &(struct server_config){.listen_fd = -1, .address = "127.0.0.1", .tls = &bad_ca}, &d) != 0);
	assert_null(s);
}

static int setup(void **state)
{
	(void)state;
	return arena_open(&arena, 64 << 20);
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
		cmocka_unit_test(an_answer_has_the_headers_of_the_protocol),
		cmocka_unit_test(malformed_requests_are_answered_and_closed),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(expect_gets_its_continue),
		cmocka_unit_test(a_body_too_large_is_answered_before_it_is_sent),
		cmocka_unit_test(every_phase_has_its_deadline),
		cmocka_unit_test(a_full_queue_is_503_with_retry_after),
		cmocka_unit_test(whoever_waited_too_long_for_a_worker_gets_503),
		cmocka_unit_test(slow_bodies_cannot_keep_the_memory),
		cmocka_unit_test(a_peer_that_takes_single_bytes_of_an_answer_is_dropped),
		cmocka_unit_test(silent_handshakes_make_room),
		cmocka_unit_test(the_longest_idle_connection_makes_room),
		cmocka_unit_test(whoever_holds_a_buffer_without_progress_makes_room),
		cmocka_unit_test(memory_for_bodies_is_bounded),
		cmocka_unit_test(an_answer_may_end_the_server_gracefully),
		cmocka_unit_test(one_socket_goes_from_plain_http_to_tls),
		cmocka_unit_test(silent_and_broken_handshakes_end),
		cmocka_unit_test(wrong_configurations_are_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
