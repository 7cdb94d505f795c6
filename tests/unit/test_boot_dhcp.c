#include "tests/unit/test.h"

#include "boot/dhcp_client.h"

static const uint8_t mac[6] = {0x42, 0x01, 0x0a, 0x80, 0x00, 0x07};

struct answer {
	uint8_t bytes[2048];
	struct wr w;
};

/* The fixed part of a server's message, and its first option. */
static void begin(struct answer *a, enum dhcp_type type, uint32_t xid, uint32_t yiaddr)
{
	a->w = wr_to(a->bytes, sizeof a->bytes);
	wr_u32be(&a->w, 0x02010600);
	wr_u32be(&a->w, xid);
	wr_zero(&a->w, 8);
	wr_u32be(&a->w, yiaddr);
	wr_zero(&a->w, 8);
	wr_bytes(&a->w, mac, 6);
	wr_zero(&a->w, 10 + 64 + 128);
	wr_u32be(&a->w, 0x63825363);
	wr_u8(&a->w, 53);
	wr_u8(&a->w, 1);
	wr_u8(&a->w, (uint8_t)type);
}

#define OPTION(a, code, ...)                                                                                                               \
	do {                                                                                                                               \
		const uint8_t v_[] = {__VA_ARGS__};                                                                                        \
		wr_u8(&(a)->w, code);                                                                                                      \
		wr_u8(&(a)->w, sizeof v_);                                                                                                 \
		wr_bytes(&(a)->w, v_, sizeof v_);                                                                                          \
	} while (0)

static void end(struct answer *a)
{
	wr_u8(&a->w, 255);
	assert_true(wr_ok(&a->w));
}

/* What Google's server sends, with lease times of the caller. */
static void google(struct answer *a, enum dhcp_type type, uint32_t xid)
{
	begin(a, type, xid, 0x0a800007);
	OPTION(a, 54, 169, 254, 169, 254);
	OPTION(a, 51, 0, 1, 0x51, 0x80);
	OPTION(a, 1, 255, 255, 255, 255);
	OPTION(a, 3, 10, 128, 0, 1);
	OPTION(a, 6, 169, 254, 169, 254);
	OPTION(a, 26, 5, 180);
	OPTION(a, 42, 169, 254, 169, 254);
	OPTION(a, 121, 32, 10, 128, 0, 1, 0, 0, 0, 0, 0, 10, 128, 0, 1);
	end(a);
}

static int reads(struct answer *a, struct dhcp_reply *r, struct diag *d)
{
	diag_clear(d);
	return dhcp_read(wr_span(&a->w), 77, mac, r, d);
}

static void reads_googles_lease(void **state)
{
	(void)state;
	struct answer a;
	struct dhcp_reply r;
	struct diag d;
	google(&a, DHCP_ACK, 77);
	if (reads(&a, &r, &d))
		fail_msg("%s", d.text);
	assert_int_equal(r.type, DHCP_ACK);
	assert_int_equal(r.lease.address, 0x0a800007);
	assert_int_equal(r.lease.prefix, 32);
	assert_int_equal(r.lease.mtu, 1460);
	assert_int_equal(r.lease.dns[0], 0xa9fea9fe);
	assert_int_equal(r.lease.ntp[0], 0xa9fea9fe);
	assert_int_equal(r.lease.routes, 2);
	assert_int_equal(r.lease.route[0].to, 0x0a800001);
	assert_int_equal(r.lease.route[0].prefix, 32);
	assert_int_equal(r.lease.route[0].via, 0);
	assert_int_equal(r.lease.route[1].prefix, 0);
	assert_int_equal(r.lease.route[1].via, 0x0a800001);
	assert_int_equal(r.lease.seconds, 86400);
	assert_int_equal(r.lease.renew_after, 43200);
	assert_int_equal(r.lease.rebind_after, 75600);
}

static void takes_the_router_only_without_classless_routes(void **state)
{
	(void)state;
	struct answer a;
	struct dhcp_reply r;
	struct diag d;
	begin(&a, DHCP_OFFER, 77, 0xc0a80105);
	OPTION(&a, 54, 192, 168, 1, 1);
	OPTION(&a, 1, 255, 255, 255, 0);
	OPTION(&a, 3, 192, 168, 1, 1, 192, 168, 1, 2);
	end(&a);
	assert_int_equal(reads(&a, &r, &d), 0);
	assert_int_equal(r.lease.prefix, 24);
	assert_int_equal(r.lease.routes, 1);
	assert_int_equal(r.lease.route[0].via, 0xc0a80101);
}

static void joins_options_in_pieces_and_in_overloaded_fields(void **state)
{
	(void)state;
	struct answer a;
	struct dhcp_reply r;
	struct diag d;
	google(&a, DHCP_ACK, 77);
	a.w.len--;
	OPTION(&a, 121, 8, 172, 10, 128);
	OPTION(&a, 52, 3);
	OPTION(&a, 121, 0, 1);
	end(&a);
	/* file continues the options, and sname that */
	memcpy(a.bytes + 108, "\x79\x05\x10\xac\x10\x0a\x80\xff", 8);
	memcpy(a.bytes + 44, "\x79\x02\x00\x01\xff", 5);
	if (reads(&a, &r, &d))
		fail_msg("%s", d.text);
	assert_int_equal(r.lease.routes, 4);
	assert_int_equal(r.lease.route[2].to, 0xac000000);
	assert_int_equal(r.lease.route[2].prefix, 8);
	assert_int_equal(r.lease.route[3].to, 0xac100000);
	assert_int_equal(r.lease.route[3].via, 0x0a800001);
}

static void refuses_malformed_leases(void **state)
{
	(void)state;
	struct answer a;
	struct dhcp_reply r;
	struct diag d;
	static const struct {
		uint8_t code, n, value[4];
	} bad[] = {
		{1, 4, {255, 0, 255, 0}}, {1, 4, {0, 0, 0, 0}}, {1, 3, {255, 255, 0}}, {51, 2, {0, 9}},
		{51, 4, {0, 0, 0, 0}},    {121, 1, {33}},       {121, 2, {24, 10}},    {3, 3, {1, 2, 3}},
		{54, 4, {127, 0, 0, 1}},  {26, 1, {5}},         {53, 1, {9}},          {6, 0, {0}},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin(&a, DHCP_ACK, 77, 0x0a000002);
		if (bad[i].code != 54)
			OPTION(&a, 54, 10, 0, 0, 1);
		if (bad[i].code != 51)
			OPTION(&a, 51, 0, 0, 14, 16);
		if (bad[i].code == 53)
			a.w.len = 240;
		wr_u8(&a.w, bad[i].code);
		wr_u8(&a.w, bad[i].n);
		wr_bytes(&a.w, bad[i].value, bad[i].n);
		end(&a);
		if (reads(&a, &r, &d) != ERR_INPUT)
			fail_msg("case %zu: taken (%s)", i, d.text);
	}
	google(&a, DHCP_ACK, 77);
	a.w.len -= 3; /* the last option is cut */
	assert_int_equal(reads(&a, &r, &d), ERR_INPUT);
	google(&a, DHCP_ACK, 78);
	assert_int_equal(reads(&a, &r, &d), ERR_MISSING);
	google(&a, DHCP_ACK, 77);
	a.bytes[28] ^= 1;
	assert_int_equal(reads(&a, &r, &d), ERR_MISSING);
	begin(&a, DHCP_ACK, 77, 0xe0000001);
	OPTION(&a, 54, 10, 0, 0, 1);
	OPTION(&a, 51, 0, 0, 14, 16);
	end(&a);
	assert_int_equal(reads(&a, &r, &d), ERR_INPUT);
}

static void wraps_and_unwraps_packets(void **state)
{
	(void)state;
	uint8_t packet[400];
	struct wr w = wr_to(packet, sizeof packet);
	dhcp_wrap(&w, 0, SPAN_STR("hello"));
	assert_true(wr_ok(&w));
	/* header and UDP checksums by another way of counting: the sum over all of it is zero */
	uint32_t sum = 0;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	assert_int_equal(((sum & 0xffff) + (sum >> 16)) & 0xffff, 0xffff);
	sum = 0xffff + 0xffff + 17 + 13;
	for (size_t i = 20; i < 33; i++)
		sum += i % 2 ? packet[i] : (uint32_t)packet[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	assert_null(dhcp_unwrap(wr_span(&w)).p); /* it goes to a server */
	packet[21] = 67;
	packet[23] = 68;
	assert_span_equal(dhcp_unwrap(wr_span(&w)), SPAN_STR("hello"));
	assert_span_equal(dhcp_unwrap(SPAN(packet, 60)), SPAN_STR("hello")); /* padded to the least frame */
	for (size_t n = 0; n < w.len; n++)
		assert_null(dhcp_unwrap(SPAN(packet, n)).p);
	packet[6] = 0x20;
	assert_null(dhcp_unwrap(wr_span(&w)).p);
}

static uint32_t xid_of(const struct wr *w)
{
	return (uint32_t)w->p[4] << 24 | (uint32_t)w->p[5] << 16 | (uint32_t)w->p[6] << 8 | w->p[7];
}

static enum dhcp_step tick(struct dhcp_client *c, int64_t now, struct wr *w)
{
	static uint8_t buffer[DHCP_PACKET_MAX];
	*w = wr_to(buffer, sizeof buffer);
	return dhcp_client_tick(c, now, w);
}

static bool has_option(const struct wr *w, uint8_t code, uint32_t value)
{
	for (size_t i = 240; i + 5 < w->len && w->p[i] != 255; i += 2 + w->p[i + 1])
		if (w->p[i] == code)
			return w->p[i + 1] == 4 && ((uint32_t)w->p[i + 2] << 24 | (uint32_t)w->p[i + 3] << 16 | (uint32_t)w->p[i + 4] << 8 |
						    w->p[i + 5]) == value;
	return false;
}

/* A client that holds Google's lease, taken at time 1000. */
static void bound(struct dhcp_client *c)
{
	struct wr w;
	struct answer a;
	struct diag d;
	dhcp_client_start(c, mac, 1000);
	assert_int_equal(tick(c, 1000, &w), DHCP_SEND);
	google(&a, DHCP_OFFER, xid_of(&w));
	assert_int_equal(dhcp_client_input(c, 1000, wr_span(&a.w), &d), DHCP_WAIT);
	assert_int_equal(tick(c, 1000, &w), DHCP_SEND);
	assert_true(has_option(&w, 50, 0x0a800007));
	assert_true(has_option(&w, 54, 0xa9fea9fe));
	google(&a, DHCP_ACK, xid_of(&w));
	assert_int_equal(dhcp_client_input(c, 1010, wr_span(&a.w), &d), DHCP_TAKE);
	assert_int_equal(c->state, DHCP_BOUND);
	assert_int_equal(c->due, 1000 + 43200 * 1000LL);
}

static void renews_rebinds_and_gives_up_in_time(void **state)
{
	(void)state;
	struct dhcp_client c;
	struct wr w;
	struct answer a;
	struct diag d;
	bound(&c);
	assert_int_equal(tick(&c, c.due - 1, &w), DHCP_WAIT);
	assert_int_equal(tick(&c, c.due, &w), DHCP_SEND_TO);
	assert_int_equal(w.p[12] << 24 | w.p[13] << 16 | w.p[14] << 8 | w.p[15], 0x0a800007);
	assert_false(has_option(&w, 50, 0x0a800007));
	/* an answer renews from the question on */
	google(&a, DHCP_ACK, xid_of(&w));
	assert_int_equal(dhcp_client_input(&c, c.requested_at + 5000, wr_span(&a.w), &d), DHCP_TAKE);
	assert_int_equal(c.due, c.requested_at + 43200 * 1000LL);

	/* no answer: unicast until T2, then broadcast until the end, never more often than once a minute */
	int64_t taken = c.requested_at, last = 0;
	unsigned to_server = 0, to_all = 0;
	enum dhcp_step step;
	while ((step = tick(&c, c.due, &w)) != DHCP_DROP) {
		if (step == DHCP_SEND_TO)
			to_server++;
		else
			to_all++;
		assert_true(to_server + to_all < 100);
		last = c.due;
	}
	assert_true(to_server > 5 && to_all > 5);
	assert_int_equal(last, taken + 86400 * 1000LL);
	assert_int_equal(c.state, DHCP_SELECTING);
}

static void starts_over_after_a_refusal(void **state)
{
	(void)state;
	struct dhcp_client c;
	struct wr w;
	struct answer a;
	struct diag d;
	bound(&c);
	assert_int_equal(tick(&c, c.due, &w), DHCP_SEND_TO);
	int64_t now = c.requested_at;
	begin(&a, DHCP_NAK, xid_of(&w), 0);
	end(&a);
	assert_int_equal(dhcp_client_input(&c, now, wr_span(&a.w), &d), DHCP_DROP);
	assert_int_equal(tick(&c, now, &w), DHCP_SEND);

	/* a server that offers and refuses is not asked without pause */
	google(&a, DHCP_OFFER, xid_of(&w));
	dhcp_client_input(&c, now, wr_span(&a.w), &d);
	tick(&c, now, &w);
	begin(&a, DHCP_NAK, xid_of(&w), 0);
	end(&a);
	assert_int_equal(dhcp_client_input(&c, now, wr_span(&a.w), &d), DHCP_WAIT);
	assert_true(c.due >= now + 500);
}

static void asks_again_with_growing_pauses(void **state)
{
	(void)state;
	struct dhcp_client c;
	struct wr w;
	int64_t now = 0, pause = 0;
	dhcp_client_start(&c, mac, 0);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(tick(&c, now, &w), DHCP_SEND);
		assert_true(c.due - now >= pause && c.due - now <= 71000);
		pause = (c.due - now) * 9 / 10;
		now = c.due;
	}
	assert_true(pause > 50000);
}

static void does_not_take_another_address_than_it_asked_for(void **state)
{
	(void)state;
	struct dhcp_client c;
	struct wr w;
	struct answer a;
	struct diag d;
	bound(&c);
	assert_int_equal(tick(&c, c.due, &w), DHCP_SEND_TO);
	google(&a, DHCP_ACK, xid_of(&w));
	a.bytes[19]++;
	assert_int_equal(dhcp_client_input(&c, c.requested_at, wr_span(&a.w), &d), DHCP_WAIT);
	assert_non_null(strstr(d.text, "asked for 0a800007, was given 0a800008"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_googles_lease),
		cmocka_unit_test(takes_the_router_only_without_classless_routes),
		cmocka_unit_test(joins_options_in_pieces_and_in_overloaded_fields),
		cmocka_unit_test(refuses_malformed_leases),
		cmocka_unit_test(wraps_and_unwraps_packets),
		cmocka_unit_test(renews_rebinds_and_gives_up_in_time),
		cmocka_unit_test(starts_over_after_a_refusal),
		cmocka_unit_test(asks_again_with_growing_pauses),
		cmocka_unit_test(does_not_take_another_address_than_it_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
