#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "kms/server/server.h"

enum { BACKLOG = 4096 };

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

/* The length of the address, 0 if the text is none. */
static socklen_t parse(const char *text, uint16_t port, union address *a)
{
	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return sizeof a->in;
	}
	if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
		return sizeof a->in6;
	}
	if (strcmp(text, "vsock") == 0) {
		a->vm.svm_family = AF_VSOCK;
		a->vm.svm_cid = VMADDR_CID_ANY;
		a->vm.svm_port = port;
		return sizeof a->vm;
	}
	if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) > 0 && strlen(text + 5) < sizeof a->un.sun_path) {
		a->un.sun_family = AF_UNIX;
		memcpy(a->un.sun_path, text + 5, strlen(text + 5));
		return sizeof a->un;
	}
	return 0;
}

int server_listen(const char *address, uint16_t port, struct diag *d)
{
	union address a;
	socklen_t len = parse(address, port, &a);
	if (len == 0)
		return diag_fail(d, ERR_CONFIG, "not an address to listen on: %s", address);
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_fail(d, ERR_IO, "cannot listen on %s: %s", address, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	/* Accepted sockets inherit it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (bind(fd, &a.any, len) != 0 || listen(fd, BACKLOG) != 0) {
		int e = diag_fail(d, ERR_IO, "cannot listen on %s port %u: %s", address, port, strerror(errno));
		close(fd);
		return e;
	}
	return fd;
}
