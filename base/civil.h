/* Dates and times of day, as certificates and signed documents write them. */
#ifndef UKMS_BASE_CIVIL_H
#define UKMS_BASE_CIVIL_H

#include "base/span.h"

/* Seconds since the epoch of a date and time of day in UTC (proleptic Gregorian, years 0 to 9999, no leap seconds), or CIVIL_INVALID. */
#define CIVIL_INVALID INT64_MIN
int64_t civil_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);

/* RFC 3339 date-time with zone ("2026-01-02T03:04:05.678+01:00", "...Z"; T and Z in either case, a blank for T): whole seconds since the
 * epoch, rounded down. false if malformed. */
bool rfc3339_parse(struct span text, int64_t *out);

#endif
