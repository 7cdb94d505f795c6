/* Files in the root directory of a FAT12, FAT16 or FAT32 volume that covers a whole disk: read only, long names, nothing repaired.
 * The shared disk of image.md 2.11 is such a volume. Source: Microsoft FAT specification 1.03. */
#ifndef UKMS_BOOT_FAT_H
#define UKMS_BOOT_FAT_H

#include "base/arena.h"
#include "boot/disk.h"

struct fat {
	const struct disk *disk;
	unsigned bits;                               /* 12, 16 or 32 */
	uint32_t cluster_size;                       /* bytes */
	uint32_t clusters;                           /* data clusters are 2 ... clusters + 1 */
	uint64_t fat_at, fat_size, root_at, data_at; /* bytes; root_at for FAT12 and FAT16 */
	uint32_t root_entries;                       /* FAT12 and FAT16 */
	uint32_t root_cluster;                       /* FAT32 */
	char label[12]; /* of the root directory, else of the boot sector; without trailing blanks, "" if none */
	struct {
		uint64_t at;
		uint8_t bytes[4096];
		bool filled;
	} window; /* the last piece of the allocation table that was read */
};

/* Reads the boot sector and the label. 0; ERR_MISSING: this is no FAT volume; ERR_INPUT: it is a malformed one; ERR_IO. */
int fat_open(struct fat *f, const struct disk *k, struct diag *d);

/* Reads the regular file of that name (ASCII case is ignored, as FAT does) in the root directory, whole, into the arena.
 * ERR_MISSING: no such file; ERR_LIMIT: longer than max bytes, or the arena is full; ERR_INPUT: malformed; ERR_IO. */
int fat_read(struct fat *f, struct arena *a, const char *name, size_t max, struct span *out, struct diag *d);

#endif
