#include <stdio.h>
#include <stdlib.h>

#include "base/rd.h"
#include "crypto/der.h"
#include "kms/client/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROOTS_MAX = 512, BUNDLE_MAX = 4 * 1024 * 1024 };

struct http_roots {
	struct arena arena;
	size_t n;
	struct x509 root[ROOTS_MAX];
};

static void add(struct http_roots *r, struct span der)
{
	struct x509 *x = &r->root[r->n];
	if (r->n < ROOTS_MAX && x509_parse(der, x, NULL) == 0 && x->key.type != X509_KEY_OTHER)
		r->n++;
}

int http_roots_read(struct http_roots **out, struct span pem, struct diag *d)
{
	*out = NULL;
	struct http_roots *r = calloc(1, sizeof *r);
	if (!r || arena_open(&r->arena, 2 * (size_t)BUNDLE_MAX) != 0) {
		free(r);
		return diag_fail(d, ERR_LIMIT, "no memory for trust anchors");
	}
	int e = pem.n > BUNDLE_MAX ? diag_fail(d, ERR_LIMIT, "CA bundle above %d bytes", BUNDLE_MAX) : 0;
	if (!e && pem.n > 0 && pem.p[0] == 0x30) {
		add(r, arena_dup(&r->arena, pem));
	} else if (!e) {
		struct rd text = rd_from(pem);
		struct span der;
		while ((e = pem_next(&r->arena, &text, "CERTIFICATE", &der, d)) == 1)
			add(r, der);
	}
	if (!e && r->n == 0)
		e = diag_fail(d, ERR_CONFIG, "CA bundle without a usable certificate");
	if (e)
		http_roots_free(r);
	else
		*out = r;
	return e;
}

void http_roots_free(struct http_roots *r)
{
	if (!r)
		return;
	arena_close(&r->arena);
	free(r);
}

struct http_roots *http_roots_system(void)
{
	static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
	struct http_roots *r = NULL;
	for (size_t i = 0; i < sizeof places / sizeof places[0] && !r; i++) {
		int fd = open(places[i], O_RDONLY | O_CLOEXEC);
		struct stat st;
		uint8_t *p = NULL;
		size_t n = 0;
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= BUNDLE_MAX)
			p = malloc((size_t)st.st_size);
		for (ssize_t got = 1; p && got > 0 && n < (size_t)st.st_size; n += (size_t)got) {
			got = read(fd, p + n, (size_t)st.st_size - n);
			if (got < 0)
				got = 0;
		}
		if (p && n == (size_t)st.st_size)
			http_roots_read(&r, SPAN(p, n), NULL);
		free(p);
		if (fd >= 0)
			close(fd);
	}
	return r;
}

static bool same_name(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i], y = b.p[i];
		if ((x >= 'A' && x <= 'Z' ? x | 0x20 : x) != (y >= 'A' && y <= 'Z' ? y | 0x20 : y))
			return false;
	}
	return true;
}

/* RFC 6125, 6.4.3: "*" stands for exactly one whole leftmost label, below at least two others. */
static bool dns_matches(struct span pattern, struct span host)
{
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	if (!span_starts(pattern, "*."))
		return same_name(pattern, host);
	const uint8_t *dot = host.n > 0 ? memchr(host.p, '.', host.n) : NULL;
	if (!dot || dot == host.p)
		return false;
	struct span below = SPAN(pattern.p + 1, pattern.n - 1), rest = SPAN(dot, host.n - (size_t)(dot - host.p));
	return below.n > 1 && memchr(below.p + 1, '.', below.n - 1) != NULL && same_name(below, rest);
}

static bool names_host(const struct x509 *leaf, const char *host, bool literal)
{
	uint8_t ip[16];
	size_t ip_len = !literal ? 0 : inet_pton(AF_INET, host, ip) == 1 ? 4 : inet_pton(AF_INET6, host, ip) == 1 ? 16 : 0;
	struct rd names = rd_from(leaf->san);
	while (names.left > 0) {
		unsigned tag;
		struct span name = der_any(&names, &tag, NULL);
		if (!rd_ok(&names))
			return false;
		if (!literal && tag == DER_CONTEXT(2) && dns_matches(name, SPAN_STR(host)))
			return true;
		if (ip_len > 0 && tag == DER_CONTEXT(7) && span_eq(name, SPAN(ip, ip_len)))
			return true;
	}
	return false;
}

static bool could_end_at(const struct x509 *root, const struct x509 *leaf, const struct x509 *pool, size_t n)
{
	bool hit = span_eq(leaf->issuer, root->subject);
	for (size_t i = 0; i < n && !hit; i++)
		hit = span_eq(pool[i].issuer, root->subject);
	return hit;
}

int roots_judge(const struct http_roots *r, const struct tls_peer *p, struct x509 *leaf, const char *host, bool literal, struct diag *d)
{
	int e = x509_parse(p->cert[0], leaf, d);
	if (e)
		return e;
	struct x509 pool[TLS_PEER_CERTS];
	size_t n = 0;
	for (size_t i = 1; i < p->n; i++)
		n += x509_parse(p->cert[i], &pool[n], NULL) == 0;
	struct x509_policy policy = {.now = time(NULL), .purpose = x509_server_auth, .revocation = X509_REVOCATION_OFF};
	e = diag_fail(d, ERR_REFUSED, "UnknownIssuer");
	for (size_t i = 0; i < r->n && e; i++) {
		if (!could_end_at(&r->root[i], leaf, pool, n))
			continue;
		policy.anchor = &r->root[i];
		e = x509_path_verify(leaf, pool, n, &policy, NULL, d);
	}
	if (!e && !names_host(leaf, host, literal))
		e = diag_fail(d, ERR_REFUSED, "certificate not valid for name \"%s\"", host);
	return e;
}
