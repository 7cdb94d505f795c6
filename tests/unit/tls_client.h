/* A TLS client that can misbehave where ours cannot: it may sign CertificateVerify with another key, or leave the message out and go on as
 * if there had been none. */
#ifndef UKMS_TESTS_UNIT_TLS_CLIENT_H
#define UKMS_TESTS_UNIT_TLS_CLIENT_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "crypto/p256.h"
#include "crypto/tls.h"
#include "tests/unit/test.h"

struct tls_client {
	br_ssl_client_context cc;
	struct tls_peer peer;
	struct arena *arena;
	int fd;
	uint8_t in[TLS_IN_SIZE], out[TLS_OUT_SIZE];

	const struct span *chain; /* certificates to show */
	size_t chain_len;
	const struct p256_key *key; /* signs CertificateVerify */
	bool leave_out;             /* no CertificateVerify at all */

	br_x509_certificate certs[4];
	br_ec_private_key sk;
	br_ssl_client_certificate_class auth;
	br_multihash_context before; /* the transcript without CertificateVerify */
	bool signed_, ccs;
};

static struct tls_client *attacker; /* BearSSL's callbacks below have no other way to it */
static size_t (*honest_sign)(const br_ssl_client_certificate_class **, int, size_t, unsigned char *, size_t);

static inline size_t sign_and_remember(const br_ssl_client_certificate_class **ctx, int hash, size_t len, unsigned char *data, size_t max)
{
	attacker->before = attacker->cc.eng.mhash;
	attacker->signed_ = true;
	return honest_sign(ctx, hash, len, data, max);
}

/* The Finished of a client that never sent the message. */
static inline void forge(br_tls_prf_impl prf, int hash, void *dst, size_t len, const void *secret, size_t secret_len, const char *label,
			 size_t n, const br_tls_prf_seed_chunk *seed)
{
	uint8_t h[64];
	br_tls_prf_seed_chunk other = {h, 0};
	if (attacker->leave_out && attacker->signed_ && strcmp(label, "client finished") == 0) {
		other.len = br_multihash_out(&attacker->before, hash, h);
		prf(dst, len, secret, secret_len, label, 1, &other);
		return;
	}
	prf(dst, len, secret, secret_len, label, n, seed);
}

static inline void forge256(void *dst, size_t len, const void *secret, size_t secret_len, const char *label, size_t n,
			    const br_tls_prf_seed_chunk *s)
{
	forge(br_tls12_sha256_prf, br_sha256_ID, dst, len, secret, secret_len, label, n, s);
}

static inline void forge384(void *dst, size_t len, const void *secret, size_t secret_len, const char *label, size_t n,
			    const br_tls_prf_seed_chunk *s)
{
	forge(br_tls12_sha384_prf, br_sha384_ID, dst, len, secret, secret_len, label, n, s);
}

static inline void *client_room(void *self, size_t n)
{
	return arena_alloc(((struct tls_client *)self)->arena, n);
}

static inline int client_judge(void *self, const struct tls_peer *p, struct x509 *leaf, struct diag *d)
{
	(void)self;
	return x509_parse(p->cert[0], leaf, d);
}

static inline int connect_to(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval t = {10, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
		fail_msg("cannot connect");
	return fd;
}

static inline void tls_client_open(struct tls_client *c, struct arena *a, uint16_t port)
{
	attacker = c;
	c->arena = a;
	c->fd = connect_to(port);
	br_ssl_client_zero(&c->cc);
	tls_profile(&c->cc.eng, TLS_CLIENT);
	br_ssl_engine_set_prf_sha256(&c->cc.eng, forge256);
	br_ssl_engine_set_prf_sha384(&c->cc.eng, forge384);
	c->peer = (struct tls_peer){.room = client_room, .judge = client_judge, .self = c};
	tls_peer_start(&c->peer);
	br_ssl_engine_set_x509(&c->cc.eng, &c->peer.vtable);
	if (c->chain_len > 0) {
		for (size_t i = 0; i < c->chain_len; i++)
			c->certs[i] = (br_x509_certificate){(unsigned char *)(uintptr_t)c->chain[i].p, c->chain[i].n};
		c->sk = (br_ec_private_key){BR_EC_secp256r1, (unsigned char *)(uintptr_t)c->key->scalar, 32};
		br_ssl_client_set_single_ec(&c->cc, c->certs, c->chain_len, &c->sk, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC,
					    br_ssl_engine_get_ec(&c->cc.eng), br_ecdsa_i31_sign_asn1);
		c->auth = **c->cc.client_auth_vtable;
		honest_sign = c->auth.do_sign;
		c->auth.do_sign = sign_and_remember;
		*c->cc.client_auth_vtable = &c->auth;
	}
	tls_seed(&c->cc.eng);
	br_ssl_engine_set_buffers_bidi(&c->cc.eng, c->in, sizeof c->in, c->out, sizeof c->out);
	br_ssl_client_reset(&c->cc, "localhost", 0);
}

/* Sends a record as it is, or without the CertificateVerify in it. */
static inline bool tls_client_send(struct tls_client *c, const uint8_t *rec, size_t n)
{
	static uint8_t less[TLS_OUT_SIZE];
	if (rec[0] == 20)
		c->ccs = true;
	if (!c->leave_out || rec[0] != 22 || c->ccs)
		return send(c->fd, rec, n, MSG_NOSIGNAL) == (ssize_t)n;
	size_t to = 5;
	for (size_t at = 5; at + 4 <= n;) {
		size_t len = 4 + ((size_t)rec[at + 1] << 16 | (size_t)rec[at + 2] << 8 | rec[at + 3]);
		if (rec[at] != 15) {
			memcpy(less + to, rec + at, len);
			to += len;
		}
		at += len;
	}
	memcpy(less, rec, 3);
	less[3] = (uint8_t)((to - 5) >> 8);
	less[4] = (uint8_t)(to - 5);
	return to == 5 || send(c->fd, less, to, MSG_NOSIGNAL) == (ssize_t)to;
}

/* Runs until wanted; false if the session ended before. */
static inline bool tls_client_run(struct tls_client *c, unsigned wanted)
{
	br_ssl_engine_context *e = &c->cc.eng;
	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		size_t n;
		if (state & BR_SSL_CLOSED)
			return false;
		if (state & BR_SSL_SENDREC) {
			const uint8_t *rec = br_ssl_engine_sendrec_buf(e, &n);
			if (!tls_client_send(c, rec, n))
				return false;
			br_ssl_engine_sendrec_ack(e, n);
			continue;
		}
		if (state & wanted)
			return true;
		uint8_t *to = br_ssl_engine_recvrec_buf(e, &n);
		ssize_t got = recv(c->fd, to, n, 0);
		if (got <= 0)
			return false;
		br_ssl_engine_recvrec_ack(e, (size_t)got);
	}
}

static inline bool tls_client_handshake(struct tls_client *c)
{
	return tls_client_run(c, BR_SSL_SENDAPP);
}

/* The fatal alert that ended the session, 0 if it was none. */
static inline int tls_client_alert(const struct tls_client *c)
{
	int err = br_ssl_engine_last_error(&c->cc.eng);
	return err >= BR_ERR_RECV_FATAL_ALERT && err < BR_ERR_RECV_FATAL_ALERT + 256 ? err - BR_ERR_RECV_FATAL_ALERT : 0;
}

/* One GET; the whole answer, head included, up to cap bytes as text. */
static inline size_t tls_client_get(struct tls_client *c, const char *path, char *answer, size_t cap)
{
	char text[256];
	size_t n, total = 0;
	int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", path);
	uint8_t *to = br_ssl_engine_sendapp_buf(&c->cc.eng, &n);
	memcpy(to, text, (size_t)len);
	br_ssl_engine_sendapp_ack(&c->cc.eng, (size_t)len);
	br_ssl_engine_flush(&c->cc.eng, 0);
	while (tls_client_run(c, BR_SSL_RECVAPP)) {
		const uint8_t *p = br_ssl_engine_recvapp_buf(&c->cc.eng, &n);
		size_t keep = n < cap - 1 - total ? n : cap - 1 - total;
		memcpy(answer + total, p, keep);
		total += keep;
		br_ssl_engine_recvapp_ack(&c->cc.eng, n);
	}
	answer[total] = 0;
	return total;
}

static inline void tls_client_close(struct tls_client *c)
{
	close(c->fd);
}

#endif
