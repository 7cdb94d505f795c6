#include "boot/console.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/wr.h"

void console_open(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int to = 0; fd >= 0 && to <= 2; to++)
		if (fd != to)
			dup2(fd, to);
	if (fd > 2)
		close(fd);
}

static void put(const char *p, size_t n)
{
	for (int tries = 0; n > 0 && tries < 10;) {
		ssize_t done = write(STDOUT_FILENO, p, n);
		if (done > 0) {
			p += done;
			n -= (size_t)done;
			continue;
		}
		struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};
		poll(&wait, 1, 100);
		tries++;
	}
}

void console_line(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	va_start(ap, fmt);
	size_t head = (size_t)snprintf(line, sizeof line, "ukms: ");
	int n = vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t len = head + (size_t)n < sizeof line - 1 ? head + (size_t)n : sizeof line - 2;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	put(line, len);
}

void console_hex(const char *what, struct span bytes)
{
	char text[256] = {0};
	struct wr w = wr_to(text, sizeof text - 1);
	wr_hex(&w, bytes);
	console_line("%s=%s", what, text);
}
