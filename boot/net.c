#include "boot/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "boot/dhcp_client.h"
#include "boot/link.h"

enum { RETRY_MS = 2000, REMIND_TRIES = 30 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool up;
	struct dhcp_lease lease;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct net {
	const struct net_config *config;
	char name[16];
	int index;
	int route_fd;
	struct dhcp_client client;
	bool configured;
	struct dhcp_lease have; /* what the interface was given, if configured */
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *net_text(uint32_t a, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return out;
}

static void publish(const struct dhcp_lease *lease)
{
	pthread_mutex_lock(&shared.lock);
	shared.up = lease != NULL;
	if (lease)
		shared.lease = *lease;
	pthread_cond_broadcast(&shared.changed);
	pthread_mutex_unlock(&shared.lock);
}

bool net_wait(int ms, struct dhcp_lease *out)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&shared.lock);
	while (!shared.up && pthread_cond_timedwait(&shared.changed, &shared.lock, &until) == 0)
		;
	bool up = shared.up;
	if (up && out)
		*out = shared.lease;
	pthread_mutex_unlock(&shared.lock);
	return up;
}

/* --- sockets ------------------------------------------------------------------------------------------------------------------------ */

/* A packet socket that hears nothing but UDP to the client's port: it works before there is an address. */
static int packet_socket(const struct net *n, struct diag *d)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* fragment */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* header length */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),  /* destination port */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {sizeof code / sizeof code[0], code};
	struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = n->index};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof where) != 0) {
		int e = diag_fail(d, ERR_IO, "DHCP: packet socket: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return e;
	}
	return fd;
}

static bool broadcast(const struct net *n, int fd, struct span message)
{
	uint8_t packet[DHCP_PACKET_MAX];
	struct wr w = wr_to(packet, sizeof packet);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = n->index, .sll_halen = 6};
	memset(to.sll_addr, 0xff, 6);
	dhcp_wrap(&w, n->configured ? n->have.address : 0, message);
	return wr_ok(&w) && sendto(fd, packet, w.len, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)w.len;
}

/* Renewals go to the server as ordinary UDP. The answer comes in by the packet socket; this one is kept meanwhile, so that the kernel does
 * not refuse the answer's port. */
static bool unicast(const struct net *n, int *fd, struct span message)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT), .sin_addr.s_addr = htonl(n->have.address)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT), .sin_addr.s_addr = htonl(n->have.server)};
	int one = 1;
	if (*fd < 0) {
		*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (*fd < 0)
			return false;
		setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (setsockopt(*fd, SOL_SOCKET, SO_BINDTODEVICE, n->name, (socklen_t)strlen(n->name) + 1) != 0 ||
		    bind(*fd, (struct sockaddr *)&from, sizeof from) != 0)
			return false;
	}
	return sendto(*fd, message.p, message.n, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)message.n;
}

/* --- a lease on the interface --------------------------------------------------------------------------------------------------------- */

static int write_resolv_conf(const char *path, const struct dhcp_lease *l, struct diag *d)
{
	char fresh[256], text[256], a[16];
	struct wr w = wr_to(text, sizeof text);
	for (size_t i = 0; i < l->dns_count; i++)
		wr_fmt(&w, "nameserver %s\n", net_text(l->dns[i], a));
	wr_str(&w, "options timeout:3 attempts:2\n");
	snprintf(fresh, sizeof fresh, "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && wr_ok(&w) && write(fd, text, w.len) == (ssize_t)w.len;
	if (fd >= 0)
		close(fd);
	return ok && rename(fresh, path) == 0 ? 0 : diag_fail(d, ERR_IO, "%s: %s", path, strerror(errno));
}

static void unconfigure(struct net *n)
{
	struct diag d = {0};
	if (!n->configured)
		return;
	n->configured = false;
	publish(NULL);
	if (link_address(n->route_fd, n->index, n->have.address, n->have.prefix, false, &d))
		log_warn("net", "%s", d.text);
}

static bool same_network(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	bool same = a->address == b->address && a->prefix == b->prefix && a->mtu == b->mtu && a->routes == b->routes;
	for (size_t i = 0; same && i < a->routes; i++)
		same = a->route[i].to == b->route[i].to && a->route[i].prefix == b->route[i].prefix && a->route[i].via == b->route[i].via;
	return same;
}

static int configure(struct net *n, const struct dhcp_lease *l, struct diag *d)
{
	if (!n->configured || !same_network(l, &n->have)) {
		unconfigure(n);
		if (l->mtu && link_up(n->route_fd, n->index, l->mtu, d))
			log_warn("net", "%s", d->text); /* the interface has a lower limit of its own: it works with that */
		int e = link_address(n->route_fd, n->index, l->address, l->prefix, true, d);
		for (size_t i = 0; !e && i < l->routes; i++)
			e = link_route(n->route_fd, n->index, &l->route[i], l->address, l->prefix, d);
		if (e)
			return e;
	}
	n->have = *l;
	n->configured = true;
	int e = write_resolv_conf(n->config->resolv_conf, l, d);
	if (e)
		return e;

	char address[16], dns[16];
	log_info("net", "lease interface=%s address=%s/%u routes=%zu mtu=%u dns=%s seconds=%u", n->name, net_text(l->address, address),
		 l->prefix, l->routes, l->mtu, l->dns_count ? net_text(l->dns[0], dns) : "none", l->seconds);
	publish(l);
	return 0;
}

/* --- the thread ------------------------------------------------------------------------------------------------------------------------
 */

static enum dhcp_step receive(struct net *n, int packet_fd, int wait)
{
	struct diag d = {0};
	uint8_t packet[2048];
	struct pollfd p = {.fd = packet_fd, .events = POLLIN};
	if (poll(&p, 1, wait) <= 0)
		return DHCP_WAIT;
	ssize_t got = recv(packet_fd, packet, sizeof packet, 0);
	if (got <= 0)
		return DHCP_WAIT;
	struct span message = dhcp_unwrap(SPAN(packet, (size_t)got));
	if (!message.p)
		return DHCP_WAIT;
	enum dhcp_step step = dhcp_client_input(&n->client, now_ms(), message, &d);
	if (d.text[0])
		log_debug("net", "%s", d.text);
	return step;
}

/* Keeps a lease on the interface until something breaks; says what. */
static int keep_lease(struct net *n, struct diag *d)
{
	int packet_fd = -1, udp_fd = -1, e = 0;
	for (;;) {
		uint8_t message[DHCP_PACKET_MAX];
		struct wr w = wr_to(message, sizeof message);
		int64_t now = now_ms();
		enum dhcp_step step;
		if (now >= n->client.due) {
			if (packet_fd < 0)
				packet_fd = packet_socket(n, d);
			if (packet_fd < 0) {
				e = packet_fd;
				break;
			}
			step = dhcp_client_tick(&n->client, now, &w);
		} else {
			int64_t wait = n->client.due - now;
			step = receive(n, packet_fd, wait < 3600000 ? (int)wait : 3600000);
		}
		if (step == DHCP_SEND && !broadcast(n, packet_fd, wr_span(&w)))
			log_warn("net", "DHCP: cannot send on %s: %s", n->name, strerror(errno));
		if (step == DHCP_SEND_TO && !unicast(n, &udp_fd, wr_span(&w)))
			log_warn("net", "DHCP: cannot ask for renewal: %s", strerror(errno));
		if (step == DHCP_DROP) {
			log_warn("net", "lease lost interface=%s", n->name);
			unconfigure(n);
		}
		if (step == DHCP_TAKE && (e = configure(n, &n->client.lease, d)) != 0)
			break;
		if (step == DHCP_SEND && n->client.state == DHCP_SELECTING && n->client.tries % 8 == 6)
			log_warn("net", "no DHCP server answers on %s", n->name);
		if (n->client.state == DHCP_BOUND) {
			/* poll() on -1 only waits: nothing is heard while nothing is asked */
			if (packet_fd >= 0)
				close(packet_fd);
			if (udp_fd >= 0)
				close(udp_fd);
			packet_fd = udp_fd = -1;
		}
	}
	if (packet_fd >= 0)
		close(packet_fd);
	if (udp_fd >= 0)
		close(udp_fd);
	return e;
}

static int find_interface(struct net *n, uint8_t mac[6], struct diag *d)
{
	if (!n->config->interface) {
		int e = link_find(n->config->class_dir, n->name, mac, d);
		if (e)
			return e;
	} else {
		snprintf(n->name, sizeof n->name, "%.15s", n->config->interface);
		int e = link_mac(n->config->class_dir, n->name, mac, d);
		if (e)
			return e;
	}
	n->index = (int)if_nametoindex(n->name);
	return n->index > 0 ? 0 : diag_fail(d, ERR_IO, "%s: %s", n->name, strerror(errno));
}

static int run_interface(struct net *n, struct diag *d)
{
	uint8_t mac[6];
	int e = find_interface(n, mac, d);
	if (e)
		return e;
	n->route_fd = link_open(d);
	if (n->route_fd < 0)
		return n->route_fd;
	int loopback = (int)if_nametoindex("lo");
	if (loopback > 0 && link_up(n->route_fd, loopback, 0, d))
		log_warn("net", "lo: %s", d->text);
	e = link_up(n->route_fd, n->index, 0, d);
	if (!e) {
		dhcp_client_start(&n->client, mac, now_ms());
		e = keep_lease(n, d);
	}
	unconfigure(n);
	close(n->route_fd);
	return e;
}

static void *net_main(void *config)
{
	static struct net n;
	n.config = config;
	for (unsigned tries = 0;; tries++) {
		struct diag d = {0};
		run_interface(&n, &d);
		if (tries % REMIND_TRIES == 0)
			log_error("net", "%s; trying again every %d s", d.text, RETRY_MS / 1000);
		usleep(tries == 0 ? 100000 : RETRY_MS * 1000);
	}
	return NULL;
}

int net_start(const struct net_config *c, struct diag *d)
{
	pthread_t thread;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&shared.changed, &monotonic);
	int e = pthread_create(&thread, NULL, net_main, (void *)c);
	if (e)
		return diag_fail(d, ERR_IO, "network thread: %s", strerror(e));
	pthread_detach(thread);
	return 0;
}
