#include "boot/fat.h"

#include "base/rd.h"

enum {
	DIR_BYTES_MAX = 65536, /* 2,048 entries: many times what a shared disk holds */
	ENTRY = 32,
	NAME_UNITS_MAX = 260, /* 20 pieces of 13 */
	ATTR_LABEL = 0x08,
	ATTR_DIR = 0x10,
	ATTR_LONG = 0x0f
};

struct entry {
	struct span name83; /* 11 bytes */
	uint8_t attr;
	uint32_t cluster, size;
	uint16_t long_name[NAME_UNITS_MAX + 1]; /* NUL terminated; empty if the entry has none */
};

/* Called for each entry in use; a non-zero answer ends the walk and is its result. */
typedef int each_fn(void *ctx, const struct entry *e, struct diag *d);

static int malformed(const struct fat *f, struct diag *d, const char *what)
{
	return diag_fail(d, ERR_INPUT, "%s: FAT volume is malformed: %s", f->disk->name, what);
}

/* The value of a cluster in the allocation table. */
static int next_cluster(struct fat *f, uint32_t cluster, uint32_t *next, struct diag *d)
{
	uint64_t at = f->bits == 12 ? cluster + (uint64_t)cluster / 2 : (uint64_t)cluster * f->bits / 8;
	size_t width = f->bits == 32 ? 4 : 2;
	if (at + width > f->fat_size)
		return malformed(f, d, "the allocation table is too short");

	uint64_t from = at / 2048 * 2048;
	if (!f->window.filled || f->window.at != from) {
		uint64_t left = f->fat_size - from;
		size_t n = left < sizeof f->window.bytes ? (size_t)left : sizeof f->window.bytes;
		memset(f->window.bytes, 0, sizeof f->window.bytes);
		f->window.filled = false;
		int e = disk_read(f->disk, f->fat_at + from, f->window.bytes, n, d);
		if (e)
			return e;
		f->window.at = from;
		f->window.filled = true;
	}
	struct rd r = rd_from(SPAN_ARR(f->window.bytes));
	rd_skip(&r, (size_t)(at - from));
	if (f->bits == 32)
		*next = rd_u32le(&r) & 0x0fffffff;
	else if (f->bits == 16)
		*next = rd_u16le(&r);
	else
		*next = cluster & 1 ? (uint32_t)rd_u16le(&r) >> 4 : rd_u16le(&r) & 0xfffU;
	return 0;
}

static bool is_data(const struct fat *f, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < f->clusters;
}

static bool is_end(const struct fat *f, uint32_t cluster)
{
	uint32_t mask = f->bits == 32 ? 0x0fffffffU : (1U << f->bits) - 1;
	return cluster >= (mask & ~7U) && cluster <= mask;
}

static uint64_t cluster_at(const struct fat *f, uint32_t cluster)
{
	return f->data_at + (uint64_t)(cluster - 2) * f->cluster_size;
}

/* --- the root directory ------------------------------------------------------------------------------------------------------------- */

struct walk {
	struct entry entry;
	unsigned pieces;  /* long name pieces still expected */
	uint8_t checksum; /* of the 8.3 name that must follow */
	bool have_long;   /* a complete set of pieces was seen */
	bool ended;
};

static uint8_t checksum83(struct span name)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < name.n; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + name.p[i]);
	return sum;
}

/* A piece of a long name: they come last piece first. A piece out of order drops the name, as every system does. */
static void long_piece(struct walk *w, struct rd r)
{
	uint8_t order = rd_u8(&r);
	unsigned number = order & 0x3f;
	uint16_t unit[13];
	for (size_t i = 0; i < 5; i++)
		unit[i] = rd_u16le(&r);
	rd_skip(&r, 2);
	uint8_t sum = rd_u8(&r);
	for (size_t i = 5; i < 11; i++)
		unit[i] = rd_u16le(&r);
	rd_skip(&r, 2);
	for (size_t i = 11; i < 13; i++)
		unit[i] = rd_u16le(&r);

	if (order & 0x40 && number >= 1 && number <= NAME_UNITS_MAX / 13) {
		memset(w->entry.long_name, 0, sizeof w->entry.long_name);
		w->pieces = number;
		w->checksum = sum;
	}
	w->have_long = false;
	if (number == 0 || number != w->pieces || sum != w->checksum) {
		w->pieces = 0;
		return;
	}
	memcpy(&w->entry.long_name[(number - 1) * 13], unit, sizeof unit);
	w->pieces--;
	w->have_long = w->pieces == 0;
}

static int walk_bytes(struct walk *w, struct span bytes, each_fn *each, void *ctx, struct diag *d)
{
	struct rd dir = rd_from(bytes);
	while (!w->ended && dir.left >= ENTRY) {
		struct rd r = rd_sub(&dir, ENTRY), piece = r;
		w->entry.name83 = rd_bytes(&r, 11);
		w->entry.attr = rd_u8(&r);
		uint8_t first = w->entry.name83.p[0];
		if (first == 0) {
			w->ended = true;
			break;
		}
		if (first == 0xe5) {
			w->pieces = 0;
			w->have_long = false;
			continue;
		}
		if ((w->entry.attr & 0x3f) == ATTR_LONG) {
			long_piece(w, piece);
			continue;
		}
		rd_skip(&r, 8);
		w->entry.cluster = (uint32_t)rd_u16le(&r) << 16;
		rd_skip(&r, 4);
		w->entry.cluster |= rd_u16le(&r);
		w->entry.size = rd_u32le(&r);
		if (!w->have_long || checksum83(w->entry.name83) != w->checksum)
			w->entry.long_name[0] = 0;
		w->pieces = 0;
		w->have_long = false;
		int e = each(ctx, &w->entry, d);
		if (e)
			return e;
	}
	return 0;
}

static int walk_root(struct fat *f, each_fn *each, void *ctx, struct diag *d)
{
	struct walk w = {0};
	uint8_t block[4096];
	uint32_t cluster = f->root_cluster;
	uint64_t total = f->bits == 32 ? DIR_BYTES_MAX : (uint64_t)f->root_entries * ENTRY;
	uint64_t at = f->root_at, in_cluster = 0;

	for (uint64_t done = 0; done < total && !w.ended;) {
		if (f->bits == 32 && in_cluster == 0) {
			if (!is_data(f, cluster))
				return malformed(f, d, "the root directory leaves the volume");
			at = cluster_at(f, cluster);
			in_cluster = f->cluster_size;
		}
		uint64_t left = f->bits == 32 ? in_cluster : total - done;
		size_t n = left < sizeof block ? (size_t)left : sizeof block;
		int e = disk_read(f->disk, at, block, n, d);
		if (!e)
			e = walk_bytes(&w, SPAN(block, n), each, ctx, d);
		if (e)
			return e;
		at += n;
		done += n;
		if (f->bits != 32 || (in_cluster -= n) > 0)
			continue;
		e = next_cluster(f, cluster, &cluster, d);
		if (e)
			return e;
		if (is_end(f, cluster))
			return 0;
		if (done >= total)
			return malformed(f, d, "the root directory is too long");
	}
	return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------------------------ */

static void take_label(char out[12], struct span name)
{
	size_t n = name.n;
	while (n > 0 && name.p[n - 1] == ' ')
		n--;
	memcpy(out, name.p, n);
	memset(out + n, 0, 12 - n);
}

static int find_label(void *ctx, const struct entry *e, struct diag *d)
{
	(void)d;
	if ((e->attr & (ATTR_LABEL | ATTR_DIR)) != ATTR_LABEL)
		return 0;
	take_label(ctx, e->name83);
	return 1;
}

static bool power_of_two(uint32_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

int fat_open(struct fat *f, const struct disk *k, struct diag *d)
{
	uint8_t sector[512];
	*f = (struct fat){.disk = k};
	if (k->size < sizeof sector)
		return diag_fail(d, ERR_MISSING, "%s: too small for a FAT volume", k->name);
	int e = disk_read(k, 0, sector, sizeof sector, d);
	if (e)
		return e;

	struct rd r = rd_from(SPAN_ARR(sector));
	uint8_t jump = rd_u8(&r);
	rd_skip(&r, 10);
	uint32_t bytes = rd_u16le(&r), per_cluster = rd_u8(&r), reserved = rd_u16le(&r), fats = rd_u8(&r), root_entries = rd_u16le(&r);
	uint64_t total = rd_u16le(&r);
	rd_skip(&r, 1); /* media */
	uint64_t fat_sectors = rd_u16le(&r);
	rd_skip(&r, 8); /* geometry, hidden sectors */
	uint32_t total32 = rd_u32le(&r);
	bool fat32 = fat_sectors == 0; /* Linux's rule: the shared disk has too few clusters for Microsoft's */
	uint16_t version = 0;
	if (fat32) {
		fat_sectors = rd_u32le(&r);
		rd_skip(&r, 2);
		version = rd_u16le(&r);
		f->root_cluster = rd_u32le(&r);
		rd_skip(&r, 16);
	}
	rd_skip(&r, 2);
	uint8_t signature = rd_u8(&r);
	rd_skip(&r, 4);
	struct span label = rd_bytes(&r, 11);
	if (total == 0)
		total = total32;

	if ((jump != 0xeb && jump != 0xe9) || sector[510] != 0x55 || sector[511] != 0xaa || !power_of_two(bytes) || bytes < 512 ||
	    bytes > 4096 || !power_of_two(per_cluster) || reserved == 0 || fats == 0 || fats > 2 || fat_sectors == 0 || total == 0)
		return diag_fail(d, ERR_MISSING, "%s: no FAT volume", k->name);
	uint64_t root_sectors = ((uint64_t)root_entries * ENTRY + bytes - 1) / bytes;
	uint64_t before = reserved + fats * fat_sectors + root_sectors;
	if (before >= total || total > k->size / bytes)
		return malformed(f, d, "it is larger than the disk, or has no room for data");
	if (fat32 ? root_entries != 0 || version != 0 : root_entries == 0)
		return malformed(f, d, "root directory of an unknown form");

	uint64_t clusters = (total - before) / per_cluster;
	f->bits = fat32 ? 32 : clusters < 4085 ? 12 : 16;
	if (clusters == 0 || clusters > (fat32 ? 0x0ffffff4U : 65524U))
		return malformed(f, d, "its number of clusters is out of range");
	f->clusters = (uint32_t)clusters;
	f->cluster_size = bytes * per_cluster;
	f->fat_at = (uint64_t)reserved * bytes;
	f->fat_size = fat_sectors * bytes;
	f->root_at = (reserved + fats * fat_sectors) * bytes;
	f->root_entries = root_entries;
	f->data_at = before * bytes;

	if (signature == 0x29 && !span_is(label, "NO NAME    "))
		take_label(f->label, label);
	e = walk_root(f, find_label, f->label, d);
	return e < 0 ? e : 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------------------------ */

static char ascii_lower(uint16_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool long_name_is(const uint16_t *units, const char *name)
{
	size_t i = 0;
	for (; name[i] && units[i] && units[i] < 128; i++)
		if (ascii_lower(units[i]) != ascii_lower((uint8_t)name[i]))
			return false;
	return name[i] == 0 && units[i] == 0;
}

/* "NAME    EXT" against name.ext */
static bool short_name_is(struct span name83, const char *name)
{
	char text[13];
	size_t n = 0;
	for (size_t i = 0; i < 11; i++) {
		if (i == 8 && name83.p[8] != ' ')
			text[n++] = '.';
		if (name83.p[i] != ' ')
			text[n++] = ascii_lower(name83.p[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (name[i] == 0 || ascii_lower((uint8_t)name[i]) != text[i])
			return false;
	return name[n] == 0;
}

struct search {
	const struct fat *fat;
	const char *name;
	bool found;
	uint32_t cluster, size;
};

static int find_file(void *ctx, const struct entry *e, struct diag *d)
{
	struct search *s = ctx;
	if (e->attr & (ATTR_LABEL | ATTR_DIR))
		return 0;
	if (e->long_name[0] ? !long_name_is(e->long_name, s->name) : !short_name_is(e->name83, s->name))
		return 0;
	if (s->found)
		return diag_fail(d, ERR_INPUT, "%s: there are two files named %s", s->fat->disk->name, s->name);
	s->found = true;
	/* the upper half of the cluster number has another meaning before FAT32 */
	s->cluster = s->fat->bits == 32 ? e->cluster : e->cluster & 0xffff;
	s->size = e->size;
	return 0;
}

int fat_read(struct fat *f, struct arena *a, const char *name, size_t max, struct span *out, struct diag *d)
{
	struct search s = {.fat = f, .name = name};
	int e = walk_root(f, find_file, &s, d);
	if (e)
		return e;
	if (!s.found)
		return diag_fail(d, ERR_MISSING, "%s: there is no file %s", f->disk->name, name);
	if (s.size > max)
		return diag_fail(d, ERR_LIMIT, "%s: %s has %u bytes, at most %zu are allowed", f->disk->name, name, s.size, max);
	if (s.size == 0 && s.cluster != 0)
		return malformed(f, d, "an empty file has data");
	uint8_t *to = arena_alloc(a, (size_t)s.size + 1); /* a NUL behind it, not counted */
	if (!to)
		return diag_fail(d, ERR_LIMIT, "%s: no memory for %s", f->disk->name, name);

	uint32_t cluster = s.cluster;
	for (uint32_t done = 0; done < s.size;) {
		if (!is_data(f, cluster))
			return malformed(f, d, "a file ends before its size");
		uint32_t left = s.size - done, n = left < f->cluster_size ? left : f->cluster_size;
		e = disk_read(f->disk, cluster_at(f, cluster), to + done, n, d);
		if (!e)
			e = next_cluster(f, cluster, &cluster, d);
		if (e)
			return e;
		done += n;
	}
	if (s.size > 0 && !is_end(f, cluster))
		return malformed(f, d, "a file goes on behind its size");
	*out = SPAN(to, s.size);
	return 0;
}
