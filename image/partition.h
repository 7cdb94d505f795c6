/* The partition table of disk.raw: constants, all of them, so that the firmware's event over it is a constant too.
 * 1 GiB, one EFI system partition of 256 MiB at 1 MiB. Source: image specification 2.1, 2.9; UEFI 2.10, 5.3. */
#ifndef UKMS_IMAGE_PARTITION_H
#define UKMS_IMAGE_PARTITION_H

#include <stdint.h>

enum {
	SECTOR = 512,
	DISK_SECTORS = 2097152, /* 1 GiB: Google's import wants multiples of it */
	ESP_FIRST = 2048,
	ESP_SECTORS = 524288,
	TABLE_ENTRIES_SECTORS = 32, /* 128 entries of 128 bytes */
	TABLE_FRONT_SECTORS = 2 + TABLE_ENTRIES_SECTORS,
	TABLE_BACK_SECTORS = TABLE_ENTRIES_SECTORS + 1,
	GPT_EVENT_LEN = 92 + 8 + 128
};

/* Protective MBR, header and entries, for LBA 0. */
void partition_front(uint8_t out[TABLE_FRONT_SECTORS * SECTOR]);
/* Entries and backup header, for LBA DISK_SECTORS - TABLE_BACK_SECTORS. */
void partition_back(uint8_t out[TABLE_BACK_SECTORS * SECTOR]);
/* UEFI_GPT_DATA, what firmware hashes: header, LE64 number of used entries, the used entries. */
void partition_event(uint8_t out[GPT_EVENT_LEN]);

#endif
