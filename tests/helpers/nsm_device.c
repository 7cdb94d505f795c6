/* nsm_device SOCKET PROGRAM [ARGUMENT...]: runs PROGRAM on a machine that has a /dev/nsm.
 *
 * The kernel hands the program's opening of /dev/nsm and its NSM ioctl to this parent (seccomp user notification), which takes the request
 * out of the program's memory, puts it to the Unix socket and writes the answer back, as linux/drivers/misc/nsm.c does with the real
 * device. The program is the product as it ships: it knows nothing of this. On the socket: length (4 bytes, little endian), request; then
 * length, answer; or a length of FAILS: the ioctl fails with EIO. Ends as the program ended. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NSM_IOCTL 0xc0200a00u
enum { REQUEST_MAX = 0x1000, RESPONSE_MAX = 0x10000 };
static const uint32_t fails = UINT32_MAX;
static const char device[] = "/dev/nsm";

struct nsm_raw {
	uint64_t request, request_len, response, response_len;
};

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void send_fd(int through, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	if (sendmsg(through, &m, 0) != 1)
		die("sendmsg");
}

static int receive_fd(int through)
{
	int fd;
	char byte, room[CMSG_SPACE(sizeof fd)];
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	if (recvmsg(through, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static void run(int through, char **argv)
{
#define NOTIFY(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		NOTIFY(SYS_open),
		NOTIFY(SYS_openat),
		NOTIFY(SYS_access),
		NOTIFY(SYS_faccessat),
		NOTIFY(SYS_faccessat2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		NOTIFY(NSM_IOCTL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		die("seccomp");
	send_fd(through, listener);
	close(listener);
	close(through);
	execv(argv[0], argv);
	die(argv[0]);
}

static bool whole(int fd, void *p, size_t n, bool out)
{
	for (uint8_t *at = p; n > 0;) {
		ssize_t r = out ? send(fd, at, n, MSG_NOSIGNAL) : recv(fd, at, n, 0);
		if (r <= 0)
			return false;
		at += r;
		n -= (size_t)r;
	}
	return true;
}

/* n bytes at most of the program's memory; what was moved. */
static size_t memory(uint32_t pid, uint64_t at, void *p, size_t n, bool out)
{
	struct iovec own = {p, n}, its = {(void *)(uintptr_t)at, n};
	ssize_t r = (out ? process_vm_writev : process_vm_readv)((pid_t)pid, &own, 1, &its, 1, 0);
	return r < 0 ? 0 : (size_t)r;
}

/* Zero, or the errno that the driver would give. */
static int serve_ioctl(int maker, const struct seccomp_notif *q)
{
	static uint8_t request[REQUEST_MAX], response[RESPONSE_MAX];
	struct nsm_raw raw;
	uint64_t at = q->data.args[2];
	uint32_t n;
	if (memory(q->pid, at, &raw, sizeof raw, false) != sizeof raw)
		return EFAULT;
	if (raw.request_len > sizeof request)
		return EMSGSIZE;
	if (memory(q->pid, raw.request, request, raw.request_len, false) != raw.request_len)
		return EFAULT;
	n = (uint32_t)raw.request_len;
	if (!whole(maker, &n, sizeof n, true) || !whole(maker, request, n, true) || !whole(maker, &n, sizeof n, false) || n == fails)
		return EIO;
	if (n > sizeof response || !whole(maker, response, n, false))
		return EIO;
	if (n > raw.response_len)
		return EMSGSIZE;
	raw.response_len = n;
	if (memory(q->pid, raw.response, response, n, true) != n || memory(q->pid, at, &raw, sizeof raw, true) != sizeof raw)
		return EFAULT;
	return 0;
}

static bool names_device(const struct seccomp_notif *q)
{
	bool first = q->data.nr == SYS_open || q->data.nr == SYS_access;
	char path[sizeof device] = {0};
	return memory(q->pid, q->data.args[first ? 0 : 1], path, sizeof path, false) == sizeof path &&
	       memcmp(path, device, sizeof path) == 0;
}

static void answer(int listener, int maker)
{
	struct seccomp_notif q = {0};
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q))
		return; /* it was killed meanwhile */
	struct seccomp_notif_resp r = {.id = q.id};
	if (q.data.nr == SYS_ioctl) {
		r.error = -serve_ioctl(maker, &q);
	} else if (!names_device(&q)) {
		r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else if (q.data.nr == SYS_open || q.data.nr == SYS_openat) {
		int fd = memfd_create(device + 5, MFD_CLOEXEC);
		struct seccomp_notif_addfd add = {
			.id = q.id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd, .newfd_flags = O_CLOEXEC};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
			die("addfd");
		close(fd);
		return;
	}
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) && errno != ENOENT)
		die("notify");
}

int main(int argc, char **argv)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int pair[2], status, maker = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (argc < 3 || strlen(argv[1]) >= sizeof to.sun_path) {
		fputs("usage: nsm_device SOCKET PROGRAM [ARGUMENT...]\n", stderr);
		return 125;
	}
	strcpy(to.sun_path, argv[1]);
	if (maker < 0 || connect(maker, (struct sockaddr *)&to, sizeof to))
		die(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		run(pair[1], argv + 2);
	close(pair[1]);
	struct pollfd p = {.fd = receive_fd(pair[0]), .events = POLLIN};
	while (poll(&p, 1, -1) >= 0 && (p.revents & POLLIN))
		answer(p.fd, maker);
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
