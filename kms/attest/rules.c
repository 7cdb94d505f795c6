#include "kms/attest/rules.h"

const struct attest_rule_info attest_rule_table[ATTEST_RULES] = {
	[RULE_CONTAINER_TRAILING_BYTES] = {"container-trailing-bytes", true, false, "bytes behind a V0 container are refused"},
	[RULE_PCR_BANK] = {"pcr-bank-sha256", true, false, "a TPM quote selects the SHA-256 bank only"},
	[RULE_NITRO_FRESHNESS] = {"nitro-freshness", true, false, "an NSM document is at most an hour old"},
	[RULE_NITRO_DEBUG] = {"nitro-debug", true, false, "an enclave in debug mode is refused"},
	[RULE_NITRO_SIGNED_IDENTITY] = {"nitro-signed-identity", true, true, "no identity from a Nitro enclave's unsigned event list"},
	[RULE_APP_ID_LENGTH] = {"app-id-length", true, false, "an app id has 20 bytes"},
	[RULE_BOOT_PCR_EVENTS] = {"boot-pcr-events", true, true, "behind the UKI the boot PCR has one event at most"},
	[RULE_DCAP_AUGUST] = {"dcap-august", true, false, "vendor id, sorted TCB levels, TDX module identity, reserved attribute bits"},
};

bool attest_rule_holds(const struct attest_rules *rules, enum attest_rule r)
{
	if (rules->relaxed & UINT32_C(1) << r)
		return false;
	return rules->generation == GEN_COMPAT ? attest_rule_table[r].compat : attest_rule_table[r].strict;
}

bool attest_rule_relax(struct attest_rules *rules, struct span name)
{
	for (unsigned r = 0; r < ATTEST_RULES; r++) {
		if (!span_is(name, attest_rule_table[r].name))
			continue;
		rules->relaxed |= UINT32_C(1) << r;
		return true;
	}
	return false;
}
