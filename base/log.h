/* One line per event on stdout: "2026-11-21T09:30:00Z info tls handshake peer=127.0.0.1:4711 ms=3". No secret is ever passed here. */
#ifndef UKMS_BASE_LOG_H
#define UKMS_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level least);
/* area: one word, the module. fmt: a short sentence, then key=value pairs. Control characters and line ends become spaces; cut at 1 KiB. */
void log_event(enum log_level level, const char *area, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_event(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)

#endif
