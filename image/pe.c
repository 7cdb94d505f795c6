#include "image/pe.h"

#include <stdlib.h>

#include "base/rd.h"

enum {
	PE32_PLUS = 0x20b,
	SECTIONS_MAX = 96, /* the PE specification's limit for an image */
	SECTION_HEADER = 40,
	FILE_ALIGNMENT = 512,
	/* from the start of the optional header */
	AT_SIZE_OF_HEADERS = 60,
	AT_CHECKSUM = 64,
	AT_CERTIFICATE_TABLE = 144
};

struct section {
	uint32_t at;
	uint32_t size;
};

static struct rd rd_at(struct span s, size_t offset)
{
	struct rd r = rd_from(s);
	rd_skip(&r, offset);
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct section *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void hash(br_hash_compat_context *hc, struct span file, size_t from, size_t to)
{
	struct rd r = rd_at(file, from);
	struct span s = rd_bytes(&r, to - from);
	hc->vtable->update(&hc->vtable, s.p, s.n);
}

int pe_authenticode(struct span file, const br_hash_class *h, uint8_t *out, struct diag *d)
{
	struct rd r = rd_at(file, 0);
	if (rd_u16le(&r) != 0x5a4d)
		return diag_fail(d, ERR_INPUT, "no PE image: it does not begin with MZ");
	r = rd_at(file, 0x3c);
	size_t pe = rd_u32le(&r), optional = pe + 24;
	r = rd_at(file, pe);
	if (rd_u32le(&r) != 0x00004550)
		return diag_fail(d, ERR_INPUT, "no PE image: no PE signature at %zu", pe);
	rd_skip(&r, 2);
	unsigned count = rd_u16le(&r);
	rd_skip(&r, 12);
	size_t optional_size = rd_u16le(&r);
	rd_skip(&r, 2);
	if (rd_u16le(&r) != PE32_PLUS || optional_size < AT_CERTIFICATE_TABLE + 8 || count > SECTIONS_MAX)
		return diag_fail(d, ERR_INPUT, "no PE32+ image with at most %d sections", SECTIONS_MAX);
	r = rd_at(file, optional + AT_SIZE_OF_HEADERS);
	size_t headers = rd_u32le(&r);
	r = rd_at(file, optional + AT_CERTIFICATE_TABLE);
	bool certificates = rd_u32le(&r) != 0;
	certificates |= rd_u32le(&r) != 0;

	struct section section[SECTIONS_MAX];
	size_t used = 0;
	r = rd_at(file, optional + optional_size);
	for (unsigned i = 0; i < count; i++) {
		rd_skip(&r, 16);
		struct section s;
		s.size = rd_u32le(&r);
		s.at = rd_u32le(&r);
		rd_skip(&r, SECTION_HEADER - 24);
		if (s.size != 0)
			section[used++] = s;
	}
	if (!rd_ok(&r) || optional + optional_size + count * SECTION_HEADER > headers || headers > file.n)
		return diag_fail(d, ERR_INPUT, "the PE headers do not fit into the file or into themselves");
	if (certificates)
		return diag_fail(d, ERR_UNSUPPORTED, "the PE image has a certificate table");
	qsort(section, used, sizeof section[0], by_place);
	size_t end = headers;
	for (size_t i = 0; i < used; i++) {
		if (section[i].at < end || section[i].size > file.n || section[i].at > file.n - section[i].size)
			return diag_fail(d, ERR_INPUT, "section %zu of the PE image overlaps another or leaves the file", i);
		if (section[i].at != end)
			return diag_fail(d, ERR_UNSUPPORTED, "the PE image has bytes between its sections");
		end = section[i].at + section[i].size;
	}
	if (end != file.n || file.n % FILE_ALIGNMENT != 0)
		return diag_fail(d, ERR_UNSUPPORTED, "the PE image has bytes behind its last section, or its length is no multiple of %d",
				 FILE_ALIGNMENT);

	br_hash_compat_context hc;
	h->init(&hc.vtable);
	hash(&hc, file, 0, optional + AT_CHECKSUM);
	hash(&hc, file, optional + AT_CHECKSUM + 4, optional + AT_CERTIFICATE_TABLE);
	hash(&hc, file, optional + AT_CERTIFICATE_TABLE + 8, headers);
	for (size_t i = 0; i < used; i++)
		hash(&hc, file, section[i].at, (size_t)section[i].at + section[i].size);
	h->out(&hc.vtable, out);
	return 0;
}
