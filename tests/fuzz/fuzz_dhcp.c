/* A packet of whoever is on the network, through the headers, the message and a client in each state. */
#include "boot/dhcp_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = {0x42, 1, 10, 128, 0, 7};
	struct span message = dhcp_unwrap(SPAN(data, size));
	for (int state = DHCP_SELECTING; state <= DHCP_REBINDING; state++) {
		struct dhcp_client c = {.state = (enum dhcp_state)state, .xid = 77, .lease.address = 0x0a800007};
		struct diag d;
		memcpy(c.mac, mac, 6);
		struct span in = message.p ? message : SPAN(data, size);
		if (dhcp_client_input(&c, 1000, in, &d) != DHCP_TAKE)
			continue;
		const struct dhcp_lease *l = &c.lease;
		if (l->prefix < 1 || l->prefix > 32 || l->routes > DHCP_ROUTES_MAX || l->dns_count > DHCP_SERVERS_MAX ||
		    l->ntp_count > DHCP_SERVERS_MAX || l->renew_after == 0 || l->renew_after >= l->rebind_after ||
		    l->rebind_after >= l->seconds)
			__builtin_trap();
	}
	return 0;
}
