/* The server with a handler of its own, for tests and benches of the transport: no keys of anybody, no service.
 *
 *	server PORT plain|tls|mtls [name=value of struct server_limits]...
 *
 * Certificates are made at the start: a CA (written to stdout as PEM, it also signs client certificates), a leaf for localhost and
 *127.0.0.1. GET /echo?x gives the query back, POST /echo the body; /bytes?n gives n bytes; /who gives the size and SHA-256 of the client
 *certificate; /sleep?ms waits; /metrics; /stop ends the server. CPU time and RSS of the process come from /usage. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wr.h"
#include "crypto/cert_build.h"
#include "crypto/hash.h"
#include "kms/server/metrics.h"
#include "kms/server/server.h"

static unsigned long number(struct span s)
{
	uint64_t n = 0;
	return parse_u64(s, &n) ? n : 0;
}

static long rss_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f && fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void handle(void *ctx, const struct http_request *q, struct http_response *r)
{
	(void)ctx;
	r->status = 200;
	r->content_type = "text/plain; charset=utf-8";
	if (q->body_too_large) {
		r->status = 400;
		r->body = SPAN_LIT("too large\n");
	} else if (span_is(q->path, "/echo")) {
		r->body = q->method == HTTP_POST_ ? q->body : q->query;
	} else if (span_is(q->path, "/bytes")) {
		size_t n = number(q->query);
		uint8_t *p = arena_alloc(q->arena, n);
		r->status = p ? 200 : 500;
		r->body = SPAN(p, p ? n : 0);
	} else if (span_is(q->path, "/who")) {
		uint8_t h[SHA256_LEN];
		sha256(q->client_cert, h);
		char *text = arena_fmt(q->arena, "%zu %s\n", q->client_cert.n, hex_encode_in(q->arena, SPAN_ARR(h)));
		r->body = SPAN_STR(text);
	} else if (span_is(q->path, "/sleep")) {
		unsigned long ms = number(q->query);
		nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
	} else if (span_is(q->path, "/usage")) {
		struct rusage u;
		getrusage(RUSAGE_SELF, &u);
		char *text = arena_fmt(
			q->arena, "{\"cpu_us\":%lld,\"rss_kib\":%ld}\n",
			(long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec, rss_kib());
		r->body = SPAN_STR(text);
	} else if (span_is(q->path, "/metrics")) {
		struct wr w = wr_to(arena_alloc(q->arena, 32768), 32768);
		metrics_write(&w, server_metrics, server_metrics_count);
		r->body = wr_span(&w);
	} else if (span_is(q->path, "/stop")) {
		r->shutdown = true;
	} else {
		r->status = 404;
		r->body = SPAN_LIT("not found\n");
	}
}

static void limit(struct server_limits *l, const char *arg)
{
	const struct {
		const char *name;
		unsigned *at;
	} known[] = {
		{"loops", &l->loops},
		{"workers", &l->workers},
		{"queue", &l->queue},
		{"connections", &l->connections},
		{"records", &l->records},
		{"head_ms", &l->head_ms},
		{"body_ms", &l->body_ms},
		{"idle_ms", &l->idle_ms},
		{"handshake_ms", &l->handshake_ms},
		{"write_ms", &l->write_ms},
		{"queue_ms", &l->queue_ms},
	};
	const char *eq = strchr(arg, '=');
	for (size_t i = 0; eq && i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i].name) == (size_t)(eq - arg) && strncmp(arg, known[i].name, (size_t)(eq - arg)) == 0) {
			*known[i].at = (unsigned)atoi(eq + 1);
			return;
		}
	fprintf(stderr, "no limit '%s'\n", arg);
	exit(2);
}

static void print_pem(const char *label, struct span der, struct arena *a)
{
	printf("-----BEGIN %s-----\n", label);
	const char *text = base64_encode_in(a, der);
	for (; *text; text += strnlen(text, 64))
		printf("%.64s\n", text);
	printf("-----END %s-----\n", label);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	struct arena a;
	struct diag d = {0};
	struct p256_key ca_key, key;
	struct span ca, leaf;
	uint8_t spki[P256_SPKI_LEN], pkcs8[P256_PKCS8_LEN];
	static const struct span names[] = {SPAN_LIT("localhost"), SPAN_LIT("127.0.0.1")};
	int64_t now = time(NULL);
	if (arena_open(&a, 1 << 20) != 0)
		return 1;

	p256_generate(&ca_key);
	p256_generate(&key);
	struct cert_spec ca_spec = {
		.subject.cn = SPAN_LIT("Test CA"), .ca = true, .path_len = 1, .not_before = now - 60, .not_after = now + 86400};
	p256_spki(ca_key.point, spki);
	ca_spec.spki = SPAN_ARR(spki);
	struct span issuer = cert_name_der(&a, &ca_spec.subject);
	if (cert_build(&a, &ca_spec, issuer, &ca_key, &ca, &d) != 0)
		return 1;
	uint8_t leaf_spki[P256_SPKI_LEN];
	p256_spki(key.point, leaf_spki);
	struct cert_spec spec = {
		.subject.cn = SPAN_LIT("localhost"),
		.spki = SPAN_ARR(leaf_spki),
		.alt_names = names,
		.alt_name_count = 2,
		.server_auth = true,
		.client_auth = true,
		.not_before = now - 60,
		.not_after = now + 86400,
	};
	if (cert_build(&a, &spec, issuer, &ca_key, &leaf, &d) != 0)
		return 1;

	struct server_tls tls = {.chain = &leaf, .chain_len = 1};
	memcpy(tls.key, key.scalar, sizeof tls.key);
	if (strcmp(argv[2], "mtls") == 0)
		tls.client_ca = ca;
	struct server_config cfg = {
		.listen_fd = -1,
		.address = "127.0.0.1",
		.port = (uint16_t)atoi(argv[1]),
		.tls = strcmp(argv[2], "plain") == 0 ? NULL : &tls,
		.handler = handle,
		.headers = "X-App-Version: test\r\n",
	};
	for (int i = 3; i < argc; i++)
		limit(&cfg.limits, argv[i]);
	struct server *s;
	if (server_open(&s, &cfg, &d) != 0) {
		fprintf(stderr, "%s\n", d.text);
		return 1;
	}
	printf("%u\n", server_port(s));
	print_pem("CERTIFICATE", ca, &a);
	p256_pkcs8(&ca_key, pkcs8);
	print_pem("PRIVATE KEY", SPAN_ARR(pkcs8), &a);
	fflush(stdout);
	int e = server_run(s, &d);
	server_close(s);
	arena_close(&a);
	return e ? 1 : 0;
}
