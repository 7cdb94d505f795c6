/* disk.raw: the partition table and an EFI system partition with one file, \EFI\BOOT\BOOTX64.EFI, written sparsely.
 * FAT32 with fixed identifiers and times; every byte is a function of the file's bytes. Source: image specification 2.2; Microsoft
 * FAT 1.03. */
#ifndef UKMS_IMAGE_ESP_H
#define UKMS_IMAGE_ESP_H

#include "base/err.h"
#include "base/span.h"

enum { UKI_MAX = 128 << 20 };

/* Writes the whole disk to fd, an empty file. ERR_LIMIT: uki is empty or larger than UKI_MAX. ERR_IO. */
int disk_write(int fd, struct span uki, struct diag *d);

/* Reads the boot file's bytes out of a disk that disk_write made (*uki is malloc'ed, the caller frees uki->p), and checks that the disk is
 * what disk_write makes of them, byte for byte. ERR_REFUSED: it is not. ERR_IO. */
int disk_read(int fd, struct span *uki, struct diag *d);

#endif
