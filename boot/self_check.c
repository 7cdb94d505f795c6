#include "boot/self_check.h"

#include "base/text.h"
#include "drivers/tcg_log.h"
#include "kms/attest/vm_config.h"

enum { UKI_EVENT = 2 };

static int find_uki(struct span bios_log, unsigned boot_pcr, uint8_t uki[32], struct diag *d)
{
	struct tcg_log log;
	struct tcg_event event;
	int e = tcg_log_open(&log, bios_log, d);
	if (e)
		return e;
	for (unsigned seen = 0; (e = tcg_log_next(&log, &event, d)) == 1;) {
		if (event.index != boot_pcr || event.type == TCG_EV_NO_ACTION || seen++ != UKI_EVENT)
			continue;
		struct span digest = tcg_event_digest(&event, TCG_SHA256);
		if (digest.n != 32)
			return diag_fail(d, ERR_INPUT, "the UKI's event has no SHA-256 digest");
		memcpy(uki, digest.p, 32);
		return 0;
	}
	return e ? e : diag_fail(d, ERR_INPUT, "PCR %u has no event %d", boot_pcr, UKI_EVENT);
}

/* measurement.gcp.cbor is one deterministic form (image.md 1.4). */
static int claimed_uki(const struct vm_config *c, struct span *out, struct diag *d)
{
	static const uint8_t head[] = {0xa2, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n',  0x01, 0x68,
				       'u',  'k',  'i', '_', 'a', 'u', 't', 'h', 0x58, 0x20};
	if (!c->gcp.present) {
		*out = c->os_image_hash;
		return 0;
	}
	int e = release_bind(c->os_image_hash, c->gcp.checksum_file, c->gcp.measurement, "measurement.gcp.cbor", d);
	if (e)
		return e;
	struct span m = c->gcp.measurement;
	if (m.n != sizeof head + 32 || memcmp(m.p, head, sizeof head) != 0)
		return diag_fail(d, ERR_INPUT, "measurement.gcp.cbor is malformed");
	*out = SPAN(m.p + sizeof head, 32);
	return 0;
}

int self_check(struct arena *a, struct span bios_log, struct span vm_config, unsigned boot_pcr, uint8_t uki[32], struct diag *d)
{
	struct vm_config c;
	struct span claimed;
	int e = find_uki(bios_log, boot_pcr, uki, d);
	if (e)
		return diag_wrap(d, e, "TPM event log");
	e = vm_config_parse(a, vm_config, false, &c, d);
	if (!e)
		e = claimed_uki(&c, &claimed, d);
	if (e)
		return diag_wrap(d, e, ".sys-config.json: vm_config");
	if (span_eq(claimed, SPAN(uki, 32)))
		return 0;
	char *says = hex_encode_in(a, claimed), *is = hex_encode_in(a, SPAN(uki, 32));
	return diag_fail(d, ERR_REFUSED, ".sys-config.json: vm_config names image %s, and %s was booted", says ? says : "", is ? is : "");
}
