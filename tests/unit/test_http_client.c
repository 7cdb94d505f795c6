#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kms/client/http_client.h"
#include "kms/client/url.h"
#include "tests/unit/serve.h"

static struct arena arena;
static struct authority ca, other;
static struct p256_key server_key, client_key;
static struct span server_cert, client_cert;
static struct serving plain, secure;

static void handle(void *ctx, const struct http_request *q, struct http_response *r)
{
	(void)ctx;
	r->status = 200;
	if (span_is(q->path, "/echo")) {
		r->content_type = "text/plain";
		r->body = q->method == HTTP_POST_ ? q->body : q->query;
	} else if (span_is(q->path, "/type")) {
		r->body = q->content_type;
	} else if (span_is(q->path, "/auth")) {
		r->body = q->authorization;
	} else if (span_is(q->path, "/who")) {
		r->body = q->client_cert;
	} else if (span_is(q->path, "/hop")) {
		r->status = q->query.n ? atoi((const char *)q->query.p) : 302;
		r->extra = "Location: echo?landed\r\n";
	} else if (span_is(q->path, "/loop")) {
		r->status = 302;
		r->extra = "Location: /loop\r\n";
	} else if (span_is(q->path, "/down")) {
		r->status = 302;
		r->extra = "Location: http://127.0.0.1:1/\r\n";
	} else if (span_is(q->path, "/sleep")) {
		nanosleep(&(struct timespec){0, 400000000}, NULL);
	} else if (span_is(q->path, "/big")) {
		r->body = SPAN(arena_alloc(q->arena, 300000), 300000);
	} else {
		r->status = 404;
		r->body = SPAN_LIT("nothing here");
	}
}

static struct http_fetch to(const struct serving *v, const char *host, const char *path)
{
	return (struct http_fetch){.method = "GET",
				   .url = arena_fmt(&arena, "%s://%s:%u%s", v == &plain ? "http" : "https", host, v->port, path),
				   .timeout_ms = 5000};
}

static int fetch(const struct http_fetch *f, struct http_reply *r, struct diag *d)
{
	diag_clear(d);
	return http_fetch(&arena, f, r, d);
}

static void wants(const struct http_fetch *f, int status, struct span body)
{
	struct http_reply r;
	struct diag d;
	if (fetch(f, &r, &d) != 0)
		fail_msg("%s: %s", f->url, d.text);
	assert_int_equal(r.status, status);
	assert_span_equal(r.body, body);
}

static void refuses(const struct http_fetch *f, int error, const char *text)
{
	struct http_reply r;
	struct diag d;
	int e = fetch(f, &r, &d);
	if (e != error || !strstr(d.text, text))
		fail_msg("%s: %d \"%s\", want %d \"%s\"", f->url, e, d.text, error, text);
	assert_int_equal(r.status, 0);
}

static void plain_requests_and_their_answers(void **state)
{
	(void)state;
	struct http_fetch f = to(&plain, "127.0.0.1", "/echo?a=b#frag");
	wants(&f, 200, SPAN_LIT("a=b"));
	f = to(&plain, "localhost", "/nowhere");
	wants(&f, 404, SPAN_LIT("nothing here"));
	static uint8_t big[1000000];
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 31);
	f = to(&plain, "127.0.0.1", "/echo");
	f.method = "POST";
	f.body = SPAN_ARR(big);
	f.content_type = "application/json";
	wants(&f, 200, SPAN_ARR(big));
	f.url = to(&plain, "127.0.0.1", "/type").url;
	wants(&f, 200, SPAN_LIT("application/json"));
	f = (struct http_fetch){
		.method = "GET", .url = arena_fmt(&arena, "http://us%%3aer:pw@127.0.0.1:%u/auth", plain.port), .timeout_ms = 5000};
	wants(&f, 200, SPAN_LIT("Basic dXM6ZXI6cHc="));

	struct http_reply r;
	struct diag d;
	f = to(&plain, "127.0.0.1", "/echo?x");
	assert_int_equal(fetch(&f, &r, &d), 0);
	struct span type;
	assert_true(fetched_header(&(struct fetched){.headers = r.headers}, "content-TYPE", &type));
	assert_span_equal(type, SPAN_LIT("text/plain"));
	assert_string_equal(r.reason, "OK");
}

static void redirects_are_followed_within_bounds(void **state)
{
	(void)state;
	struct http_fetch f = to(&plain, "127.0.0.1", "/hop");
	wants(&f, 302, SPAN_LIT(""));
	f.redirects = 1;
	wants(&f, 200, SPAN_LIT("landed"));
	f.method = "POST";
	f.body = SPAN_LIT("kept");
	wants(&f, 200, SPAN_LIT("landed"));
	f.url = to(&plain, "127.0.0.1", "/hop?307").url;
	wants(&f, 200, SPAN_LIT("kept"));
	f = to(&plain, "127.0.0.1", "/loop");
	f.redirects = 10;
	refuses(&f, ERR_REFUSED, "too many redirects");
	f = to(&secure, "localhost", "/down");
	f.redirects = 10;
	f.trust = HTTP_TRUST_ROOTS;
	struct http_roots *roots;
	assert_int_equal(http_roots_read(&roots, ca.cert, NULL), 0);
	f.roots = roots;
	refuses(&f, ERR_REFUSED, "redirect from https");
	http_roots_free(roots);
}

static void limits_hold(void **state)
{
	(void)state;
	struct http_fetch f = to(&plain, "127.0.0.1", "/big");
	f.body_max = 299999;
	refuses(&f, ERR_LIMIT, "response body above 299999 bytes");
	f.body_max = 300000;
	struct http_reply r;
	struct diag d;
	assert_int_equal(fetch(&f, &r, &d), 0);
	assert_int_equal(r.body.n, 300000);
	f = to(&plain, "127.0.0.1", "/sleep");
	f.timeout_ms = 100;
	refuses(&f, ERR_TIMEOUT, "operation timed out");
	f.timeout_ms = 0;
	refuses(&f, ERR_CONFIG, "time limit");
	f = (struct http_fetch){.method = "GET", .url = "http://192.0.2.1:9/", .timeout_ms = 5000, .connect_ms = 100};
	int64_t before = time(NULL);
	assert_true(fetch(&f, &r, &d) != 0);
	assert_true(time(NULL) - before <= 2);
}

static void failures_speak_upstreams_words(void **state)
{
	(void)state;
	struct http_fetch f = {.method = "GET", .url = "http://127.0.0.1:1", .timeout_ms = 1000};
	struct http_reply r;
	struct diag d;
	assert_int_equal(fetch(&f, &r, &d), ERR_IO);
	assert_string_equal(
		d.text,
		"error sending request for url (http://127.0.0.1:1/): client error (Connect): tcp connect error: Connection refused (os "
		"error 111)");
	f.url = "http://no-such-host.invalid/x";
	f.timeout_ms = 5000;
	assert_true(fetch(&f, &r, &d) != 0);
	assert_non_null(
		strstr(d.text, "error sending request for url (http://no-such-host.invalid/x): client error (Connect): dns error: "));
}

static void a_server_is_believed_only_as_the_mode_says(void **state)
{
	(void)state;
	struct http_roots *good, *wrong;
	assert_int_equal(http_roots_read(&good, ca.cert, NULL), 0);
	assert_int_equal(http_roots_read(&wrong, other.cert, NULL), 0);

	struct http_fetch f = to(&secure, "localhost", "/echo?x");
	refuses(&f, ERR_CONFIG, "no trust anchors");
	f.trust = HTTP_TRUST_ROOTS;
	refuses(&f, ERR_CONFIG, "no trust anchors");
	f.roots = good;
	wants(&f, 200, SPAN_LIT("x"));
	f.roots = wrong;
	refuses(&f, ERR_CRYPTO, "client error (Connect): invalid peer certificate: InvalidSignature");
	f = to(&secure, "127.0.0.1", "/echo?x");
	f.trust = HTTP_TRUST_ROOTS;
	f.roots = good;
	wants(&f, 200, SPAN_LIT("x"));
	f = to(&secure, "127.0.0.2", "/echo?x");
	f.trust = HTTP_TRUST_ROOTS;
	f.roots = good;
	refuses(&f, ERR_CRYPTO, "not valid for name \"127.0.0.2\"");

	f = to(&secure, "127.0.0.2", "/echo?x");
	f.trust = HTTP_TRUST_CAPTURE;
	struct http_reply r;
	struct diag d;
	assert_int_equal(fetch(&f, &r, &d), 0);
	uint8_t spki[P256_SPKI_LEN];
	p256_spki(server_key.point, spki);
	assert_span_equal(r.leaf, server_cert);
	assert_span_equal(r.spki, SPAN_ARR(spki));
	f.trust = HTTP_TRUST_PIN;
	f.pin_spki = r.spki;
	wants(&f, 200, SPAN_LIT("x"));
	p256_spki(client_key.point, spki);
	f.pin_spki = SPAN_ARR(spki);
	refuses(&f, ERR_CRYPTO, "not the pinned one");
	http_roots_free(good);
	http_roots_free(wrong);
}

static void a_server_without_its_key_is_refused_in_every_mode(void **state)
{
	(void)state;
	struct server_tls tls = {.chain = &server_cert, .chain_len = 1};
	memcpy(tls.key, client_key.scalar, 32); /* not the certificate's */
	struct serving v;
	serving_start(&v, &(struct server_config){.listen_fd = -1, .address = "127.0.0.1", .tls = &tls, .handler = handle});
	struct http_roots *good;
	assert_int_equal(http_roots_read(&good, ca.cert, NULL), 0);
	uint8_t spki[P256_SPKI_LEN];
	p256_spki(server_key.point, spki);
	struct http_fetch f = to(&v, "localhost", "/echo?x");
	f.roots = good;
	f.pin_spki = SPAN_ARR(spki);
	for (f.trust = HTTP_TRUST_ROOTS; f.trust <= HTTP_TRUST_SIGNED; f.trust++)
		refuses(&f, ERR_CRYPTO, "wrong signature in the handshake");
	http_roots_free(good);
	serving_stop(&v);
}

static void signed_documents_come_from_anybody_when_there_are_no_roots(void **state)
{
	(void)state;
	struct http_roots *wrong;
	struct fetched got;
	struct diag d;
	struct fetcher any = http_fetcher(&(struct http_means){0});
	const char *url = to(&secure, "127.0.0.2", "/echo?x").url;
	assert_int_equal(any.get(any.self, &arena, url, 2000, &got, &d), 0);
	assert_int_equal(got.status, 200);
	assert_span_equal(got.body, SPAN_LIT("x"));
	/* with roots, they decide */
	assert_int_equal(http_roots_read(&wrong, client_cert, NULL), 0);
	struct fetcher known = http_fetcher(&(struct http_means){.roots = wrong});
	assert_int_equal(known.get(known.self, &arena, url, 2000, &got, &d), ERR_CRYPTO);
	http_roots_free(wrong);
}

static void an_identity_is_shown_to_the_server(void **state)
{
	(void)state;
	struct http_identity id = {.chain = &client_cert, .chain_len = 1};
	memcpy(id.key, client_key.scalar, sizeof id.key);
	struct http_fetch f = to(&secure, "localhost", "/who");
	f.trust = HTTP_TRUST_CAPTURE;
	wants(&f, 200, SPAN_LIT(""));
	f.identity = &id;
	wants(&f, 200, client_cert);
}

static void a_unix_socket_is_an_address(void **state)
{
	(void)state;
	char path[] = "/tmp/ukms-test-XXXXXX";
	assert_non_null(mkdtemp(path));
	char *address = arena_fmt(&arena, "unix:%s/s", path);
	struct serving v;
	serving_start(&v, &(struct server_config){.listen_fd = -1, .address = address, .handler = handle});
	struct http_fetch f = {.method = "GET", .url = address, .path = "/echo?local", .timeout_ms = 2000};
	wants(&f, 200, SPAN_LIT("local"));
	serving_stop(&v);
	unlink(address + 5);
	rmdir(path);
}

/* A server that says exactly this, whatever it is asked. */
struct canned {
	int fd;
	const char *text;
	pthread_t thread;
};

static void *canned_main(void *arg)
{
	struct canned *c = arg;
	char sink[4096];
	int fd = accept(c->fd, NULL, NULL);
	if (recv(fd, sink, sizeof sink, 0) > 0 && send(fd, c->text, strlen(c->text), MSG_NOSIGNAL) > 0)
		shutdown(fd, SHUT_WR);
	while (recv(fd, sink, sizeof sink, 0) > 0)
		;
	close(fd);
	return NULL;
}

static int ask_canned(const char *text, struct http_reply *r, struct diag *d)
{
	struct canned c = {.text = text};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	c.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(c.fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(c.fd, 1), 0);
	assert_int_equal(getsockname(c.fd, (struct sockaddr *)&at, &len), 0);
	pthread_create(&c.thread, NULL, canned_main, &c);
	struct http_fetch f = {.method = "GET", .url = arena_fmt(&arena, "http://127.0.0.1:%u/", ntohs(at.sin_port)), .timeout_ms = 2000};
	int e = fetch(&f, r, d);
	pthread_join(c.thread, NULL);
	close(c.fd);
	return e;
}

static void answers_of_all_kinds_are_read_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int error, status;
		const char *body;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 200, "hi"},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 200, "hi"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 0, 200, "hi"},
		{"HTTP/1.0 200 OK\r\n\r\nuntil the end", 0, 200, "until the end"},
		{"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", ERR_IO, 0, NULL},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", ERR_IO, 0, NULL},
		{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ERR_INPUT, 0, NULL},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", ERR_INPUT, 0, NULL},
		{"\x15\x03\x01\x00\x02\x02\x46", ERR_INPUT, 0, NULL},
		{"SSH-2.0-x\r\n", ERR_INPUT, 0, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_reply r;
		struct diag d;
		int e = ask_canned(cases[i].text, &r, &d);
		/* A stream that breaks off is an I/O error or malformed, by where it breaks. */
		if (cases[i].error ? e != cases[i].error && e != ERR_INPUT : e != 0)
			fail_msg("case %zu: %d %s", i, e, d.text);
		assert_int_equal(r.status, cases[i].status);
		if (!e)
			assert_span_equal(r.body, SPAN_STR(cases[i].body));
	}
}

static void urls_are_taken_apart_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *authority, *target, *shown;
		unsigned port;
	} good[] = {
		{"http://A.b", "a.b", "a.b", "/", "http://a.b/", 80},
		{"https://a:443/x?y#z", "a", "a", "/x?y", "https://a/x?y", 443},
		{"http://a:8000?q", "a", "a:8000", "/?q", "http://a:8000/?q", 8000},
		{"http://u:p@[::1]:7/", "::1", "[::1]:7", "/", "http://[::1]:7/", 7},
		{"http://a/b/../c", "a", "a", "/c", "http://a/c", 80},
		{"http://a/b/c/./../..?x/../y", "a", "a", "/?x/../y", "http://a/?x/../y", 80},
		{"http://a/../../b/.", "a", "a", "/b/", "http://a/b/", 80},
		{"http://a/b//..//.c/..d/", "a", "a", "/b//.c/..d/", "http://a/b//.c/..d/", 80},
	};
	static const char *const bad[] = {
		"",           "ftp://a/",          "http://",     "http:///x", "http://a:70000/", "http://a:x/", "http://a b/",
		"http://[1/", "http://a\r\nX: y/", "http://[a]/", "a.b",       "http://a/\x7f",   "unix:"};
	struct url u;
	struct diag d;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(url_parse(&arena, good[i].text, &u, &d), 0);
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.authority, good[i].authority);
		assert_string_equal(u.target, good[i].target);
		assert_string_equal(u.shown, good[i].shown);
		assert_int_equal(u.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (url_parse(&arena, bad[i], &u, &d) != ERR_CONFIG)
			fail_msg("'%s' is accepted", bad[i]);
}

static void a_password_in_a_url_is_not_shown(void **state)
{
	(void)state;
	static const char *const bad[] = {"HTTPS://user:secret@a/",  "user:secret@a",         "http://user:secret@a:70000/",
					  "http://user:secret@a b/", "https://user:secret@/", "https://user:sec@secret@[a]/@"};
	struct url u;
	struct diag d;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		diag_clear(&d);
		assert_int_equal(url_parse(&arena, bad[i], &u, &d), ERR_CONFIG);
		if (strstr(d.text, "user") || strstr(d.text, "sec"))
			fail_msg("%s", d.text);
	}
}

static int setup(void **state)
{
	(void)state;
	arena_open(&arena, 256 << 20);
	make_authority(&arena, &ca, "Test CA");
	make_authority(&arena, &other, "Test CA");
	p256_generate(&server_key);
	p256_generate(&client_key);
	server_cert = make_leaf(&arena, &ca, &server_key, &(struct leaf_form){.dns = "localhost", .ip = "127.0.0.1", .server_auth = true});
	client_cert = make_leaf(&arena, &ca, &client_key, &(struct leaf_form){.client_auth = true});
	static struct server_tls tls;
	tls = (struct server_tls){.chain = &server_cert, .chain_len = 1, .client_ca = ca.cert};
	memcpy(tls.key, server_key.scalar, 32);
	struct server_config c = {.listen_fd = -1, .address = "127.0.0.1", .handler = handle};
	serving_start(&plain, &c);
	c.address = "0.0.0.0";
	c.tls = &tls;
	serving_start(&secure, &c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_stop(&plain);
	serving_stop(&secure);
	arena_close(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart_strictly),
		cmocka_unit_test(a_password_in_a_url_is_not_shown),
		cmocka_unit_test(plain_requests_and_their_answers),
		cmocka_unit_test(redirects_are_followed_within_bounds),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(failures_speak_upstreams_words),
		cmocka_unit_test(a_server_is_believed_only_as_the_mode_says),
		cmocka_unit_test(a_server_without_its_key_is_refused_in_every_mode),
		cmocka_unit_test(signed_documents_come_from_anybody_when_there_are_no_roots),
		cmocka_unit_test(an_identity_is_shown_to_the_server),
		cmocka_unit_test(a_unix_socket_is_an_address),
		cmocka_unit_test(answers_of_all_kinds_are_read_or_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
