#include "boot/dhcp.h"

#include "base/rd.h"

enum {
	MAGIC = 0x63825363,
	FLAG_BROADCAST = 0x8000, /* answers must reach an interface that has no address */
	OPTION_BYTES_MAX = 1024,
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_MTU = 26,
	OPT_NTP = 42,
	OPT_REQUESTED = 50,
	OPT_SECONDS = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_WANTED = 55,
	OPT_MAX_SIZE = 57,
	OPT_RENEW = 58,
	OPT_REBIND = 59,
	OPT_ROUTES = 121,
	OPT_END = 255,
	MTU_MIN = 576,
	SECONDS_MIN = 60 /* a shorter lease would only make us ask all the time */
};

/* --- out ---------------------------------------------------------------------------------------------------------------------------- */

static void option_u32(struct wr *w, uint8_t code, uint32_t v)
{
	if (v == 0)
		return;
	wr_u8(w, code);
	wr_u8(w, 4);
	wr_u32be(w, v);
}

void dhcp_write(struct wr *w, const struct dhcp_query *q)
{
	static const uint8_t wanted[] = {OPT_WANTED, 9,       OPT_MASK,   OPT_ROUTES, OPT_ROUTER, OPT_DNS,
					 OPT_MTU,    OPT_NTP, OPT_SERVER, OPT_RENEW,  OPT_REBIND};
	wr_u8(w, 1); /* request */
	wr_u8(w, 1); /* Ethernet */
	wr_u8(w, 6);
	wr_u8(w, 0);
	wr_u32be(w, q->xid);
	wr_u16be(w, q->seconds);
	wr_u16be(w, q->ciaddr ? 0 : FLAG_BROADCAST);
	wr_u32be(w, q->ciaddr);
	wr_zero(w, 12);
	wr_bytes(w, q->mac, 6);
	wr_zero(w, 10 + 64 + 128);
	wr_u32be(w, MAGIC);
	wr_u8(w, OPT_TYPE);
	wr_u8(w, 1);
	wr_u8(w, (uint8_t)q->type);
	option_u32(w, OPT_REQUESTED, q->requested);
	option_u32(w, OPT_SERVER, q->server);
	wr_u8(w, OPT_MAX_SIZE);
	wr_u8(w, 2);
	wr_u16be(w, DHCP_PACKET_MAX);
	wr_put(w, SPAN_ARR(wanted));
	wr_u8(w, OPT_END);
	while (wr_ok(w) && w->len < 300) /* the least size that BOOTP relays pass on */
		wr_u8(w, OPT_PAD);
}

static uint32_t sum16(uint32_t sum, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		sum += i % 2 ? s.p[i] : (uint32_t)s.p[i] << 8;
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void ip_header(struct wr *w, uint32_t from, size_t payload, uint16_t sum)
{
	wr_u8(w, 0x45);
	wr_u8(w, 0x10); /* low delay */
	wr_u16be(w, (uint16_t)(20 + payload));
	wr_u32be(w, 0);
	wr_u8(w, 64);
	wr_u8(w, 17);
	wr_u16be(w, sum);
	wr_u32be(w, from);
	wr_u32be(w, 0xffffffff);
}

void dhcp_wrap(struct wr *w, uint32_t from, struct span message)
{
	uint8_t head[20], pseudo[20];
	size_t udp = 8 + message.n;
	struct wr h = wr_to(head, sizeof head), p = wr_to(pseudo, sizeof pseudo);
	ip_header(&h, from, udp, 0);
	wr_u32be(&p, from);
	wr_u32be(&p, 0xffffffff);
	wr_u16be(&p, 17);
	wr_u16be(&p, (uint16_t)udp);
	wr_u16be(&p, DHCP_CLIENT_PORT);
	wr_u16be(&p, DHCP_SERVER_PORT);
	wr_u16be(&p, (uint16_t)udp);
	uint16_t sum = checksum(sum16(sum16(0, wr_span(&p)), message));

	ip_header(w, from, udp, checksum(sum16(0, wr_span(&h))));
	wr_u16be(w, DHCP_CLIENT_PORT);
	wr_u16be(w, DHCP_SERVER_PORT);
	wr_u16be(w, (uint16_t)udp);
	wr_u16be(w, sum ? sum : 0xffff);
	wr_put(w, message);
}

/* --- in ----------------------------------------------------------------------------------------------------------------------------- */

struct span dhcp_unwrap(struct span packet)
{
	static const struct span none;
	struct rd r = rd_from(packet);
	uint8_t version = rd_u8(&r);
	rd_skip(&r, 1);
	size_t total = rd_u16be(&r), head = (size_t)(version & 15) * 4;
	rd_skip(&r, 2);
	uint16_t fragment = rd_u16be(&r);
	rd_skip(&r, 1);
	uint8_t protocol = rd_u8(&r);
	if (!rd_ok(&r) || version >> 4 != 4 || head < 20 || total < head || total > packet.n || (fragment & 0x3fff) != 0 || protocol != 17)
		return none;
	r = rd_from(SPAN(packet.p, total));
	rd_skip(&r, head);
	uint16_t from = rd_u16be(&r), to = rd_u16be(&r), size = rd_u16be(&r);
	rd_skip(&r, 2);
	if (!rd_ok(&r) || from != DHCP_SERVER_PORT || to != DHCP_CLIENT_PORT || size < 8 || size - 8U > r.left)
		return none;
	return rd_bytes(&r, size - 8U);
}

/* One field of options. Collects the bytes of option code, from all its pieces (RFC 3396), into w. */
static bool collect(struct span field, uint8_t code, struct wr *w, bool *found)
{
	struct rd r = rd_from(field);
	while (rd_ok(&r) && r.left > 0) {
		uint8_t c = rd_u8(&r);
		if (c == OPT_PAD)
			continue;
		if (c == OPT_END)
			return true;
		struct span value = rd_bytes(&r, rd_u8(&r));
		if (c == code && rd_ok(&r)) {
			wr_put(w, value);
			*found = true;
		}
	}
	return rd_ok(&r);
}

struct fields {
	struct span options, file, sname;
	bool use_file, use_sname;
	bool bad;
	uint8_t value[OPTION_BYTES_MAX];
};

/* The value of an option; false if it is absent. The value lives until the next call. */
static bool option(struct fields *f, uint8_t code, struct rd *out)
{
	bool found = false;
	struct wr w = wr_to(f->value, sizeof f->value);
	if (!collect(f->options, code, &w, &found) || (f->use_file && !collect(f->file, code, &w, &found)) ||
	    (f->use_sname && !collect(f->sname, code, &w, &found)) || !wr_ok(&w))
		f->bad = true;
	*out = rd_from(wr_span(&w));
	return found && !f->bad;
}

static uint32_t option_number(struct fields *f, uint8_t code, size_t size, uint32_t absent)
{
	struct rd r;
	if (!option(f, code, &r))
		return absent;
	uint32_t v = size == 1 ? rd_u8(&r) : size == 2 ? rd_u16be(&r) : rd_u32be(&r);
	if (!rd_done(&r))
		f->bad = true;
	return v;
}

static size_t addresses(struct fields *f, uint8_t code, uint32_t *out, size_t max)
{
	struct rd r;
	size_t n = 0;
	if (!option(f, code, &r))
		return 0;
	if (r.left == 0 || r.left % 4 != 0)
		f->bad = true;
	while (n < max && r.left >= 4) {
		uint32_t a = rd_u32be(&r);
		if (a != 0)
			out[n++] = a;
	}
	return n;
}

static void add_route(struct dhcp_lease *l, uint32_t to, uint8_t prefix, uint32_t via)
{
	if (l->routes < DHCP_ROUTES_MAX)
		l->route[l->routes++] = (struct dhcp_route){to, prefix, via};
}

static uint32_t mask_of(uint8_t prefix)
{
	return prefix == 0 ? 0 : 0xffffffffU << (32 - prefix);
}

/* Option 121, and the router only if there is none (RFC 3442). */
static void routes(struct fields *f, struct dhcp_lease *l)
{
	struct rd r;
	if (!option(f, OPT_ROUTES, &r)) {
		uint32_t router;
		if (addresses(f, OPT_ROUTER, &router, 1) == 1)
			add_route(l, 0, 0, router);
		return;
	}
	while (rd_ok(&r) && r.left > 0) {
		uint8_t prefix = rd_u8(&r);
		uint32_t to = 0;
		if (prefix > 32) {
			f->bad = true;
			return;
		}
		for (unsigned shift = 24, bits = 0; bits < prefix; bits += 8, shift -= 8)
			to |= (uint32_t)rd_u8(&r) << shift;
		add_route(l, to & mask_of(prefix), prefix, rd_u32be(&r));
	}
	if (!rd_ok(&r))
		f->bad = true;
}

static bool is_host(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a >> 28 < 14;
}

static int read_lease(struct fields *f, struct dhcp_lease *l, enum dhcp_type type, struct diag *d)
{
	uint32_t mask = option_number(f, OPT_MASK, 4, 0xffffffff);
	l->prefix = (uint8_t)__builtin_popcount(mask);
	if (mask != mask_of(l->prefix) || l->prefix == 0)
		return diag_fail(d, ERR_INPUT, "DHCP: network mask %08x is no mask", mask);
	if (!is_host(l->address))
		return diag_fail(d, ERR_INPUT, "DHCP: %08x cannot be the address of a host", l->address);
	routes(f, l);
	l->dns_count = addresses(f, OPT_DNS, l->dns, DHCP_SERVERS_MAX);
	l->ntp_count = addresses(f, OPT_NTP, l->ntp, DHCP_SERVERS_MAX);
	l->mtu = (uint16_t)option_number(f, OPT_MTU, 2, 0);
	if (l->mtu < MTU_MIN)
		l->mtu = 0;

	l->seconds = option_number(f, OPT_SECONDS, 4, 0);
	if (l->seconds == 0 && type == DHCP_ACK)
		return diag_fail(d, ERR_INPUT, "DHCP: a lease without a time");
	if (l->seconds < SECONDS_MIN)
		l->seconds = SECONDS_MIN;
	l->renew_after = option_number(f, OPT_RENEW, 4, 0);
	l->rebind_after = option_number(f, OPT_REBIND, 4, 0);
	if (l->rebind_after < SECONDS_MIN / 4 || l->rebind_after >= l->seconds)
		l->rebind_after = l->seconds - l->seconds / 8;
	if (l->renew_after < SECONDS_MIN / 4 || l->renew_after >= l->rebind_after)
		l->renew_after = l->seconds / 2 < l->rebind_after ? l->seconds / 2 : l->rebind_after / 2;
	return 0;
}

int dhcp_read(struct span message, uint32_t xid, const uint8_t mac[6], struct dhcp_reply *out, struct diag *d)
{
	memset(out, 0, sizeof *out);
	struct rd r = rd_from(message);
	uint8_t op = rd_u8(&r), htype = rd_u8(&r), hlen = rd_u8(&r);
	rd_skip(&r, 1);
	uint32_t id = rd_u32be(&r);
	rd_skip(&r, 8);
	out->lease.address = rd_u32be(&r);
	rd_skip(&r, 8);
	struct span chaddr = rd_bytes(&r, 16);
	struct fields f = {0};
	f.sname = rd_bytes(&r, 64);
	f.file = rd_bytes(&r, 128);
	uint32_t magic = rd_u32be(&r);
	f.options = rd_rest(&r);
	if (!rd_ok(&r) || op != 2 || htype != 1 || hlen != 6 || id != xid || magic != MAGIC || !span_eq(SPAN(chaddr.p, 6), SPAN(mac, 6)))
		return diag_fail(d, ERR_MISSING, "DHCP: not an answer to this machine");

	uint32_t overload = option_number(&f, OPT_OVERLOAD, 1, 0);
	f.use_file = overload & 1;
	f.use_sname = overload & 2;
	uint32_t type = option_number(&f, OPT_TYPE, 1, 0);
	out->lease.server = option_number(&f, OPT_SERVER, 4, 0);
	if (f.bad || (type != DHCP_OFFER && type != DHCP_ACK && type != DHCP_NAK))
		return diag_fail(d, ERR_INPUT, "DHCP: malformed options, or a message of type %u", type);
	out->type = (enum dhcp_type)type;
	if (type == DHCP_NAK) {
		out->lease = (struct dhcp_lease){.server = out->lease.server};
		return 0;
	}
	if (!is_host(out->lease.server))
		return diag_fail(d, ERR_INPUT, "DHCP: the server does not name itself");
	int e = read_lease(&f, &out->lease, out->type, d);
	if (e)
		return e;
	return f.bad ? diag_fail(d, ERR_INPUT, "DHCP: malformed options") : 0;
}
