#include "boot/dhcp_client.h"

#include "crypto/random.h"

enum {
	FIRST_WAIT = 500, /* ms; a virtual network answers within a few, and the machine is waiting */
	LONGEST_WAIT = 64000,
	REQUESTS_MAX = 5,
	RENEW_WAIT_MIN = 60000
};

static uint32_t random_u32(void)
{
	uint32_t v;
	random_bytes(&v, sizeof v);
	return v;
}

/* Doubling from FIRST_WAIT, with a tenth of randomness so that many machines do not ask in step. */
static int64_t backoff(unsigned tries)
{
	int64_t wait = FIRST_WAIT;
	while (tries-- > 0 && wait < LONGEST_WAIT)
		wait *= 2;
	return wait + (int64_t)(random_u32() % (uint32_t)(wait / 10));
}

static void enter(struct dhcp_client *c, enum dhcp_state state, int64_t now)
{
	c->state = state;
	c->tries = 0;
	c->due = now;
}

void dhcp_client_start(struct dhcp_client *c, const uint8_t mac[6], int64_t now)
{
	*c = (struct dhcp_client){.began = now, .xid = random_u32()};
	memcpy(c->mac, mac, 6);
	enter(c, DHCP_SELECTING, now);
}

static enum dhcp_step drop(struct dhcp_client *c, int64_t now)
{
	uint8_t mac[6];
	memcpy(mac, c->mac, 6);
	dhcp_client_start(c, mac, now);
	return DHCP_DROP;
}

static void ask(struct dhcp_client *c, enum dhcp_type type, int64_t now, struct wr *w)
{
	struct dhcp_query q = {.type = type, .xid = c->xid};
	int64_t seconds = (now - c->began) / 1000;
	q.seconds = (uint16_t)(seconds < 0xffff ? seconds : 0xffff);
	memcpy(q.mac, c->mac, 6);
	if (c->state == DHCP_REQUESTING) {
		q.requested = c->lease.address;
		q.server = c->lease.server;
	} else if (c->state == DHCP_RENEWING || c->state == DHCP_REBINDING) {
		q.ciaddr = c->lease.address;
	}
	dhcp_write(w, &q);
}

/* Half of the time that is left before until, but not too often (RFC 2131, 4.4.5). */
static int64_t next_renewal(int64_t now, int64_t until)
{
	int64_t half = (until - now) / 2;
	if (half < RENEW_WAIT_MIN)
		half = RENEW_WAIT_MIN;
	return until - now < half ? until : now + half;
}

enum dhcp_step dhcp_client_tick(struct dhcp_client *c, int64_t now, struct wr *w)
{
	if (now < c->due)
		return DHCP_WAIT;
	switch (c->state) {
	case DHCP_SELECTING:
		ask(c, DHCP_DISCOVER, now, w);
		c->due = now + backoff(c->tries++);
		return DHCP_SEND;
	case DHCP_REQUESTING:
		if (c->tries == REQUESTS_MAX) {
			c->xid = random_u32();
			enter(c, DHCP_SELECTING, now);
			return DHCP_WAIT;
		}
		c->requested_at = now;
		ask(c, DHCP_REQUEST, now, w);
		c->due = now + backoff(c->tries++);
		return DHCP_SEND;
	case DHCP_BOUND:
		c->xid = random_u32();
		c->began = now;
		enter(c, DHCP_RENEWING, now);
		/* fall through */
	case DHCP_RENEWING:
		if (now < c->rebind) {
			c->requested_at = now;
			ask(c, DHCP_REQUEST, now, w);
			c->due = next_renewal(now, c->rebind);
			return DHCP_SEND_TO;
		}
		enter(c, DHCP_REBINDING, now);
		/* fall through */
	case DHCP_REBINDING:
		if (now >= c->end)
			return drop(c, now);
		c->requested_at = now;
		ask(c, DHCP_REQUEST, now, w);
		c->due = next_renewal(now, c->end);
		return DHCP_SEND;
	}
	return DHCP_WAIT;
}

static enum dhcp_step take(struct dhcp_client *c, const struct dhcp_lease *lease)
{
	int64_t from = c->requested_at;
	c->lease = *lease;
	c->state = DHCP_BOUND;
	c->tries = 0;
	if (lease->seconds == UINT32_MAX) {
		c->renew = c->rebind = c->end = INT64_MAX;
	} else {
		c->renew = from + (int64_t)lease->renew_after * 1000;
		c->rebind = from + (int64_t)lease->rebind_after * 1000;
		c->end = from + (int64_t)lease->seconds * 1000;
	}
	c->due = c->renew;
	return DHCP_TAKE;
}

enum dhcp_step dhcp_client_input(struct dhcp_client *c, int64_t now, struct span message, struct diag *d)
{
	struct dhcp_reply reply;
	diag_clear(d);
	if (c->state == DHCP_BOUND || dhcp_read(message, c->xid, c->mac, &reply, d))
		return DHCP_WAIT;
	if (c->state == DHCP_SELECTING) {
		if (reply.type == DHCP_OFFER) {
			c->lease = reply.lease;
			enter(c, DHCP_REQUESTING, now);
		}
		return DHCP_WAIT;
	}
	if (reply.type == DHCP_ACK && reply.lease.address != c->lease.address) {
		diag_set(d, "DHCP: asked for %08x, was given %08x", c->lease.address, reply.lease.address);
		return DHCP_WAIT;
	}
	if (reply.type == DHCP_ACK)
		return take(c, &reply.lease);
	if (reply.type != DHCP_NAK)
		return DHCP_WAIT;
	if (c->state != DHCP_REQUESTING)
		return drop(c, now);
	uint8_t mac[6];
	memcpy(mac, c->mac, 6);
	dhcp_client_start(c, mac, now);
	c->due = now + backoff(0); /* a server that offers and then refuses is not asked in a busy loop */
	return DHCP_WAIT;
}
