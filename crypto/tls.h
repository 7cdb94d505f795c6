/* What both ends of our TLS share over BearSSL: one profile (TLS 1.2, ECDHE, AEAD only), and the X.509 engine class that keeps the peer's
 * certificates and asks one function whether they are good.
 *
 * BearSSL's own server option for optional client certificates goes on when a chain fails to verify, and then skips the proof of
 * possession. So the server must look at `refused` after every step of its engine and end the connection; a chain that was accepted always
 * has its CertificateVerify checked, since get_pkey yields a key that is allowed to sign and nothing else. */
#ifndef UKMS_CRYPTO_TLS_H
#define UKMS_CRYPTO_TLS_H

#include <bearssl.h>

#include "base/arena.h"
#include "base/err.h"
#include "crypto/x509.h"

/* Record buffers of an engine: the largest record of RFC 5246 with BearSSL's overhead (325 in, 85 out). */
enum { TLS_IN_SIZE = 16384 + 325, TLS_OUT_SIZE = 16384 + 85 };

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* Versions, suites, hashes, curves, signatures, AEAD implementations, PRFs, no renegotiation, ALPN http/1.1. A client also takes servers
 * with RSA keys; a server verifies ECDSA (P-256, P-384) only. */
void tls_profile(br_ssl_engine_context *eng, enum tls_side side);
/* 32 bytes of the system's generator into the engine. */
void tls_seed(br_ssl_engine_context *eng);

/* A few words for the engine's error: "handshake: certificate refused (62)". Static text or inside buf. */
const char *tls_error_text(int err, char *buf, size_t cap);

enum { TLS_PEER_CERTS = 10, TLS_PEER_BYTES = 256 * 1024 };

struct tls_peer {
	const br_x509_class *vtable; /* first: BearSSL's view of this object */

	/* Set by the owner. */
	void *(*room)(void *self, size_t n); /* n bytes for a certificate, or NULL; lives as long as the owner wants */
	int (*judge)(void *self, const struct tls_peer *p, struct x509 *leaf,
		     struct diag *d); /* parses cert[0] into leaf and says 0 if the chain is good */
	void *self;
	bool leaf_only; /* later certificates are read and dropped */
	bool ec_only;   /* keys that are not P-256 or P-384 are refused; must be set for a server, whose engine has no RSA verifier */

	/* Filled by the handshake. */
	struct span cert[TLS_PEER_CERTS];
	size_t n;
	bool sent;     /* a chain with at least one certificate was sent */
	bool refused;  /* it was too large or the judge said no; d says why */
	bool accepted; /* the judge said yes; once the handshake is over, possession of the key is proved */
	struct x509 leaf;
	struct diag d;

	uint8_t *at; /* where the current certificate goes; NULL: dropped */
	size_t left, total;
	size_t index;
	br_x509_pkey key;
};

/* Prepares p for one handshake; the fields set by the owner stay. */
void tls_peer_start(struct tls_peer *p);

/* Fills out from a parsed public key: P-256, P-384, or RSA. false for other kinds. */
bool tls_public_key(const struct x509_key *k, br_x509_pkey *out);

#endif
