/* The file systems of the kernel, in their usual places, and the settings that PID 1 makes there. */
#ifndef UKMS_BOOT_MOUNTS_H
#define UKMS_BOOT_MOUNTS_H

#include "base/err.h"

/* proc, sysfs, devtmpfs, tmpfs on /run and /tmp, configfs, securityfs; /etc. What a kernel lacks is named in d; those that a boot cannot do
 * without (proc, sysfs, devtmpfs) are an error, the others show up where they are needed. */
int mounts_make(struct diag *d);

/* Running out of memory ends the machine rather than one thread of it; so does a kernel oops. */
void mounts_settings(void);

#endif
