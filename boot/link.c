#include "boot/link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/rd.h"
#include "base/text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "netlink headers are written in the machine's byte order");

enum { HEADER = 16, MESSAGE_MAX = 256, ANSWER_SECONDS = 5 };

int link_open(struct diag *d)
{
	struct sockaddr_nl me = {.nl_family = AF_NETLINK};
	struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return diag_fail(d, ERR_IO, "rtnetlink: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&me, sizeof me) != 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
		int e = diag_fail(d, ERR_IO, "rtnetlink: %s", strerror(errno));
		close(fd);
		return e;
	}
	return fd;
}

static struct wr begin(uint8_t message[MESSAGE_MAX], uint16_t type, uint16_t flags)
{
	struct wr w = wr_to(message, MESSAGE_MAX);
	wr_u32le(&w, 0); /* length: request() */
	wr_u16le(&w, type);
	wr_u16le(&w, (uint16_t)(flags | NLM_F_REQUEST | NLM_F_ACK));
	wr_u32le(&w, 1);
	wr_u32le(&w, 0);
	return w;
}

static void attr_u32le(struct wr *w, uint16_t type, uint32_t v)
{
	wr_u16le(w, 8);
	wr_u16le(w, type);
	wr_u32le(w, v);
}

static void attr_address(struct wr *w, uint16_t type, uint32_t v)
{
	wr_u16le(w, 8);
	wr_u16le(w, type);
	wr_u32be(w, v);
}

/* Sends and waits for the acknowledgement. accepted: an errno that counts as success. */
static int request(int fd, struct wr *w, int accepted, const char *what, struct diag *d)
{
	uint8_t answer[1024];
	struct wr length = wr_to(w->p, 4);
	wr_u32le(&length, (uint32_t)w->len);
	if (!wr_ok(w) || send(fd, w->p, w->len, 0) != (ssize_t)w->len)
		return diag_fail(d, ERR_IO, "%s: %s", what, strerror(errno));
	ssize_t n = recv(fd, answer, sizeof answer, 0);
	if (n < 0)
		return diag_fail(d, ERR_IO, "%s: %s", what, strerror(errno));
	struct rd r = rd_from(SPAN(answer, (size_t)n));
	rd_skip(&r, 4);
	uint16_t type = rd_u16le(&r);
	rd_skip(&r, HEADER - 6);
	int error = -(int)rd_u32le(&r);
	if (!rd_ok(&r) || type != NLMSG_ERROR)
		return diag_fail(d, ERR_IO, "%s: the kernel's answer is no acknowledgement", what);
	return error == 0 || error == accepted ? 0 : diag_fail(d, ERR_IO, "%s: %s", what, strerror(error));
}

int link_up(int fd, int index, unsigned mtu, struct diag *d)
{
	uint8_t message[MESSAGE_MAX];
	struct wr w = begin(message, RTM_NEWLINK, 0);
	wr_u8(&w, AF_UNSPEC);
	wr_u8(&w, 0);
	wr_u16le(&w, 0);
	wr_u32le(&w, (uint32_t)index);
	wr_u32le(&w, 1); /* IFF_UP */
	wr_u32le(&w, 1);
	if (mtu)
		attr_u32le(&w, IFLA_MTU, mtu);
	return request(fd, &w, 0, mtu ? "setting the MTU" : "setting the interface up", d);
}

int link_address(int fd, int index, uint32_t address, uint8_t prefix, bool add, struct diag *d)
{
	uint8_t message[MESSAGE_MAX];
	struct wr w = begin(message, add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	wr_u8(&w, AF_INET);
	wr_u8(&w, prefix);
	wr_u8(&w, 0);
	wr_u8(&w, RT_SCOPE_UNIVERSE);
	wr_u32le(&w, (uint32_t)index);
	attr_address(&w, IFA_LOCAL, address);
	attr_address(&w, IFA_ADDRESS, address);
	if (prefix < 31)
		attr_address(&w, IFA_BROADCAST, address | 0xffffffffU >> prefix);
	return request(fd, &w, add ? EEXIST : EADDRNOTAVAIL, add ? "adding the address" : "removing the address", d);
}

static int one_route(int fd, int index, const struct dhcp_route *route, uint32_t from, struct diag *d)
{
	uint8_t message[MESSAGE_MAX];
	struct wr w = begin(message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	wr_u8(&w, AF_INET);
	wr_u8(&w, route->prefix);
	wr_u8(&w, 0);
	wr_u8(&w, 0);
	wr_u8(&w, RT_TABLE_MAIN);
	wr_u8(&w, RTPROT_DHCP);
	wr_u8(&w, route->via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
	wr_u8(&w, RTN_UNICAST);
	wr_u32le(&w, 0);
	if (route->prefix > 0)
		attr_address(&w, RTA_DST, route->to);
	attr_u32le(&w, RTA_OIF, (uint32_t)index);
	if (route->via)
		attr_address(&w, RTA_GATEWAY, route->via);
	attr_address(&w, RTA_PREFSRC, from);
	return request(fd, &w, 0, "adding a route", d);
}

int link_route(int fd, int index, const struct dhcp_route *route, uint32_t address, uint8_t prefix, struct diag *d)
{
	uint32_t mask = prefix == 0 ? 0 : 0xffffffffU << (32 - prefix);
	if (route->via && (route->via & mask) != (address & mask)) {
		struct dhcp_route gateway = {.to = route->via, .prefix = 32};
		int e = one_route(fd, index, &gateway, address, d);
		if (e)
			return e;
	}
	return one_route(fd, index, route, address, d);
}

/* A one-line file of sysfs without its line end. */
static bool read_line(const char *dir, const char *name, const char *file, char out[64])
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s/%s", dir, name, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, out, 63);
	close(fd);
	if (n <= 0)
		return false;
	out[n] = 0;
	out[strcspn(out, "\n")] = 0;
	return true;
}

int link_mac(const char *class_dir, const char *name, uint8_t mac[6], struct diag *d)
{
	char line[64];
	if (!read_line(class_dir, name, "type", line) || strcmp(line, "1") != 0 /* ARPHRD_ETHER */ ||
	    !read_line(class_dir, name, "address", line) || strlen(line) != 17)
		return diag_fail(d, ERR_MISSING, "%s is no Ethernet interface", name);
	for (size_t i = 0; i < 6; i++)
		if (hex_decode(SPAN(line + 3 * i, 2), mac + i, 1) != 1)
			return diag_fail(d, ERR_MISSING, "%s has no Ethernet address", name);
	return 0;
}

static bool has_device(const char *dir, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s/device", dir, name);
	return access(path, F_OK) == 0;
}

int link_find(const char *class_dir, char name[16], uint8_t mac[6], struct diag *d)
{
	bool found = false;
	DIR *dir = opendir(class_dir);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		uint8_t candidate[6];
		if (e->d_name[0] == '.' || strlen(e->d_name) > 15 || (found && strcmp(e->d_name, name) > 0) ||
		    !has_device(class_dir, e->d_name) || link_mac(class_dir, e->d_name, candidate, NULL))
			continue;
		snprintf(name, 16, "%.15s", e->d_name);
		memcpy(mac, candidate, 6);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found ? 0 : diag_fail(d, ERR_MISSING, "no network interface");
}
