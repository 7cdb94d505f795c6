/* From verified evidence to the identity that policy sees (attestation specification 7.1, 7.2). */
#include <bearssl.h>

#include "base/text.h"
#include "base/wr.h"
#include "crypto/hash.h"
#include "kms/attest/evidence.h"
#include "kms/attest/nsm.h"
#include "kms/attest/replay.h"
#include "kms/attest/rules.h"
#include "kms/attest/snp.h"
#include "kms/attest/vm_config.h"

enum { APP_ID_LEN = 20 };

static bool all_zero(struct span s)
{
	unsigned any = 0;
	for (size_t i = 0; i < s.n; i++)
		any |= s.p[i];
	return any == 0;
}

/* SHA-256 over the parts, one after the other. */
static void hash_parts(const struct span *parts, size_t n, uint8_t out[32])
{
	br_sha256_context c;
	br_sha256_init(&c);
	for (size_t i = 0; i < n; i++)
		br_sha256_update(&c, parts[i].p, parts[i].n);
	br_sha256_out(&c, out);
}
#define HASH_PARTS(out, ...)                                                                                                               \
	hash_parts((const struct span[]){__VA_ARGS__}, sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span), out)

static void derive_tdx(const struct measured *m, struct span r3, struct boot_info *b)
{
	HASH_PARTS(b->mr_system, m->mr_td, m->rtmr[0], m->rtmr[1], m->rtmr[2], SPAN_ARR(b->mr_key_provider));
	b->mr_config_tail = !all_zero(m->mr_config_id) || !all_zero(m->mr_owner) || !all_zero(m->mr_owner_config);
	static const struct span none = {NULL, 0};
	HASH_PARTS(b->mr_aggregated, m->mr_td, m->rtmr[0], m->rtmr[1], m->rtmr[2], r3, b->mr_config_tail ? m->mr_config_id : none,
		   b->mr_config_tail ? m->mr_owner : none, b->mr_config_tail ? m->mr_owner_config : none);
}

static void derive_gcp(const struct measured *m, struct span p14, struct boot_info *b)
{
	HASH_PARTS(b->mr_system, b->os_image_hash, SPAN_ARR(b->mr_key_provider));
	HASH_PARTS(b->mr_aggregated, SPAN_ARR(m->pcr0), SPAN_ARR(m->pcr_boot), p14);
}

static void derive_nitro(const struct measured *m, struct boot_info *b)
{
	b->compose_hash = b->os_image_hash;
	HASH_PARTS(b->mr_system, nsm_pcr(m->nsm, 0), nsm_pcr(m->nsm, 1), nsm_pcr(m->nsm, 2));
	memcpy(b->mr_aggregated, b->mr_system, sizeof b->mr_aggregated);
}

static void derive_nitro_tpm(const struct measured *m, struct span p14, struct boot_info *b)
{
	struct span p4 = nsm_pcr(m->nsm, 4), p7 = nsm_pcr(m->nsm, 7), p12 = nsm_pcr(m->nsm, 12);
	HASH_PARTS(b->mr_system, p4, p7, p12, SPAN_ARR(b->mr_key_provider));
	HASH_PARTS(b->mr_aggregated, p4, p7, p12, p14);
}

static void derive_snp(const struct measured *m, struct boot_info *b)
{
	b->app_id = m->snp->document.app_id;
	b->compose_hash = m->snp->document.compose_hash;
	b->instance_id = m->snp->document.instance_id;
	b->key_provider_info = m->snp->key_provider_info;
	memcpy(b->mr_system, m->snp->mr_system, sizeof b->mr_system);
	memcpy(b->mr_aggregated, m->snp->mr_aggregated, sizeof b->mr_aggregated);
}

static int check_rules(const struct verified *v, const struct boot_info *b, struct diag *d)
{
	if (v->variant == VARIANT_NITRO && attest_rule_holds(&v->rules, RULE_NITRO_SIGNED_IDENTITY))
		return diag_fail(d, ERR_REFUSED, "nothing signs the app id of a Nitro enclave (rule %s)",
				 attest_rule_table[RULE_NITRO_SIGNED_IDENTITY].name);
	if (b->app_id.n != APP_ID_LEN && attest_rule_holds(&v->rules, RULE_APP_ID_LENGTH))
		return diag_fail(d, ERR_REFUSED, "app_id must be %d bytes", (int)APP_ID_LEN);
	return 0;
}

int boot_info_derive(struct arena *a, const struct verified *v, struct span vm_config, bool boottime, struct boot_info *out, struct diag *d)
{
	const struct measured *m = &v->evidence->measured;
	struct vm_config cfg;
	*out = (struct boot_info){.variant = v->variant};
	int e = vm_config_parse(a, vm_config.n ? vm_config : v->config, v->preview, &cfg, d);
	if (e)
		return e;
	const char *upto = boottime ? "boot-mr-done" : NULL;
	bool sha384 = v->variant == VARIANT_TDX || v->variant == VARIANT_NITRO_TPM;
	enum sig_hash h = sha384 ? SIG_SHA384 : SIG_SHA256;
	uint8_t reg[64];
	events_replay(v->events, v->event_count, h, upto, reg);
	struct span replayed = SPAN(reg, sig_hash_len(h));

	out->os_image_hash = cfg.os_image_hash;
	out->app_id = events_find(v->events, v->event_count, "app-id");
	out->compose_hash = events_find(v->events, v->event_count, "compose-hash");
	out->instance_id = events_find(v->events, v->event_count, "instance-id");
	if (!boottime)
		out->key_provider_info = events_find(v->events, v->event_count, "key-provider");
	if (out->key_provider_info.n)
		sha256(out->key_provider_info, out->mr_key_provider);
	sha256(v->device, out->device_id);
	out->ppid = v->device;
	out->tcb_status = v->tcb_status;
	out->advisories = v->advisories;
	out->advisory_count = v->advisory_count;
	switch (v->variant) {
	case VARIANT_TDX:
		derive_tdx(m, replayed, out);
		break;
	case VARIANT_GCP_TDX:
		derive_gcp(m, replayed, out);
		break;
	case VARIANT_NITRO:
		derive_nitro(m, out);
		break;
	case VARIANT_NITRO_TPM:
		derive_nitro_tpm(m, replayed, out);
		break;
	case VARIANT_SEV_SNP:
		derive_snp(m, out);
		break;
	}
	return v->preview ? 0 : check_rules(v, out, d);
}

/* Text between quotes; what tcb_status and advisories hold came from signed JSON and may need escapes. */
static void put_text(struct wr *w, struct span s)
{
	wr_u8(w, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			wr_fmt(w, "\\%c", s.p[i]);
		else if (s.p[i] < 0x20)
			wr_fmt(w, "\\u%04x", s.p[i]);
		else
			wr_u8(w, s.p[i]);
	}
	wr_u8(w, '"');
}

static void put_member(struct wr *w, const char *name, struct span bytes)
{
	wr_fmt(w, "%s\"%s\":\"", w->len > 1 ? "," : "", name);
	wr_hex(w, bytes);
	wr_u8(w, '"');
}

struct span boot_info_json_as(struct arena *a, const struct boot_info *b, bool mode, bool variant)
{
	size_t cap = 1024 +
		     2 * (b->os_image_hash.n + b->app_id.n + b->compose_hash.n + b->instance_id.n + b->key_provider_info.n + b->ppid.n) +
		     6 * b->tcb_status.n;
	for (size_t i = 0; i < b->advisory_count; i++)
		cap += 6 * b->advisories[i].n + 3;
	uint8_t *buf = arena_alloc(a, cap);
	if (!buf)
		return SPAN(NULL, 0);
	struct wr w = wr_to(buf, cap);
	wr_u8(&w, '{');
	if (mode)
		wr_fmt(&w, "\"attestationMode\":\"%s\"", variant_name(b->variant));
	if (variant)
		wr_fmt(&w, "%s\"teeVariant\":\"%s\"", mode ? "," : "", variant_name(b->variant));
	put_member(&w, "mrAggregated", SPAN_ARR(b->mr_aggregated));
	put_member(&w, "osImageHash", b->os_image_hash);
	put_member(&w, "mrSystem", SPAN_ARR(b->mr_system));
	put_member(&w, "appId", b->app_id);
	put_member(&w, "composeHash", b->compose_hash);
	put_member(&w, "instanceId", b->instance_id);
	/* the chip id itself on SEV-SNP, its hash elsewhere (7.1) */
	put_member(&w, "deviceId", b->variant == VARIANT_SEV_SNP ? b->ppid : SPAN_ARR(b->device_id));
	put_member(&w, "keyProviderInfo", b->key_provider_info);
	wr_str(&w, ",\"tcbStatus\":");
	put_text(&w, b->tcb_status);
	wr_str(&w, ",\"advisoryIds\":[");
	for (size_t i = 0; i < b->advisory_count; i++) {
		if (i)
			wr_u8(&w, ',');
		put_text(&w, b->advisories[i]);
	}
	wr_str(&w, "]}");
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}

struct span boot_info_json(struct arena *a, const struct boot_info *b)
{
	return boot_info_json_as(a, b, true, true);
}
