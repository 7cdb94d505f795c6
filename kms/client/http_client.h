/* Outgoing HTTP/1.1, blocking, with one deadline for everything: name lookup, connection, TLS, redirects, the last byte of the body.
 *
 * http://host[:port]/path, https://..., unix:/path/of/socket (then request.path names the path), vsock://cid:port/path. */
#ifndef UKMS_KMS_CLIENT_HTTP_CLIENT_H
#define UKMS_KMS_CLIENT_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "kms/attest/attest.h"

/* What an https server must prove. There is no default: a request without one is refused. */
enum http_trust {
	HTTP_TRUST_NONE,    /* https is refused */
	HTTP_TRUST_ROOTS,   /* a chain to `roots` for the host of the URL (DNS name or IP address) */
	HTTP_TRUST_PIN,     /* the leaf has exactly the key `pin_spki`; its chain, names and dates are not looked at */
	HTTP_TRUST_CAPTURE, /* any certificate; its key is proved by the handshake and the leaf is handed out: the caller judges it */
	HTTP_TRUST_SIGNED,  /* any certificate: only for documents that are signed themselves, and judged by that signature */
};

struct http_roots;   /* trust anchors, parsed once */
struct http_proxies; /* kms/client/proxy.h */

/* Reads every certificate of a PEM bundle (or one DER certificate). Those that are no usable anchors (another kind of key) are left out;
 * none at all is ERR_CONFIG. Thread safe for reading afterwards. */
int http_roots_read(struct http_roots **out, struct span pem, struct diag *d);
void http_roots_free(struct http_roots *r);
/* The usual places of a host's bundle; NULL if there is none. The caller frees it. */
struct http_roots *http_roots_system(void);

/* A client certificate: chain (DER, leaf first) and the P-256 scalar of the leaf, big endian. */
struct http_identity {
	const struct span *chain;
	size_t chain_len;
	uint8_t key[32];
};

struct http_fetch {
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *path; /* only with a unix: URL; NULL means "/" */
	struct span body; /* empty: none (a POST sends Content-Length: 0) */
	const char *content_type;
	const char *accept; /* NULL: the common form of "anything" */
	const char *user_agent;
	const char *headers; /* further lines, each ended by CRLF, or NULL */

	enum http_trust trust;
	const struct http_roots *roots;
	struct span pin_spki;                 /* DER SubjectPublicKeyInfo */
	const struct http_identity *identity; /* NULL: none is shown, also if asked */
	const struct http_proxies *proxies;   /* NULL: none */

	unsigned redirects;  /* followed at most; 0: a 3xx is an answer like any other. Never from https to http; never with PIN or CAPTURE.
			      */
	unsigned timeout_ms; /* total; 0 is refused */
	unsigned connect_ms; /* for the TCP connection; 0: the total */
	size_t body_max;     /* 0: 16 MiB; more is ERR_LIMIT */
};

struct http_reply {
	int status;
	const char *reason;  /* of the number: "Bad Request" */
	struct span headers; /* raw lines, CRLF separated; fetched_header() reads them */
	struct span body;
	struct span leaf; /* https: DER of certificate 0, whose key the handshake has proved */
	struct span spki; /* https: its SubjectPublicKeyInfo, DER */
};

/* One exchange. It takes up to 100 KiB of the arena besides the answer. Everything in out is in the arena, and nothing of a failed exchange
 * is to be used. 0 whatever the status; ERR_CONFIG (bad URL, no trust), ERR_IO (refused, reset, lookup), ERR_TIMEOUT, ERR_CRYPTO
 * (certificate, handshake), ERR_INPUT (malformed answer), ERR_LIMIT. d: "error sending request for url (URL): client error (Connect): tcp
 * connect error: Connection refused (os error 111)" and its siblings of the protocol's section 10.4. */
int http_fetch(struct arena *a, const struct http_fetch *f, struct http_reply *out, struct diag *d);

/* GET of signed documents (collateral, revocation lists, issuers): follows up to 10 redirects. Without roots anybody may serve them over
 * https as anybody may over http. The result borrows means, and what is in it. */
struct http_means {
	const struct http_roots *roots;     /* or NULL */
	const struct http_proxies *proxies; /* or NULL */
};
struct fetcher http_fetcher(const struct http_means *means);

/* The reason phrase of a status code, in the words of upstream's HTTP library: "<unknown status code>" if none is known. */
const char *http_reason(int status);

#endif
