/* What the operator reads on the serial console: lines "ukms: ...". Nothing secret is ever printed. */
#ifndef UKMS_BOOT_CONSOLE_H
#define UKMS_BOOT_CONSOLE_H

#include "base/span.h"

/* Makes /dev/console descriptors 0 to 2. From then on a console that takes no more text costs text, not time. */
void console_open(void);

/* One line, with "ukms: " before it. Control characters become spaces; cut at 2 KiB. Waits for a slow console, at most a second. */
void console_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "ukms: <what>=<hex>" */
void console_hex(const char *what, struct span bytes);

#endif
