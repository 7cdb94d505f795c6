/* http, https, unix and vsock URLs. */
#ifndef UKMS_KMS_CLIENT_URL_H
#define UKMS_KMS_CLIENT_URL_H

#include "base/arena.h"
#include "base/err.h"

enum url_scheme { URL_HTTP, URL_HTTPS, URL_UNIX, URL_VSOCK };

struct url {
	enum url_scheme scheme;
	const char *host; /* lower case, IPv6 without brackets; unix: path of the socket; vsock: the CID in decimal */
	bool literal;     /* host is an IP address */
	uint16_t port;
	const char *target;    /* path without "." and "..", and query; begins with '/'; no fragment */
	const char *authority; /* value of Host: port only if it is not the default */
	const char *basic;     /* base64 of "user:password" in front of the host, or NULL */
	const char *shown;     /* the whole, normalized, without user and password */
};

/* Everything in out is in the arena. ERR_CONFIG with the reason, which names neither user nor password; ERR_LIMIT. */
int url_parse(struct arena *a, const char *text, struct url *out, struct diag *d);
/* The absolute form of a Location value received from base; NULL when full. */
const char *url_join(struct arena *a, const struct url *base, struct span location);

#endif
