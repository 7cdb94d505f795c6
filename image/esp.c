#include "image/esp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rd.h"
#include "base/wr.h"
#include "image/partition.h"

/* The volume, in its own sectors and clusters. */
enum {
	RESERVED = 32,
	FATS = 2,
	FAT_SECTORS = 1024, /* 131072 entries of 4 bytes */
	CLUSTER_SECTORS = 4,
	CLUSTER = CLUSTER_SECTORS * SECTOR,
	DATA = RESERVED + FATS * FAT_SECTORS,
	CLUSTERS = (ESP_SECTORS - DATA) / CLUSTER_SECTORS,
	ROOT = 2, /* clusters */
	DIR_EFI = 3,
	DIR_BOOT = 4,
	FILE_FIRST = 5,
	FSINFO_SECTOR = 1,
	BACKUP_SECTOR = 6,
	VOLUME_ID = 0xfea5d5ac,
	END_OF_CHAIN = 0x0fffffff,
	DATE_1980_01_01 = 0x0021,
	ATTR_VOLUME = 0x08,
	ATTR_DIRECTORY = 0x10,
	ATTR_ARCHIVE = 0x20,
	ENTRY = 32
};
_Static_assert(CLUSTERS >= 65525 && CLUSTERS + 2 <= FAT_SECTORS * SECTOR / 4, "a FAT32 volume, whose table has room for every cluster");
_Static_assert(UKI_MAX / CLUSTER + FILE_FIRST < CLUSTERS, "the largest boot file fits");

static int put(int fd, uint64_t sector, struct span s, struct diag *d)
{
	for (size_t done = 0; done < s.n;) {
		ssize_t n = pwrite(fd, s.p + done, s.n - done, (off_t)(sector * SECTOR + done));
		if (n <= 0)
			return diag_fail(d, ERR_IO, "cannot write the disk: %s", n < 0 ? strerror(errno) : "no space");
		done += (size_t)n;
	}
	return 0;
}

static int get(int fd, uint64_t at, uint8_t *p, size_t n, struct diag *d)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(fd, p + done, n - done, (off_t)(at + done));
		if (got <= 0)
			return diag_fail(d, ERR_IO, "cannot read the disk: %s", got < 0 ? strerror(errno) : "it is too short");
		done += (size_t)got;
	}
	return 0;
}

static uint64_t cluster_sector(uint32_t cluster)
{
	return ESP_FIRST + DATA + (uint64_t)(cluster - 2) * CLUSTER_SECTORS;
}

static void boot_sector(uint8_t out[SECTOR])
{
	struct wr w = wr_to(out, SECTOR);
	wr_bytes(&w, (const uint8_t[]){0xeb, 0x58, 0x90}, 3);
	wr_str(&w, "UKMS    ");
	wr_u16le(&w, SECTOR);
	wr_u8(&w, CLUSTER_SECTORS);
	wr_u16le(&w, RESERVED);
	wr_u8(&w, FATS);
	wr_u16le(&w, 0); /* root entries, FAT32: none here */
	wr_u16le(&w, 0);
	wr_u8(&w, 0xf8);
	wr_u16le(&w, 0);
	wr_u16le(&w, 32); /* geometry of no meaning */
	wr_u16le(&w, 64);
	wr_u32le(&w, ESP_FIRST);
	wr_u32le(&w, ESP_SECTORS);
	wr_u32le(&w, FAT_SECTORS);
	wr_u16le(&w, 0);
	wr_u16le(&w, 0);
	wr_u32le(&w, ROOT);
	wr_u16le(&w, FSINFO_SECTOR);
	wr_u16le(&w, BACKUP_SECTOR);
	wr_zero(&w, 12);
	wr_u8(&w, 0x80);
	wr_u8(&w, 0);
	wr_u8(&w, 0x29);
	wr_u32le(&w, VOLUME_ID);
	wr_str(&w, "DSTACKEFI  FAT32   ");
	wr_zero(&w, SECTOR - 2 - w.len);
	wr_u16le(&w, 0xaa55);
}

static void fsinfo_sector(uint8_t out[SECTOR], uint32_t next_free)
{
	struct wr w = wr_to(out, SECTOR);
	wr_u32le(&w, 0x41615252);
	wr_zero(&w, 480);
	wr_u32le(&w, 0x61417272);
	wr_u32le(&w, CLUSTERS + 2 - next_free);
	wr_u32le(&w, next_free);
	wr_zero(&w, 12);
	wr_u32le(&w, 0xaa550000);
}

static void entry(struct wr *w, const char *name_8_3, uint8_t attributes, uint32_t cluster, uint32_t size)
{
	wr_bytes(w, name_8_3, 11);
	wr_u8(w, attributes);
	wr_zero(w, 2);
	wr_u16le(w, 0);
	wr_u16le(w, DATE_1980_01_01);
	wr_u16le(w, DATE_1980_01_01);
	wr_u16le(w, (uint16_t)(cluster >> 16));
	wr_u16le(w, 0);
	wr_u16le(w, DATE_1980_01_01);
	wr_u16le(w, (uint16_t)cluster);
	wr_u32le(w, size);
}

static void chain(struct wr *w, uint32_t first, uint32_t clusters)
{
	for (uint32_t i = 1; i < clusters; i++)
		wr_u32le(w, first + i);
	wr_u32le(w, END_OF_CHAIN);
}

static int write_tables(int fd, uint32_t file_clusters, struct diag *d)
{
	uint8_t sector[SECTOR];
	static const struct {
		uint32_t boot, info;
	} copy[] = {{0, FSINFO_SECTOR}, {BACKUP_SECTOR, BACKUP_SECTOR + FSINFO_SECTOR}};
	for (size_t i = 0; i < 2; i++) {
		boot_sector(sector);
		int e = put(fd, ESP_FIRST + copy[i].boot, (struct span){sector, SECTOR}, d);
		if (e)
			return e;
		fsinfo_sector(sector, FILE_FIRST + file_clusters);
		e = put(fd, ESP_FIRST + copy[i].info, (struct span){sector, SECTOR}, d);
		if (e)
			return e;
	}
	size_t len = 4 * ((size_t)FILE_FIRST + file_clusters);
	uint8_t *fat = malloc(len);
	if (!fat)
		return diag_fail(d, ERR_LIMIT, "no memory for the file allocation table");
	struct wr w = wr_to(fat, len);
	wr_u32le(&w, 0x0ffffff8);
	wr_u32le(&w, END_OF_CHAIN);
	chain(&w, ROOT, 1);
	chain(&w, DIR_EFI, 1);
	chain(&w, DIR_BOOT, 1);
	chain(&w, FILE_FIRST, file_clusters);
	int e = put(fd, ESP_FIRST + RESERVED, wr_span(&w), d);
	if (!e)
		e = put(fd, ESP_FIRST + RESERVED + FAT_SECTORS, wr_span(&w), d);
	free(fat);
	return e;
}

static int write_directories(int fd, uint32_t file_size, struct diag *d)
{
	uint8_t root[2 * ENTRY], efi[3 * ENTRY], boot[3 * ENTRY];
	struct wr w = wr_to(root, sizeof root);
	entry(&w, "DSTACKEFI  ", ATTR_VOLUME, 0, 0);
	entry(&w, "EFI        ", ATTR_DIRECTORY, DIR_EFI, 0);
	int e = put(fd, cluster_sector(ROOT), wr_span(&w), d);
	if (e)
		return e;
	w = wr_to(efi, sizeof efi);
	entry(&w, ".          ", ATTR_DIRECTORY, DIR_EFI, 0);
	entry(&w, "..         ", ATTR_DIRECTORY, 0, 0); /* the root is written as 0 */
	entry(&w, "BOOT       ", ATTR_DIRECTORY, DIR_BOOT, 0);
	e = put(fd, cluster_sector(DIR_EFI), wr_span(&w), d);
	if (e)
		return e;
	w = wr_to(boot, sizeof boot);
	entry(&w, ".          ", ATTR_DIRECTORY, DIR_BOOT, 0);
	entry(&w, "..         ", ATTR_DIRECTORY, DIR_EFI, 0);
	entry(&w, "BOOTX64 EFI", ATTR_ARCHIVE, FILE_FIRST, file_size);
	return put(fd, cluster_sector(DIR_BOOT), wr_span(&w), d);
}

int disk_write(int fd, struct span uki, struct diag *d)
{
	if (uki.n == 0 || uki.n > UKI_MAX)
		return diag_fail(d, ERR_LIMIT, "the boot file has %zu bytes; 1 to %d fit", uki.n, UKI_MAX);
	if (ftruncate(fd, (off_t)DISK_SECTORS * SECTOR) != 0)
		return diag_fail(d, ERR_IO, "cannot size the disk: %s", strerror(errno));
	static uint8_t front[TABLE_FRONT_SECTORS * SECTOR], back[TABLE_BACK_SECTORS * SECTOR];
	partition_front(front);
	partition_back(back);
	int e = put(fd, 0, (struct span){front, sizeof front}, d);
	if (!e)
		e = put(fd, DISK_SECTORS - TABLE_BACK_SECTORS, (struct span){back, sizeof back}, d);
	if (!e)
		e = write_tables(fd, (uint32_t)((uki.n + CLUSTER - 1) / CLUSTER), d);
	if (!e)
		e = write_directories(fd, (uint32_t)uki.n, d);
	if (!e)
		e = put(fd, cluster_sector(FILE_FIRST), uki, d);
	return e;
}

static int compare(int fd, int want, struct diag *d)
{
	enum { CHUNK = 1 << 20 };
	static uint8_t a[CHUNK], b[CHUNK];
	for (uint64_t at = 0; at < (uint64_t)DISK_SECTORS * SECTOR; at += CHUNK) {
		int e = get(fd, at, a, CHUNK, d);
		if (!e)
			e = get(want, at, b, CHUNK, d);
		if (e)
			return e;
		for (size_t i = 0; memcmp(a, b, CHUNK) != 0 && i < CHUNK; i++)
			if (a[i] != b[i])
				return diag_fail(d, ERR_REFUSED, "byte %llu of the disk is %02x, not %02x", (unsigned long long)(at + i),
						 a[i], b[i]);
	}
	return 0;
}

int disk_read(int fd, struct span *uki, struct diag *d)
{
	*uki = (struct span){0};
	if (lseek(fd, 0, SEEK_END) != (off_t)DISK_SECTORS * SECTOR)
		return diag_fail(d, ERR_REFUSED, "the disk does not have %llu bytes", (unsigned long long)DISK_SECTORS * SECTOR);
	uint8_t boot[3 * ENTRY];
	int e = get(fd, cluster_sector(DIR_BOOT) * SECTOR, boot, sizeof boot, d);
	if (e)
		return e;
	struct rd r = rd_from((struct span){boot, sizeof boot});
	rd_skip(&r, 2 * ENTRY + 28);
	uint32_t size = rd_u32le(&r);
	if (size == 0 || size > UKI_MAX)
		return diag_fail(d, ERR_REFUSED, "the disk holds no boot file where it belongs");
	uint8_t *p = malloc(size);
	FILE *want = tmpfile();
	if (!p || !want)
		e = diag_fail(d, ERR_IO, "no memory or no temporary file: %s", strerror(errno));
	if (!e)
		e = get(fd, cluster_sector(FILE_FIRST) * SECTOR, p, size, d);
	if (!e)
		e = disk_write(fileno(want), (struct span){p, size}, d);
	if (!e)
		e = compare(fd, fileno(want), d);
	if (want)
		fclose(want);
	if (e)
		free(p);
	else
		*uki = (struct span){p, size};
	return e;
}
