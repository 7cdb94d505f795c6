#include "kms/attest/vm_config.h"

#include "base/json.h"
#include "base/rd.h"
#include "base/text.h"
#include "crypto/hash.h"

static const char what[] = "Failed to parse vm config";

enum kind { U32, U64, BOOL, BOOL_OR_NULL, TEXT, TEXT_OR_NULL, HEX, MODE, DOC };

/* Every member that has a meaning to someone; its type is checked even where the value is not used here. */
static const struct {
	const char *name;
	enum kind kind;
} members[] = {
	{"os_image_hash", HEX},
	{"cpu_count", U32},
	{"memory_size", U64},
	{"qemu_single_pass_add_pages", BOOL_OR_NULL},
	{"pic", BOOL_OR_NULL},
	{"qemu_version", TEXT_OR_NULL},
	{"pci_hole64_size", U64},
	{"hugepages", BOOL},
	{"num_gpus", U32},
	{"num_nvswitches", U32},
	{"num_nics", U32},
	{"num_verity_volumes", U32},
	{"swtpm", BOOL},
	{"hotplug_off", BOOL},
	{"image", TEXT_OR_NULL},
	{"host_share_mode", TEXT},
	{"ovmf_variant", TEXT_OR_NULL},
	{"tdx_attestation_variant", MODE},
	{"tdx_measurement", DOC},
	{"gcp_measurement", DOC},
	{"aws_measurement", DOC},
	{"sev_snp_measurement", TEXT_OR_NULL},
	{"mr_config", TEXT_OR_NULL},
};

static bool right_type(const struct json *j, enum kind kind)
{
	uint64_t n;
	switch (kind) {
	case U32:
		return json_u64(j, &n) && n <= UINT32_MAX;
	case U64:
		return json_u64(j, &n);
	case BOOL:
		return j->type == JSON_TRUE || j->type == JSON_FALSE;
	case BOOL_OR_NULL:
		return j->type == JSON_TRUE || j->type == JSON_FALSE || j->type == JSON_NULL;
	case TEXT:
	case HEX:
		return j->type == JSON_STRING;
	case TEXT_OR_NULL:
		return j->type == JSON_STRING || j->type == JSON_NULL;
	case MODE:
		return j->type == JSON_STRING && (span_is(j->str, "legacy") || span_is(j->str, "lite"));
	case DOC:
		return j->type == JSON_OBJECT || j->type == JSON_NULL;
	}
	return false;
}

/* Hex in either case, with or without 0x (1.8 allows it for this member alone). */
static bool image_hash(struct arena *a, struct span text, struct span *out)
{
	struct rd r = rd_from(text);
	if (span_starts(text, "0x"))
		rd_skip(&r, 2);
	*out = hex_decode_in(a, rd_rest(&r));
	return out->p != NULL;
}

static bool document(struct arena *a, const struct json *j, struct release_doc *out)
{
	struct span text;
	if (!j || j->type == JSON_NULL)
		return true;
	if (json_count(j, "checksum_file") != 1 || json_count(j, "measurement") != 1)
		return false;
	if (!json_get_str(j, "checksum_file", &text))
		return false;
	out->checksum_file = base64_decode_in(a, text);
	if (!out->checksum_file.p || !json_get_str(j, "measurement", &text))
		return false;
	out->measurement = base64_decode_in(a, text);
	out->present = out->measurement.p != NULL;
	return out->present;
}

static int parse_tree(struct arena *a, const struct json *top, struct vm_config *out, struct diag *d)
{
	struct span text = {NULL, 0};
	if (top->type != JSON_OBJECT)
		return diag_fail(d, ERR_INPUT, "%s: not an object", what);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		size_t n = json_count(top, members[i].name);
		if (n > 1)
			return diag_fail(d, ERR_INPUT, "%s: %s is repeated", what, members[i].name);
		if (n == 1 && !right_type(json_get(top, members[i].name), members[i].kind))
			return diag_fail(d, ERR_INPUT, "%s: %s is of a wrong type", what, members[i].name);
	}
	if (json_get_str(top, "os_image_hash", &text) && !image_hash(a, text, &out->os_image_hash))
		return diag_fail(d, ERR_INPUT, "%s: os_image_hash is not hex", what);
	json_get_u64(top, "memory_size", &out->memory_size);
	const struct json *flag = json_get(top, "qemu_single_pass_add_pages");
	out->has_single_pass = flag && json_bool(flag, &out->single_pass);
	json_get_str(top, "qemu_version", &out->qemu_version);
	json_get_str(top, "ovmf_variant", &out->ovmf_variant);
	json_get_str(top, "sev_snp_measurement", &out->sev_snp_measurement);
	json_get_str(top, "mr_config", &out->mr_config);
	out->lite = json_get_str(top, "tdx_attestation_variant", &text) && span_is(text, "lite");
	static const char *const docs[] = {"tdx_measurement", "gcp_measurement", "aws_measurement"};
	struct release_doc *to[] = {&out->tdx, &out->gcp, &out->aws};
	for (size_t i = 0; i < 3; i++)
		if (!document(a, json_get(top, docs[i]), to[i]))
			return diag_fail(d, ERR_INPUT, "%s: %s is malformed", what, docs[i]);
	return 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks around a document are no part of it, nor of what its length is bounded for. */
static struct span without_blanks(struct span text)
{
	struct rd r = rd_from(text);
	while (r.left && is_blank(rd_peek(&r)))
		rd_skip(&r, 1);
	text = rd_rest(&r);
	while (text.n && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

int vm_config_parse(struct arena *a, struct span text, bool unwrap, struct vm_config *out, struct diag *d)
{
	const struct json *top;
	struct span inner;
	*out = (struct vm_config){0};
	if (text.n == 0)
		return 0;
	text = without_blanks(text);
	if (text.n > VM_CONFIG_MAX)
		return diag_fail(d, ERR_LIMIT, "%s: longer than %d bytes", what, (int)VM_CONFIG_MAX);
	int e = json_parse_repeats(a, text, &top, d);
	if (e)
		return diag_wrap(d, e, what);
	if (unwrap && json_get_str(top, "vm_config", &inner)) {
		e = json_parse_repeats(a, inner, &top, d);
		if (e)
			return diag_wrap(d, e, what);
	}
	return parse_tree(a, top, out, d);
}
