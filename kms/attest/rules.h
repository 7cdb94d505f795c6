/* The rules on which January 2026 and August 2026 differ and that a measured policy may relax, one by one, by name. */
#ifndef UKMS_KMS_ATTEST_RULES_H
#define UKMS_KMS_ATTEST_RULES_H

#include "kms/attest/attest.h"

enum attest_rule {
	RULE_CONTAINER_TRAILING_BYTES, /* bytes after a V0 container are refused */
	RULE_PCR_BANK,                 /* a TPM quote selects the SHA-256 bank only */
	RULE_NITRO_FRESHNESS,          /* an NSM document is at most an hour old and at most five minutes ahead */
	RULE_NITRO_DEBUG,              /* an enclave in debug mode has no image hash */
	RULE_NITRO_SIGNED_IDENTITY,    /* on Nitro, no identity from the event list that nothing signs */
	RULE_APP_ID_LENGTH,            /* an app id has 20 bytes */
	RULE_BOOT_PCR_EVENTS,          /* behind the UKI the boot PCR has the kernel inside it, and nothing else */
	RULE_DCAP_AUGUST,              /* vendor id, sorted TCB levels, TDX module identity, reserved attribute bits */
	ATTEST_RULES
};

struct attest_rule_info {
	const char *name;    /* "nitro-freshness" */
	bool strict, compat; /* enforced in that generation */
	const char *summary;
};
extern const struct attest_rule_info attest_rule_table[ATTEST_RULES];

/* true if the rule holds: enforced in rules->generation and not relaxed */
bool attest_rule_holds(const struct attest_rules *rules, enum attest_rule r);
/* Relaxes a rule by name; false for an unknown name. */
bool attest_rule_relax(struct attest_rules *rules, struct span name);

#endif
