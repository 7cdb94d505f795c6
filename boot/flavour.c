#include "boot/flavour.h"

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "drivers/file.h"

enum { JSON_MAX = 4096, ANCHOR_MAX = 16384 };

static const struct {
	const char *name;
	size_t at;
} anchor_table[] = {
#define ANCHOR(member)                                                                                                                     \
	{                                                                                                                                  \
#member, offsetof(struct anchors, member)                                                                                  \
	}
	ANCHOR(intel_sgx_root), ANCHOR(google_ek_root), ANCHOR(aws_nitro_root), ANCHOR(aws_nitro_tpm_root),
	ANCHOR(amd_ark_milan),  ANCHOR(amd_ark_genoa),  ANCHOR(amd_ark_turin),
#undef ANCHOR
};

static int read_layout(struct arena *a, struct span text, struct flavour *out, struct diag *d)
{
	const struct json *j;
	struct span name;
	uint64_t pcr;
	int e = json_parse(a, text, &j, d);
	if (e)
		return e;
	if (!json_get_str(j, "flavour", &name) || !span_is(name, "dev"))
		return diag_fail(d, ERR_CONFIG, "\"flavour\" must be \"dev\"");
	if (!json_get_u64(j, "boot_pcr", &pcr) || pcr < 1 || pcr > 15 || pcr == 14)
		return diag_fail(d, ERR_CONFIG, "\"boot_pcr\" must be a firmware PCR");
	const struct json *pcr0 = json_get(j, "pcr0");
	out->name = "dev";
	out->gcp = (struct gcp_layout){.boot_pcr = (uint8_t)pcr};
	if (pcr0 && pcr0->type == JSON_NULL)
		out->gcp.pcr0_any = true;
	else if (!pcr0 || pcr0->type != JSON_STRING || hex_decode(pcr0->str, out->gcp.pcr0, 32) != 32)
		return diag_fail(d, ERR_CONFIG, "\"pcr0\" must be null or 64 hex digits");
	return 0;
}

static int read_anchors(struct arena *a, const char *dir, struct anchors *out, struct diag *d)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < sizeof anchor_table / sizeof anchor_table[0]; i++) {
		char *path = arena_fmt(a, "%s/anchors/%s.der", dir, anchor_table[i].name);
		struct span der;
		if (!path)
			return diag_fail(d, ERR_LIMIT, "no memory for anchors");
		int e = file_read(a, path, ANCHOR_MAX, &der, d);
		if (e == ERR_MISSING)
			continue;
		if (e)
			return e;
		memcpy((char *)out + anchor_table[i].at, &der, sizeof der);
	}
	return 0;
}

int flavour_read(struct arena *a, const char *dir, struct flavour *out, struct diag *d)
{
	*out = (struct flavour){.name = "prod", .anchors = anchors_production, .gcp = gcp_layout_production};
	if (access(dir, F_OK) != 0)
		return 0;
	struct span text;
	char *path = arena_fmt(a, "%s/flavour.json", dir);
	int e = path ? file_read(a, path, JSON_MAX, &text, d) : diag_fail(d, ERR_LIMIT, "no memory");
	if (!e)
		e = read_layout(a, text, out, d);
	if (e)
		return diag_wrap(d, ERR_CONFIG, "%s/flavour.json", dir);
	e = read_anchors(a, dir, &out->anchors, d);
	return e ? diag_wrap(d, ERR_CONFIG, "%s", dir) : 0;
}
