/* A small PKI and servers on threads, for the tests of both ends of our TLS and HTTP. */
#ifndef UKMS_TESTS_UNIT_SERVE_H
#define UKMS_TESTS_UNIT_SERVE_H

#include <pthread.h>
#include <time.h>

#include "crypto/cert_build.h"
#include "kms/server/server.h"
#include "tests/unit/test.h"

struct authority {
	struct p256_key key;
	struct span name, cert;
};

/* What a test's certificate says; zero is a good leaf. */
struct leaf_form {
	bool ca, server_auth, client_auth;
	int64_t not_before, not_after; /* relative to now; both 0: -60 and +3600 */
	const char *dns, *ip;
	struct span attestation;
};

static inline void make_authority(struct arena *a, struct authority *au, const char *cn)
{
	uint8_t spki[P256_SPKI_LEN];
	struct diag d = {0};
	p256_generate(&au->key);
	p256_spki(au->key.point, spki);
	struct cert_spec spec = {.subject.cn = SPAN_STR(cn), .spki = SPAN_ARR(spki), .ca = true, .path_len = 1};
	spec.not_before = time(NULL) - 60;
	spec.not_after = time(NULL) + 3600;
	au->name = cert_name_der(a, &spec.subject);
	if (cert_build(a, &spec, au->name, &au->key, &au->cert, &d) != 0)
		fail_msg("%s", d.text);
}

static inline struct span make_leaf(struct arena *a, const struct authority *au, const struct p256_key *key, const struct leaf_form *f)
{
	uint8_t spki[P256_SPKI_LEN];
	struct diag d = {0};
	struct span names[2], der;
	size_t n = 0;
	if (f->dns)
		names[n++] = SPAN_STR(f->dns);
	if (f->ip)
		names[n++] = SPAN_STR(f->ip);
	p256_spki(key->point, spki);
	struct cert_spec spec = {.subject.cn = SPAN_LIT("leaf"),
				 .spki = SPAN_ARR(spki),
				 .ca = f->ca,
				 .alt_names = names,
				 .alt_name_count = n,
				 .server_auth = f->server_auth,
				 .client_auth = f->client_auth,
				 .not_before = time(NULL) + (f->not_before ? f->not_before : -60),
				 .not_after = time(NULL) + (f->not_after ? f->not_after : 3600),
				 .attestation = f->attestation};
	if (cert_build(a, &spec, au->name, &au->key, &der, &d) != 0)
		fail_msg("%s", d.text);
	return der;
}

/* What a server shows with a new key under an authority of its own; *cert must live as long as it. */
static inline struct server_tls make_server_tls(struct arena *a, struct span *cert)
{
	struct authority ca;
	struct p256_key key;
	struct server_tls tls = {.chain = cert, .chain_len = 1};
	make_authority(a, &ca, "CA");
	p256_generate(&key);
	*cert = make_leaf(a, &ca, &key, &(struct leaf_form){0});
	memcpy(tls.key, key.scalar, 32);
	return tls;
}

struct serving {
	struct server *s;
	pthread_t thread;
	uint16_t port;
	int result;
};

static inline void *serving_main(void *arg)
{
	struct serving *v = arg;
	struct diag d = {0};
	v->result = server_run(v->s, &d);
	return NULL;
}

static inline void serving_start(struct serving *v, const struct server_config *c)
{
	struct diag d = {0};
	if (server_open(&v->s, c, &d) != 0)
		fail_msg("%s", d.text);
	v->port = server_port(v->s);
	if (pthread_create(&v->thread, NULL, serving_main, v) != 0)
		fail_msg("no thread");
}

/* Waits for an end that was asked for otherwise. */
static inline void serving_join(struct serving *v)
{
	pthread_join(v->thread, NULL);
	assert_int_equal(v->result, 0);
	server_close(v->s);
}

static inline void serving_stop(struct serving *v)
{
	server_stop(v->s);
	serving_join(v);
}

#endif
