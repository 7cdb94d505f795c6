/* TCG event logs, crypto-agile form: the firmware's TPM log (binary_bios_measurements) and the TDX one (ACPI table CCEL).
 *
 * An iterator over borrowed bytes; nothing is allocated or copied. Source: attestation 3.1, 4.4; TCG PC Client Platform Firmware
 * Profile 10.2. Digest sizes go by algorithm id (SHA-1, SHA-256, SHA-384, SHA-512), not by what the header claims; another id, or a count
 * or length above 65536, is malformed. */
#ifndef UKMS_DRIVERS_TCG_LOG_H
#define UKMS_DRIVERS_TCG_LOG_H

#include "base/err.h"
#include "base/rd.h"

enum tcg_alg { TCG_SHA1 = 0x0004, TCG_SHA256 = 0x000b, TCG_SHA384 = 0x000c, TCG_SHA512 = 0x000d };
enum { TCG_EV_NO_ACTION = 3, TCG_EV_SEPARATOR = 4, TCG_LOG_MAX = 1 << 20 /* bytes of one log that are read */ };

struct tcg_log {
	struct rd r;
	size_t count; /* records handed out, for messages */
};

struct tcg_event {
	uint32_t index; /* TPM log: the PCR. CCEL: the measurement register index, see tcg_ccel_rtmr() */
	uint32_t type;
	uint32_t digest_count;
	struct span digests; /* digest_count times { u16 algorithm, digest } */
	struct span data;
};

/* Takes the spec-id record off the front. bytes must outlive l. ERR_INPUT. */
int tcg_log_open(struct tcg_log *l, struct span bytes, struct diag *d);
/* The next record, of any type: 1. The end (end of input, or index 0xFFFFFFFF): 0. ERR_INPUT. */
int tcg_log_next(struct tcg_log *l, struct tcg_event *e, struct diag *d);
/* The first digest of that algorithm; an empty span if there is none. */
struct span tcg_event_digest(const struct tcg_event *e, enum tcg_alg alg);

/* CCEL: the RTMR 0..3 of an event, or -1 for MRTD (index 0) and beyond. */
static inline int tcg_ccel_rtmr(const struct tcg_event *e)
{
	return e->index >= 1 && e->index <= 4 ? (int)e->index - 1 : -1;
}

#endif
