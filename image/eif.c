#include "image/eif.h"

#include "crypto/hash.h"
#include "image/crc32.h"

#include <bearssl.h>

enum {
	SECTIONS = 4,
	SECTIONS_MAX = 32,
	SECTION_HEADER = 12,
	HEADER = 548,
	HEADER_SUMMED = HEADER - 4, /* the sum itself is the last field */
	DEFAULT_CPUS = 2
};
#define DEFAULT_MEMORY ((uint64_t)1 << 30)

static const uint16_t type_of[SECTIONS] = {1 /* kernel */, 2 /* command line */, 5 /* metadata */, 3 /* ramdisk */};

static void contents(const struct eif *e, struct span out[SECTIONS])
{
	out[0] = e->kernel;
	out[1] = e->cmdline;
	out[2] = e->metadata;
	out[3] = e->ramdisk;
}

size_t eif_size(const struct eif *e)
{
	struct span part[SECTIONS];
	size_t n = HEADER;
	contents(e, part);
	for (int i = 0; i < SECTIONS; i++)
		n += SECTION_HEADER + part[i].n;
	return n;
}

int eif_write(const struct eif *e, struct wr *w, struct diag *d)
{
	struct span part[SECTIONS];
	contents(e, part);
	if (w->cap - w->len < eif_size(e))
		return diag_fail(d, ERR_LIMIT, "no room for the enclave image");
	uint8_t *start = w->p + w->len;
	wr_str(w, ".eif");
	wr_u16be(w, 4);
	wr_u16be(w, 0);
	wr_u64be(w, DEFAULT_MEMORY);
	wr_u64be(w, DEFAULT_CPUS);
	wr_u16be(w, 0);
	wr_u16be(w, SECTIONS);
	uint64_t at = HEADER;
	for (int i = 0; i < SECTIONS; i++) {
		wr_u64be(w, at);
		at += SECTION_HEADER + part[i].n;
	}
	wr_zero(w, (SECTIONS_MAX - SECTIONS) * 8);
	for (int i = 0; i < SECTIONS; i++)
		wr_u64be(w, part[i].n);
	wr_zero(w, (SECTIONS_MAX - SECTIONS) * 8 + 4);
	struct wr sum = wr_to(w->p + w->len, 4);
	wr_zero(w, 4);
	uint8_t *body = w->p + w->len;
	for (int i = 0; i < SECTIONS; i++) {
		wr_u16be(w, type_of[i]);
		wr_u16be(w, 0);
		wr_u64be(w, part[i].n);
		wr_put(w, part[i]);
	}
	uint32_t crc = crc32_more(0, (struct span){start, HEADER_SUMMED});
	wr_u32be(&sum, crc32_more(crc, (struct span){body, (size_t)(w->p + w->len - body)}));
	return 0;
}

/* SHA-384(zeros || SHA-384(contents)) */
static void pcr(const struct span *part, size_t count, uint8_t out[48])
{
	static const uint8_t zero[48];
	uint8_t digest[48];
	br_sha384_context c;
	br_sha384_init(&c);
	for (size_t i = 0; i < count; i++)
		br_sha384_update(&c, part[i].p, part[i].n);
	br_sha384_out(&c, digest);
	sha384_2(SPAN_ARR(zero), SPAN_ARR(digest), out);
}

void eif_predict(const struct eif *e, struct eif_pcrs *out)
{
	struct span measured[] = {e->kernel, e->cmdline, e->ramdisk};
	uint8_t all[3 * 48];
	pcr(measured, 3, out->pcr0);
	pcr(NULL, 0, out->pcr2);
	memcpy(all, out->pcr0, 48);
	memcpy(all + 48, out->pcr0, 48);
	memcpy(all + 96, out->pcr2, 48);
	sha256(SPAN_ARR(all), out->os_image_hash);
}
