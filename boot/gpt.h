/* Finding one partition by its name in a GUID partition table (UEFI specification, chapter 5). Read only: the primary header and its
 * entries must be whole; a disk that was enlarged after the table was written is as good as new, and its backup table is never looked at.
 */
#ifndef UKMS_BOOT_GPT_H
#define UKMS_BOOT_GPT_H

#include "boot/disk.h"

struct partition {
	uint64_t at;   /* byte offset on the disk */
	uint64_t size; /* bytes, at least one sector */
};

/* name: ASCII, at most 36 characters.
 * 0; ERR_MISSING: no GPT, or none of its partitions has the name; ERR_INPUT: the table is malformed or names it twice; ERR_IO. */
int gpt_find(const struct disk *k, const char *name, struct partition *out, struct diag *d);

#endif
