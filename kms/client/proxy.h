/* Proxies of the process environment for outgoing http and https (protocol section 11.3): HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY. The
 * measured image has no environment and asks nobody but who its configuration names. */
#ifndef UKMS_KMS_CLIENT_PROXY_H
#define UKMS_KMS_CLIENT_PROXY_H

#include "kms/client/link.h"

struct http_proxies {
	struct url http, https; /* host NULL: none */
	struct span except;     /* NO_PROXY as it stands */
};

/* Reads the variables through env (getenv): upper case before lower case, ALL_PROXY for a scheme without its own; "host:port" means
 * http://host:port, user:password becomes Proxy-Authorization. An empty variable is none. Everything in out is in the arena or the
 * environment. ERR_CONFIG, with the name of the variable and never its value: no URL, or a proxy that is not spoken to in plain HTTP. */
int http_proxies_read(struct http_proxies *out, struct arena *a, char *(*env)(const char *name), struct diag *d);

/* The proxy for this URL; NULL: none. NO_PROXY is a list of names, addresses and networks ("10.0.0.0/8") between commas: a name is for
 * itself and everything below it, with or without a dot in front; "*" is everything. p may be NULL. */
const struct url *http_proxy_for(const struct http_proxies *p, const struct url *target);

/* Asks the proxy at the other end of l for a connection to l->url (CONNECT, RFC 9110 9.3.6); what follows on l is then the target's. Takes
 * not one byte beyond the proxy's answer. ERR_IO "tunnel error: ...", ERR_INPUT, ERR_TIMEOUT, ERR_LIMIT. */
int http_proxy_tunnel(struct link_to *l, const struct url *proxy, struct diag *d);

#endif
