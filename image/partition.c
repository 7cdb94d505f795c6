#include "image/partition.h"

#include <string.h>

#include "base/wr.h"
#include "image/crc32.h"

enum { HEADER_LEN = 92, ENTRY_LEN = 128, ENTRIES = 128, ENTRIES_LEN = ENTRY_LEN * ENTRIES };
_Static_assert(ENTRIES_LEN == TABLE_ENTRIES_SECTORS * SECTOR, "the entries fill their sectors");

/* GUIDs as they lie on the disk: the first three fields little endian. */
static const uint8_t disk_guid[16] = {0x00, 0xc0, 0xac, 0xd5, 0, 0, 0, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t esp_guid[16] = {0x00, 0xc0, 0xac, 0xd5, 0, 0, 0, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 2};
static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
static const char esp_name[] = "EFI System Partition";

static void entries(uint8_t out[ENTRIES_LEN])
{
	struct wr w = wr_to(out, ENTRIES_LEN);
	wr_bytes(&w, esp_type, sizeof esp_type);
	wr_bytes(&w, esp_guid, sizeof esp_guid);
	wr_u64le(&w, ESP_FIRST);
	wr_u64le(&w, ESP_FIRST + ESP_SECTORS - 1);
	wr_u64le(&w, 0);
	for (const char *c = esp_name; *c != 0; c++)
		wr_u16le(&w, (uint8_t)*c);
	wr_zero(&w, ENTRIES_LEN - w.len);
}

static void header(uint8_t out[HEADER_LEN], uint64_t self, uint64_t other, uint64_t entries_at)
{
	static const uint8_t zero[4];
	uint8_t table[ENTRIES_LEN];
	entries(table);
	uint32_t crc = 0;
	for (int pass = 0; pass < 2; pass++) { /* the header's sum is over the header with a zero in its place */
		struct wr w = wr_to(out, HEADER_LEN);
		wr_str(&w, "EFI PART");
		wr_u32le(&w, 0x00010000);
		wr_u32le(&w, HEADER_LEN);
		wr_u32le(&w, crc);
		wr_bytes(&w, zero, sizeof zero);
		wr_u64le(&w, self);
		wr_u64le(&w, other);
		wr_u64le(&w, TABLE_FRONT_SECTORS);
		wr_u64le(&w, DISK_SECTORS - TABLE_BACK_SECTORS - 1);
		wr_bytes(&w, disk_guid, sizeof disk_guid);
		wr_u64le(&w, entries_at);
		wr_u32le(&w, ENTRIES);
		wr_u32le(&w, ENTRY_LEN);
		wr_u32le(&w, crc32_more(0, SPAN_ARR(table)));
		crc = crc32_more(0, (struct span){out, HEADER_LEN});
	}
}

static void front_header(uint8_t out[HEADER_LEN])
{
	header(out, 1, DISK_SECTORS - 1, 2);
}

void partition_front(uint8_t out[TABLE_FRONT_SECTORS * SECTOR])
{
	uint8_t h[HEADER_LEN];
	front_header(h);
	struct wr w = wr_to(out, TABLE_FRONT_SECTORS * SECTOR);
	wr_zero(&w, 446);
	wr_bytes(&w, (const uint8_t[]){0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff}, 8); /* protective entry, CHS of LBA 1 to the last */
	wr_u32le(&w, 1);
	wr_u32le(&w, DISK_SECTORS - 1);
	wr_zero(&w, 48);
	wr_u16le(&w, 0xaa55);
	wr_bytes(&w, h, sizeof h);
	wr_zero(&w, SECTOR - HEADER_LEN);
	entries(out + w.len);
}

void partition_back(uint8_t out[TABLE_BACK_SECTORS * SECTOR])
{
	memset(out, 0, TABLE_BACK_SECTORS * SECTOR);
	entries(out);
	header(out + ENTRIES_LEN, DISK_SECTORS - 1, 1, DISK_SECTORS - TABLE_BACK_SECTORS);
}

void partition_event(uint8_t out[GPT_EVENT_LEN])
{
	uint8_t h[HEADER_LEN], table[ENTRIES_LEN];
	front_header(h);
	entries(table);
	struct wr w = wr_to(out, GPT_EVENT_LEN);
	wr_bytes(&w, h, sizeof h);
	wr_u64le(&w, 1);
	wr_bytes(&w, table, ENTRY_LEN);
}
