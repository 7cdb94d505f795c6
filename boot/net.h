/* The network of the machine: loopback, the first Ethernet interface, an address by DHCP for as long as the machine runs, and
 * /etc/resolv.conf for the resolver of libc. One thread does it all and never ends; what is missing is said on the console and tried
 * again. */
#ifndef UKMS_BOOT_NET_H
#define UKMS_BOOT_NET_H

#include "boot/dhcp.h"

struct net_config {
	const char *class_dir;   /* "/sys/class/net" */
	const char *resolv_conf; /* "/etc/resolv.conf"; replaced as a whole */
	const char *interface;   /* NULL: the first one with a device behind it */
};

/* Starts the thread, once per process. c must outlive it. ERR_IO if there can be no thread. */
int net_start(const struct net_config *c, struct diag *d);

/* Waits until there is a lease, at most ms. false: there is none. out may be NULL. */
bool net_wait(int ms, struct dhcp_lease *out);

/* "10.128.0.7" */
const char *net_text(uint32_t address, char out[16]);

#endif
