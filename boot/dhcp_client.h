/* The DHCP client's state machine (RFC 2131, section 4.4): told what arrives and what time it is, it says what to send and what
 * changed. No socket, no clock; boot/net.c does the rest. Times are milliseconds of any monotonic clock. */
#ifndef UKMS_BOOT_DHCP_CLIENT_H
#define UKMS_BOOT_DHCP_CLIENT_H

#include "boot/dhcp.h"

enum dhcp_state { DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING, DHCP_REBINDING };

struct dhcp_client {
	uint8_t mac[6];
	enum dhcp_state state;
	uint32_t xid;
	unsigned tries;             /* of the message that is being repeated */
	int64_t began;              /* when it began to ask */
	int64_t due;                /* when dhcp_client_tick() must be called next */
	int64_t requested_at;       /* a lease counts from the request that it answers */
	int64_t renew, rebind, end; /* of the lease; end = INT64_MAX: never */
	struct dhcp_lease lease;    /* offered while requesting; held from DHCP_BOUND on */
};

enum dhcp_step {
	DHCP_WAIT,    /* nothing */
	DHCP_SEND,    /* broadcast what was written */
	DHCP_SEND_TO, /* send what was written to lease.server, from lease.address */
	DHCP_TAKE,    /* lease is new or was renewed: configure it */
	DHCP_DROP     /* the lease is gone: remove it; the machine has started over, tick again */
};

void dhcp_client_start(struct dhcp_client *c, const uint8_t mac[6], int64_t now);

/* Call when now >= due. DHCP_SEND and DHCP_SEND_TO write a message to w. */
enum dhcp_step dhcp_client_tick(struct dhcp_client *c, int64_t now, struct wr *w);

/* A UDP payload arrived. Returns DHCP_WAIT (the machine may have moved: due may be now), DHCP_TAKE or DHCP_DROP. d says why a message
 * was not taken, and is empty otherwise. */
enum dhcp_step dhcp_client_input(struct dhcp_client *c, int64_t now, struct span message, struct diag *d);

#endif
