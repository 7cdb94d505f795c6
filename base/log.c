#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level least)
{
	threshold = least;
}

void log_event(enum log_level level, const char *area, const char *fmt, ...)
{
	static const char *const name[] = {"error", "warn", "info", "debug"};
	if (level > threshold)
		return;

	char line[1024];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ ", &tm);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s %s ", name[level], area);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof line - n, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n = n + (size_t)m < sizeof line ? n + (size_t)m : sizeof line - 1;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[n++] = '\n';
	/* one write: lines of several threads do not mix; a console that takes no more text must not stop the service */
	ssize_t put = write(STDOUT_FILENO, line, n);
	(void)put;
}
