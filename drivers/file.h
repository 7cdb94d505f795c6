/* Whole small files and kernel pseudo-files: sysfs, configfs, securityfs, initramfs. */
#ifndef UKMS_DRIVERS_FILE_H
#define UKMS_DRIVERS_FILE_H

#include "base/arena.h"
#include "base/err.h"

/* Reads path to its end, whatever size stat gives (pseudo-files say 0 or 4096). max: bytes. out lives in a.
 * ERR_MISSING if there is no such file, ERR_LIMIT if it is longer than max or a is full, ERR_IO. */
int file_read(struct arena *a, const char *path, size_t max, struct span *out, struct diag *d);

/* Writes all of bytes in one write() to an existing file, as sysfs and configfs attributes want it. ERR_MISSING, ERR_IO. */
int file_write_once(const char *path, struct span bytes, struct diag *d);

#endif
