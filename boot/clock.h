/* The clock. Dates decide whether collateral and certificates hold, and the host controls both the RTC and the time servers that its DHCP
 * names; so neither is believed beyond bounds:
 *
 *   floor   never before CLOCK_BUILD_FLOOR, nor before the time that the sealed store has seen: an earlier clock is put there at once
 *   start   the kernel takes the RTC; that is the time to begin with
 *   step    network time may move the clock once, by at most CLOCK_STEP_MAX seconds either way, unless the RTC was below the floor:
 *           then it is useless and network time may move the clock forward without bound
 *   drift   later corrections are slewed, and all of them together are bounded by CLOCK_STEP_MAX too
 *
 * A lying host can still choose the time at start (see the threat model); it cannot go back behind what this KMS has seen, and it cannot
 * move a running KMS. */
#ifndef UKMS_BOOT_CLOCK_H
#define UKMS_BOOT_CLOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 2026-11-01T00:00:00Z: before any image that carries this line. Raised with releases. */
#define CLOCK_BUILD_FLOOR INT64_C(1793491200)
enum { CLOCK_STEP_MAX = 600 };

struct clock {
	int64_t floor;  /* seconds */
	bool rtc_wrong; /* the RTC was below the floor and nothing better has been seen since */
	int64_t moved;  /* microseconds, sum of the corrections by network time while running (after the first), absolute */
	bool stepped;
};

/* What network time may do. */
enum clock_move { CLOCK_KEEP, CLOCK_STEP, CLOCK_SLEW };

/* Raises the floor and, if now (seconds) is below it, says to what the clock must be set: true, *set. */
bool clock_raise_floor(struct clock *c, int64_t floor, int64_t now, int64_t *set);

/* An answer of a time server. now, offset: microseconds. CLOCK_STEP or CLOCK_SLEW: apply the offset; it is then accounted for. CLOCK_KEEP
 * with an empty d: nothing to do; else d says why the answer is refused. */
enum clock_move clock_judge(struct clock *c, int64_t now, int64_t offset, struct diag *d);

/* The same on the system's clock. */
int clock_apply_floor(struct clock *c, int64_t floor, struct diag *d);
/* Asks the servers in turn until one answers and does what clock_judge() allows. ERR_MISSING if none answers. */
int clock_sync(struct clock *c, const uint32_t *servers, size_t count, struct diag *d);

#endif
