/* Network interfaces and IPv4 routes by rtnetlink. Addresses are in host byte order. */
#ifndef UKMS_BOOT_LINK_H
#define UKMS_BOOT_LINK_H

#include "boot/dhcp.h"

/* A rtnetlink socket, or ERR_IO. The caller closes it. */
int link_open(struct diag *d);

/* Sets an interface up; mtu 0 leaves its MTU. ERR_IO with the kernel's reason, here and below. */
int link_up(int fd, int index, unsigned mtu, struct diag *d);

/* Adds or removes an address. Removing the last one removes all routes of the interface too. An address that is there already, or is not,
 * is no error. */
int link_address(int fd, int index, uint32_t address, uint8_t prefix, bool add, struct diag *d);

/* Adds or replaces a route; from: the preferred source address. A gateway outside of address/prefix gets a host route on the link first, as
 * Google's /32 leases need. */
int link_route(int fd, int index, const struct dhcp_route *route, uint32_t address, uint8_t prefix, struct diag *d);

/* Finds the first Ethernet interface that has a device behind it. class_dir: "/sys/class/net". ERR_MISSING if there is none. */
int link_find(const char *class_dir, char name[16], uint8_t mac[6], struct diag *d);
/* The Ethernet address of one. ERR_MISSING. */
int link_mac(const char *class_dir, const char *name, uint8_t mac[6], struct diag *d);

#endif
