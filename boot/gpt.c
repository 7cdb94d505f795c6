#include "boot/gpt.h"

#include "base/rd.h"

enum {
	HEADER_MIN = 92,
	ENTRY_MIN = 128,
	ENTRIES_MAX = 256, /* 128 is what every tool writes */
	ENTRY_MAX = 512,
	NAME_UNITS = 36
};

static uint32_t crc32(uint32_t crc, struct span s)
{
	crc = ~crc;
	for (size_t i = 0; i < s.n; i++) {
		crc ^= s.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

struct header {
	uint64_t first_usable, last_usable, entries_lba;
	uint32_t count, entry_size, entries_crc;
};

static int read_header(const struct disk *k, struct header *h, struct diag *d)
{
	static const uint8_t zero[4];
	uint8_t block[4096];
	if (k->size < 3 * (uint64_t)k->sector)
		return diag_fail(d, ERR_MISSING, "%s: too small for a partition table", k->name);
	int e = disk_read(k, k->sector, block, k->sector, d);
	if (e)
		return e;

	struct rd r = rd_from(SPAN(block, k->sector));
	if (!span_is(rd_bytes(&r, 8), "EFI PART"))
		return diag_fail(d, ERR_MISSING, "%s: no GPT", k->name);
	uint32_t revision = rd_u32le(&r), size = rd_u32le(&r), crc = rd_u32le(&r);
	rd_skip(&r, 4);
	uint64_t self = rd_u64le(&r);
	rd_skip(&r, 8); /* the backup header */
	h->first_usable = rd_u64le(&r);
	h->last_usable = rd_u64le(&r);
	rd_skip(&r, 16); /* disk GUID */
	h->entries_lba = rd_u64le(&r);
	h->count = rd_u32le(&r);
	h->entry_size = rd_u32le(&r);
	h->entries_crc = rd_u32le(&r);
	if (!rd_ok(&r) || revision != 0x10000 || size < HEADER_MIN || size > k->sector)
		return diag_fail(d, ERR_INPUT, "%s: GPT header of an unknown form", k->name);

	/* the CRC covers the header with its own field as zero */
	uint32_t sum = crc32(0, SPAN(block, 16));
	sum = crc32(sum, SPAN_ARR(zero));
	sum = crc32(sum, SPAN(block + 20, size - 20));
	if (sum != crc)
		return diag_fail(d, ERR_INPUT, "%s: GPT header checksum is wrong", k->name);
	if (self != 1 || h->count == 0 || h->count > ENTRIES_MAX || h->entry_size < ENTRY_MIN || h->entry_size > ENTRY_MAX ||
	    h->entry_size % ENTRY_MIN != 0 || h->first_usable > h->last_usable || h->last_usable >= k->size / k->sector ||
	    h->entries_lba < 2 || h->entries_lba >= h->first_usable)
		return diag_fail(d, ERR_INPUT, "%s: GPT header has values out of range", k->name);
	return 0;
}

static bool name_is(struct rd units, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < NAME_UNITS; i++) {
		uint16_t want = i < n ? (uint8_t)name[i] : 0;
		if (rd_u16le(&units) != want)
			return false;
		if (want == 0)
			return true;
	}
	return n == NAME_UNITS;
}

int gpt_find(const struct disk *k, const char *name, struct partition *out, struct diag *d)
{
	static const uint8_t unused[16];
	struct header h = {0};
	uint8_t table[ENTRIES_MAX * ENTRY_MAX];
	int e = read_header(k, &h, d);
	if (e)
		return e;
	size_t size = (size_t)h.count * h.entry_size;
	if (size > (h.first_usable - h.entries_lba) * k->sector)
		return diag_fail(d, ERR_INPUT, "%s: GPT entries reach into the usable area", k->name);
	e = disk_read(k, h.entries_lba * k->sector, table, size, d);
	if (e)
		return e;
	if (crc32(0, SPAN(table, size)) != h.entries_crc)
		return diag_fail(d, ERR_INPUT, "%s: GPT entries checksum is wrong", k->name);

	bool found = false;
	struct rd r = rd_from(SPAN(table, size));
	for (uint32_t i = 0; i < h.count; i++) {
		struct rd entry = rd_sub(&r, h.entry_size);
		struct span type = rd_bytes(&entry, 16);
		rd_skip(&entry, 16); /* partition GUID */
		uint64_t first = rd_u64le(&entry), last = rd_u64le(&entry);
		rd_skip(&entry, 8); /* attributes */
		if (span_eq(type, SPAN_ARR(unused)) || !name_is(entry, name))
			continue;
		if (found)
			return diag_fail(d, ERR_INPUT, "%s: two partitions are named %s", k->name, name);
		if (first < h.first_usable || first > last || last > h.last_usable)
			return diag_fail(d, ERR_INPUT, "%s: partition %s lies outside the usable area", k->name, name);
		*out = (struct partition){first * k->sector, (last - first + 1) * k->sector};
		found = true;
	}
	return found ? 0 : diag_fail(d, ERR_MISSING, "%s: no partition is named %s", k->name, name);
}
