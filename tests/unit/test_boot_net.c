/* The network thread against a real DHCP server, in network namespaces of its own. Needs root, ip and dnsmasq. */
#include "tests/unit/boot_disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <signal.h>
#include <sys/wait.h>

#include "boot/net.h"

static char resolv_conf[256], class_dir[256];
static struct net_config config = {.class_dir = class_dir, .resolv_conf = resolv_conf, .interface = "client0"};
static pid_t server;

/* Output of a command, in this process's namespace. */
static const char *output(const char *command)
{
	static char text[1 << 16];
	FILE *f = popen(command, "r");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[n] = 0;
	if (f)
		pclose(f);
	return text;
}

/* A child in another namespace runs dnsmasq on the far end of a cable. */
static void start_server(const char *script)
{
	int ready[2];
	char path[256], byte;
	assert_int_equal(pipe(ready), 0);
	snprintf(path, sizeof path, "%s/server", image_dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "set -e\ncd %s\n%s\n", image_dir, script);
	fclose(f);
	server = fork();
	if (server == 0) {
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		execl("/bin/sh", "sh", path, (char *)NULL);
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	char line[256];
	snprintf(line, sizeof line, "ip link add client0 type veth peer name server0 netns %d", (int)server);
	image_shell(line);
}

static void gets_a_lease_as_google_gives_it_and_keeps_it(void **state)
{
	(void)state;
	if (geteuid() != 0 || system("command -v dnsmasq ip > /dev/null 2>&1") != 0) {
		print_message("skipped: needs root, iproute2 and dnsmasq-base\n");
		skip();
	}
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	/* sysfs shows the network namespace that mounted it */
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	image_shell("mkdir sys");
	snprintf(class_dir, sizeof class_dir, "%s/sys", image_dir);
	assert_int_equal(mount("sysfs", class_dir, "sysfs", 0, NULL), 0);
	snprintf(class_dir, sizeof class_dir, "%s/sys/class/net", image_dir);
	snprintf(resolv_conf, sizeof resolv_conf, "%s/resolv.conf", image_dir);
	/* an address of /32 whose gateway is off the link; a second network by a classless route; a lease that is renewed within the test
	 */
	start_server("until ip link show server0 > /dev/null 2>&1; do sleep 0.05; done\n"
		     "ip link set lo up; ip link set server0 up\n"
		     "ip addr add 10.128.0.1/20 dev server0\n"
		     "exec dnsmasq -C /dev/null -k -p 0 -i server0 --bind-interfaces --dhcp-authoritative --no-ping --log-dhcp "
		     "--log-facility=$PWD/dnsmasq.log "
		     "--pid-file= --dhcp-leasefile=$PWD/leases --dhcp-range=10.128.0.7,10.128.0.7,255.255.240.0,120 "
		     "--dhcp-option-force=1,255.255.255.255 --dhcp-option=3,10.128.0.1 --dhcp-option=26,1400 --dhcp-option=6,10.128.0.1 "
		     "--dhcp-option=42,10.128.0.1 --dhcp-option=121,10.128.0.1/32,0.0.0.0,0.0.0.0/0,10.128.0.1,172.16.0.0/12,10.128.0.1 "
		     "--dhcp-option-force=58,15 --dhcp-option-force=59,60");
	struct diag d = {0};
	struct dhcp_lease lease;
	assert_int_equal(net_start(&config, &d), 0);
	if (!net_wait(10000, &lease)) {
		fputs(output("cat /tmp/ukms-disk-*/dnsmasq.log; ip addr"), stderr);
		fail_msg("no lease in 10 s");
	}
	assert_int_equal(lease.address, 0x0a800007);
	assert_int_equal(lease.prefix, 32);
	assert_int_equal(lease.ntp[0], 0x0a800001);

	const char *address = output("ip -4 -o addr show dev client0");
	if (!strstr(address, "inet 10.128.0.7/32"))
		fail_msg("address: %s", address);
	const char *routes = output("ip route");
	if (!strstr(routes, "default via 10.128.0.1 dev client0") || !strstr(routes, "10.128.0.1 dev client0") ||
	    !strstr(routes, "172.16.0.0/12 via 10.128.0.1"))
		fail_msg("routes: %s", routes);
	assert_non_null(strstr(output("ip link show dev client0"), "mtu 1400"));
	assert_non_null(strstr(output("ip link show dev lo"), "LOOPBACK,UP"));
	struct span text = test_file(resolv_conf);
	assert_span_equal(text, SPAN_STR("nameserver 10.128.0.1\noptions timeout:3 attempts:2\n"));
	free((void *)text.p);

	/* T1 is 15 s: the renewal is a unicast request, which the server acknowledges */
	char command[512];
	snprintf(command, sizeof command,
		 "for i in $(seq 220); do [ $(grep -c 'DHCPACK' %s/dnsmasq.log) -ge 2 ] && break; sleep 0.1; done; cat %s/dnsmasq.log",
		 image_dir, image_dir);
	const char *log = output(command);
	const char *first = strstr(log, "DHCPACK");
	if (!first || !strstr(first + 1, "DHCPACK"))
		fail_msg("no renewal: %s", log);
	assert_null(strstr(first, "DHCPDISCOVER"));
	assert_true(net_wait(0, &lease));
}

static int stop_server(void **state)
{
	char path[256];
	snprintf(path, sizeof path, "%s/sys", image_dir);
	umount2(path, MNT_DETACH);
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	return image_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(gets_a_lease_as_google_gives_it_and_keeps_it)};
	return cmocka_run_group_tests(tests, image_setup, stop_server);
}
