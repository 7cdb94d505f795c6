#include "kms/attest/image.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "kms/attest/evidence.h"
#include "kms/attest/nsm.h"
#include "kms/attest/rules.h"
#include "kms/attest/snp.h"
#include "kms/attest/tpm_quote.h"
#include "kms/attest/vm_config.h"
#include "kms/wire/cbor_tree.h"

enum { UKI_EVENT = 2, BOOT_PCR_EVENTS_MAX = 4, IMAGE_HASH_LEN = 32 };

static int differ(struct arena *a, const char *what, const char *as, struct span want, struct span got, struct diag *d)
{
	const char *w = hex_encode_in(a, want), *g = hex_encode_in(a, got);
	return diag_fail(d, ERR_REFUSED, "%s mismatch: expected=%s, %s=%s", what, w ? w : "?", as, g ? g : "?");
}

/* A map member of exactly 32 bytes in a CBOR document. */
static int measured_hash(struct arena *a, struct span document, const char *name, bool versioned, struct span *out, struct diag *d)
{
	const struct cbt *map;
	int e = cbt_parse(a, document, &map, d);
	if (e)
		return diag_wrap(d, e, "measurement document");
	if (map->type != CBT_MAP)
		return diag_fail(d, ERR_INPUT, "measurement document is not a map");
	const struct cbt *version = cbt_get(map, "version"), *hash = cbt_get(map, name);
	if (versioned && (!version || version->type != CBT_UINT))
		return diag_fail(d, ERR_INPUT, "measurement document has no version");
	if (versioned && version->value != 1)
		return diag_fail(d, ERR_UNSUPPORTED, "measurement document has an unsupported version %llu",
				 (unsigned long long)version->value);
	if (!hash || hash->type != CBT_BYTES || hash->str.n != IMAGE_HASH_LEN)
		return diag_fail(d, ERR_INPUT, "measurement document: %s is missing or not %d bytes", name, (int)IMAGE_HASH_LEN);
	*out = hash->str;
	return 0;
}

/* PCR 0 is the known firmware, and the UKI is the third thing in the boot PCR. The replay of the whole PCR was compared with the quote when
 * the evidence was verified, which fixes the position. */
static int check_uki(const struct attest_ctx *ctx, struct arena *a, const struct verified *v, struct span uki, struct diag *d)
{
	const struct evidence *ev = v->evidence;
	if (!ctx->gcp.pcr0_any && memcmp(ev->measured.pcr0, ctx->gcp.pcr0, sizeof ctx->gcp.pcr0) != 0)
		return differ(a, "PCR 0", "actual", SPAN_ARR(ctx->gcp.pcr0), SPAN_ARR(ev->measured.pcr0), d);
	struct span event = tpm_boot_event(&ev->tpm, ctx->gcp.boot_pcr, UKI_EVENT);
	if (!event.p)
		return diag_fail(d, ERR_REFUSED, "Event 28 not found: PCR %u has fewer than three events", ctx->gcp.boot_pcr);
	if (!span_eq(event, uki))
		return differ(a, "UKI hash", "actual", uki, event, d);
	return 0;
}

/* An add-on of systemd-stub can replace the initial file system without changing the UKI's hash; the firmware logs it behind the UKI.
 * Neither release looks there. A UKI has one event of its own behind it, the kernel inside; a single PE has none. */
static int check_nothing_added(const struct attest_ctx *ctx, const struct verified *v, struct diag *d)
{
	if (!attest_rule_holds(&ctx->rules, RULE_BOOT_PCR_EVENTS))
		return 0;
	if (tpm_boot_event(&v->evidence->tpm, ctx->gcp.boot_pcr, BOOT_PCR_EVENTS_MAX).p)
		return diag_fail(d, ERR_REFUSED, "PCR %u has more than %d events: something was loaded beside the UKI", ctx->gcp.boot_pcr,
				 (int)BOOT_PCR_EVENTS_MAX);
	return 0;
}

static int check_gcp(const struct attest_ctx *ctx, enum image_form form, struct arena *a, const struct verified *v,
		     const struct vm_config *cfg, struct diag *d)
{
	struct span uki;
	int e = form == IMAGE_AUTO ? check_nothing_added(ctx, v, d) : 0;
	if (e)
		return e;
	if (form == IMAGE_JANUARY || (form == IMAGE_AUTO && !cfg->gcp.present))
		return check_uki(ctx, a, v, cfg->os_image_hash, d);
	if (!cfg->gcp.present)
		return diag_fail(d, ERR_REFUSED, "gcp tdx attestation requires vm_config.gcp_measurement");
	e = release_bind(cfg->os_image_hash, cfg->gcp.checksum_file, cfg->gcp.measurement, "measurement.gcp.cbor", d);
	if (!e)
		e = measured_hash(a, cfg->gcp.measurement, "uki_auth", true, &uki, d);
	return e ? e : check_uki(ctx, a, v, uki, d);
}

static int check_nitro(const struct attest_ctx *ctx, enum image_form form, struct arena *a, const struct verified *v,
		       const struct vm_config *cfg, struct diag *d)
{
	uint8_t hash[IMAGE_HASH_LEN];
	bool debug;
	int e = nsm_image_hash(v->evidence->measured.nsm, hash, &debug, d);
	if (e)
		return e;
	bool refuse = form == IMAGE_AUGUST || (form == IMAGE_AUTO && attest_rule_holds(&ctx->rules, RULE_NITRO_DEBUG));
	if (debug && refuse)
		return diag_fail(d, ERR_REFUSED, "the enclave runs in debug mode");
	if (debug)
		memset(hash, 0, sizeof hash);
	if (!span_eq(cfg->os_image_hash, SPAN_ARR(hash)))
		return differ(a, "os_image_hash", "computed", cfg->os_image_hash, SPAN_ARR(hash), d);
	return 0;
}

static int check_nitro_tpm(struct arena *a, const struct verified *v, const struct vm_config *cfg, struct diag *d)
{
	static const unsigned boot_pcrs[] = {4, 7, 12};
	const struct nsm_doc *doc = v->evidence->measured.nsm;
	uint8_t all[3 * NSM_PCR_LEN], digest[SHA256_LEN];
	struct span want;
	if (!cfg->aws.present)
		return diag_fail(d, ERR_REFUSED, "aws nitro tpm attestation requires vm_config.aws_measurement");
	int e = release_bind(cfg->os_image_hash, cfg->aws.checksum_file, cfg->aws.measurement, "measurement.aws.cbor", d);
	if (!e)
		e = measured_hash(a, cfg->aws.measurement, "boot_pcr_digest", false, &want, d);
	if (e)
		return e;
	for (size_t i = 0; i < 3; i++) {
		struct span v1 = nsm_pcr(doc, boot_pcrs[i]);
		if (!v1.p)
			return diag_fail(d, ERR_REFUSED, "PCR %u not found", boot_pcrs[i]);
		memcpy(all + i * NSM_PCR_LEN, v1.p, NSM_PCR_LEN);
	}
	sha256(SPAN_ARR(all), digest);
	return span_eq(want, SPAN_ARR(digest)) ? 0 : differ(a, "boot PCR digest", "actual", want, SPAN_ARR(digest), d);
}

bool image_check_applies(enum image_form form, enum variant v, const struct vm_config *cfg)
{
	switch (v) {
	case VARIANT_GCP_TDX:
	case VARIANT_NITRO:
		return true;
	case VARIANT_NITRO_TPM:
	case VARIANT_SEV_SNP:
		return form != IMAGE_JANUARY;
	case VARIANT_TDX:
		return form != IMAGE_JANUARY && cfg->lite;
	}
	return false;
}

int image_check_as(const struct attest_ctx *ctx, enum image_form form, struct arena *a, const struct verified *v, struct span vm_config,
		   struct diag *d)
{
	struct vm_config cfg;
	struct span text = vm_config.n ? vm_config : v->config;
	int e = vm_config_parse(a, text, v->preview, &cfg, d);
	if (e)
		return e;
	if (!image_check_applies(form, v->variant, &cfg))
		return diag_fail(d, ERR_UNSUPPORTED, "images of %s cannot be checked: %s", variant_name(v->variant),
				 v->variant == VARIANT_TDX ? "legacy dstack-tdx takes QEMU's ACPI tables" : "January does not know it");
	switch (v->variant) {
	case VARIANT_GCP_TDX:
		return check_gcp(ctx, form, a, v, &cfg, d);
	case VARIANT_NITRO:
		return check_nitro(ctx, form, a, v, &cfg, d);
	case VARIANT_NITRO_TPM:
		return check_nitro_tpm(a, v, &cfg, d);
	case VARIANT_SEV_SNP:
		return snp_image_check(a, &v->evidence->measured.snp->report, text, d);
	case VARIANT_TDX:
		return image_check_lite(a, v, &cfg, d);
	}
	return diag_fail(d, ERR_INTERNAL, "unknown variant");
}

int image_check(const struct attest_ctx *ctx, struct arena *a, const struct verified *v, struct span vm_config, struct diag *d)
{
	return image_check_as(ctx, IMAGE_AUTO, a, v, vm_config, d);
}
