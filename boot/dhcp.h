/* DHCP messages (RFC 2131, 2132, 3396, 3442) and the IPv4 and UDP headers around them. Only bytes: no socket, no clock.
 * Addresses are in host byte order. */
#ifndef UKMS_BOOT_DHCP_H
#define UKMS_BOOT_DHCP_H

#include "base/err.h"
#include "base/wr.h"

enum {
	DHCP_ROUTES_MAX = 16,
	DHCP_SERVERS_MAX = 3, /* resolvers, and time servers: what is used of each */
	DHCP_PACKET_MAX = 1500,
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68
};

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE };

struct dhcp_route {
	uint32_t to;
	uint8_t prefix;
	uint32_t via; /* 0: the destination is on the link */
};

struct dhcp_lease {
	uint32_t address;
	uint8_t prefix;  /* 32 as Google hands out; also 32 if the server named no mask */
	uint32_t server; /* server identifier */
	struct dhcp_route route[DHCP_ROUTES_MAX];
	size_t routes;
	uint32_t dns[DHCP_SERVERS_MAX], ntp[DHCP_SERVERS_MAX];
	size_t dns_count, ntp_count;
	uint16_t mtu;                                /* 0: not named */
	uint32_t seconds, renew_after, rebind_after; /* seconds = UINT32_MAX: for ever */
};

struct dhcp_reply {
	enum dhcp_type type;     /* DHCP_OFFER, DHCP_ACK or DHCP_NAK */
	struct dhcp_lease lease; /* all zero for DHCP_NAK, except server */
};

/* A message of a client. ciaddr: its address when it has one, else 0. requested, server: 0 leaves the option out. */
struct dhcp_query {
	enum dhcp_type type; /* DHCP_DISCOVER or DHCP_REQUEST */
	uint32_t xid;
	uint16_t seconds; /* since it began to ask */
	uint8_t mac[6];
	uint32_t ciaddr, requested, server;
};
void dhcp_write(struct wr *w, const struct dhcp_query *q);

/* A message of a server that answers this xid and this MAC. ERR_MISSING: an answer to somebody else, or not one; ERR_INPUT: malformed,
 * or without what a lease needs. */
int dhcp_read(struct span message, uint32_t xid, const uint8_t mac[6], struct dhcp_reply *out, struct diag *d);

/* message as a broadcast from 0.0.0.0 (or from, if not 0), with IPv4 and UDP headers. */
void dhcp_wrap(struct wr *w, uint32_t from, struct span message);

/* The UDP payload of an IPv4 packet to the client's port; an empty span if the packet is anything else. Checksums are not looked at: the
 * sender is not trusted, and a virtual NIC may not have filled them in. */
struct span dhcp_unwrap(struct span packet);

#endif
