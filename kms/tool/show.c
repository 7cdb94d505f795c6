#include "kms/tool/show.h"

#include "base/rd.h"
#include "crypto/der.h"
#include "crypto/hash.h"
#include "kms/attest/snp.h"

void show_texts(struct out *o, const char *key, const struct span *list, size_t n)
{
	out_open_array(o, key);
	for (size_t i = 0; i < n; i++)
		out_text(o, NULL, list[i]);
	out_close(o);
}

static void show_optional(struct out *o, const char *key, const struct nsm_optional *v)
{
	if (v->present)
		out_hex(o, key, v->bytes);
	else
		out_null(o, key);
}

void show_nsm_doc(struct tool *t, const char *key, const struct nsm_doc *doc, size_t cose_len)
{
	static const char *const flat[] = {"pcr0", "pcr1", "pcr2"};
	struct out *o = &t->out;
	struct x509 leaf;
	uint8_t hash[32];
	bool debug;
	if (key)
		out_open(o, key);
	out_text(o, "module_id", doc->module_id);
	out_text(o, "digest", doc->digest);
	out_u64(o, "timestamp_ms", doc->timestamp_ms);
	out_u64(o, "timestamp", doc->timestamp_ms);
	out_open(o, "pcrs");
	for (size_t i = 0; i < doc->pcr_count; i++) {
		struct span v = doc->pcrs[i].value;
		unsigned any = 0;
		for (size_t k = 0; k < v.n; k++)
			any |= v.p[k];
		if (any)
			out_hex(o, arena_fmt(t->a, "%llu", (unsigned long long)doc->pcrs[i].index), v);
	}
	out_close(o);
	for (unsigned i = 0; i < 3; i++)
		out_hex(o, flat[i], nsm_pcr(doc, i));
	if (nsm_image_hash(doc, hash, &debug, NULL) == 0) {
		out_hex(o, "image_hash", SPAN_ARR(hash));
		out_bool(o, "debug", debug);
	}
	show_optional(o, "user_data", &doc->user_data);
	show_optional(o, "nonce", &doc->nonce);
	show_optional(o, "public_key", &doc->public_key);
	if (x509_parse(doc->certificate, &leaf, NULL) == 0) {
		out_time(o, "leaf_not_before", leaf.not_before);
		out_time(o, "leaf_not_after", leaf.not_after);
	}
	out_u64(o, "cabundle_len", doc->cabundle_count);
	show_texts(o, "payload_map_order", doc->member_names, doc->member_count);
	out_hex(o, "protected_header", doc->protected_header);
	out_u64(o, "cose_len", cose_len);
	if (key)
		out_close(o);
}

static void put_tcb(struct out *o, const char *key, uint64_t tcb)
{
	uint8_t bytes[8];
	struct wr w = wr_to(bytes, sizeof bytes);
	wr_u64le(&w, tcb);
	out_hex(o, key, wr_span(&w));
}

void show_snp(struct tool *t, const struct evidence *ev)
{
	const struct snp_result *s = ev->measured.snp;
	const struct snp_report *r = &s->report;
	struct out *o = &t->out;
	uint8_t hash[32];
	out_open(o, "snp");
	out_u64(o, "version", r->version);
	out_text(o, "policy", SPAN_STR(arena_fmt(t->a, "0x%llx", (unsigned long long)r->policy)));
	out_u64(o, "vmpl", r->vmpl);
	out_u64(o, "signature_algo", r->signature_algorithm);
	put_tcb(o, "current_tcb", r->current_tcb);
	out_text(o, "platform_info", SPAN_STR(arena_fmt(t->a, "0x%llx", (unsigned long long)r->platform_info)));
	out_text(o, "key_flags", SPAN_STR(arena_fmt(t->a, "0x%x", (unsigned)r->key_flags)));
	out_hex(o, "report_data", SPAN_ARR(r->report_data));
	out_hex(o, "measurement", SPAN_ARR(r->measurement));
	out_hex(o, "host_data", SPAN_ARR(r->host_data));
	put_tcb(o, "reported_tcb", r->reported_tcb);
	out_hex(o, "chip_id", SPAN_ARR(r->chip_id));
	put_tcb(o, "committed_tcb", r->committed_tcb);
	put_tcb(o, "launch_tcb", r->launch_tcb);
	/* members that nothing judges */
	struct rd raw = rd_from(ev->quote);
	rd_skip(&raw, 4);
	out_u64(o, "guest_svn", rd_u32le(&raw));
	rd_skip(&raw, 0xe0 - 8);
	out_hex(o, "id_key_digest", rd_bytes(&raw, 48));
	rd_skip(&raw, 0x140 - 0xe0 - 48);
	out_hex(o, "report_id", rd_bytes(&raw, 32));
	out_close(o);
	out_text(o, "mr_config", ev->mr_config);
	mr_config_v3_hash(ev->mr_config, hash);
	out_hex(o, "host_data_recomputed", SPAN_ARR(hash));
	out_bool(o, "host_data_matches", memcmp(hash, r->host_data, sizeof hash) == 0);
	out_hex(o, "mr_system", SPAN_ARR(s->mr_system));
	out_hex(o, "mr_aggregated", SPAN_ARR(s->mr_aggregated));
	sha256(SPAN_ARR(r->chip_id), hash);
	out_hex(o, "app_info_device_id", SPAN_ARR(hash));
}

int show_pck_info(struct tool *t, const struct quote *q, struct span *chain, size_t *n, struct pck_info *out)
{
	static const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01}; /* 1.2.840.113741.1.13.1 */
	struct x509 leaf;
	struct span value;
	if (q->cert_type != QUOTE_CERT_PCK_CHAIN)
		return ERR_MISSING;
	int e = pem_chain(t->a, q->cert_data, chain, X509_CHAIN_MAX, n, NULL);
	if (e || *n == 0)
		return ERR_MISSING;
	e = x509_parse(chain[0], &leaf, NULL);
	if (e || x509_extension(&leaf, SPAN_ARR(oid), &value) != 1)
		return ERR_MISSING;
	return pck_extension_parse(value, out, NULL);
}

/* Attribute types that have a short name (RFC 4514, 3). */
static const struct {
	const char *name;
	uint8_t oid[10];
	uint8_t len;
} attributes[] = {
	{"CN", {0x55, 0x04, 0x03}, 3},
	{"C", {0x55, 0x04, 0x06}, 3},
	{"L", {0x55, 0x04, 0x07}, 3},
	{"ST", {0x55, 0x04, 0x08}, 3},
	{"STREET", {0x55, 0x04, 0x09}, 3},
	{"O", {0x55, 0x04, 0x0a}, 3},
	{"OU", {0x55, 0x04, 0x0b}, 3},
	{"UID", {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01}, 10},
	{"DC", {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19}, 10},
};

static const char *attribute_name(struct tool *t, struct span oid)
{
	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
		if (span_eq(oid, SPAN(attributes[i].oid, attributes[i].len)))
			return attributes[i].name;
	/* dotted decimal */
	const char *text = "";
	uint64_t arc = 0;
	bool first = true;
	for (size_t i = 0; i < oid.n; i++) {
		arc = arc << 7 | (oid.p[i] & 0x7f);
		if (oid.p[i] & 0x80)
			continue;
		uint64_t top = arc < 40 ? 0 : arc < 80 ? 1 : 2;
		text = first ? arena_fmt(t->a, "%llu.%llu", (unsigned long long)top, (unsigned long long)(arc - top * 40))
			     : arena_fmt(t->a, "%s.%llu", text, (unsigned long long)arc);
		if (!text)
			return "";
		first = false;
		arc = 0;
	}
	return text;
}

/* A value with what RFC 4514, 2.4 wants escaped. */
static const char *escaped(struct tool *t, struct span v)
{
	uint8_t *buf = arena_alloc(t->a, 3 * v.n + 1);
	if (!buf)
		return "";
	struct wr w = wr_to(buf, 3 * v.n);
	for (size_t i = 0; i < v.n; i++) {
		bool edge = (i == 0 && (v.p[i] == '#' || v.p[i] == ' ')) || (i + 1 == v.n && v.p[i] == ' ');
		if (v.p[i] == 0) {
			wr_str(&w, "\\00");
			continue;
		}
		if (edge || strchr("\"+,;<=>\\", v.p[i]))
			wr_u8(&w, '\\');
		wr_u8(&w, v.p[i]);
	}
	return (const char *)buf;
}

void show_name(struct tool *t, const char *key, struct span name)
{
	struct rd r = rd_from(name), list = der_open(&r, DER_SEQUENCE);
	const char *text = NULL;
	while (list.left && rd_ok(&list)) {
		struct rd set = der_open(&list, DER_SET);
		const char *part = NULL;
		while (set.left && rd_ok(&set)) {
			struct rd pair = der_open(&set, DER_SEQUENCE);
			struct span oid = der_take(&pair, DER_OID), value = der_any(&pair, NULL, NULL);
			part = arena_fmt(t->a, "%s%s%s=%s", part ? part : "", part ? "+" : "", attribute_name(t, oid), escaped(t, value));
		}
		/* the last one first */
		text = arena_fmt(t->a, "%s%s%s", part ? part : "", text ? "," : "", text ? text : "");
		if (!text)
			return;
	}
	out_text(&t->out, key, SPAN_STR(text ? text : ""));
}

int show_event_log_text(struct tool *t, const struct json *j, struct span *out)
{
	if (j->type != JSON_STRING) {
		*out = j->raw;
		return 0;
	}
	*out = j->str;
	return span_starts(j->str, "[") ? 0 : tool_read_file(t->a, j->str, out, &t->diag);
}
