#include "base/civil.h"

#include "base/rd.h"

static bool leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first day of that year. */
static int64_t days_before_year(unsigned year)
{
	enum { DAYS_0_TO_1970 = 719528 };
	if (year == 0)
		return -DAYS_0_TO_1970;
	int64_t y = (int64_t)year - 1;
	return 366 + y * 365 + y / 4 - y / 100 + y / 400 - DAYS_0_TO_1970;
}

int64_t civil_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
	static const unsigned short before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	static const unsigned char days_in[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (year > 9999 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
		return CIVIL_INVALID;
	unsigned extra = leap(year) ? 1 : 0;
	if (day > days_in[month - 1] + (month == 2 ? extra : 0))
		return CIVIL_INVALID;
	int64_t days = days_before_year(year) + before[month - 1] + (month > 2 ? extra : 0) + day - 1;
	return days * 86400 + hour * 3600 + minute * 60 + second;
}

/* n decimal digits; marks the reader bad on anything else. */
static unsigned decimal(struct rd *r, unsigned n)
{
	unsigned v = 0;
	while (n-- > 0) {
		unsigned digit = (unsigned)rd_u8(r) - '0';
		if (digit > 9) {
			rd_fail(r);
			return 0;
		}
		v = 10 * v + digit;
	}
	return v;
}

static void expect(struct rd *r, const char *any_of)
{
	uint8_t c = rd_u8(r);
	if (c == 0 || !strchr(any_of, c))
		rd_fail(r);
}

/* Seconds east of UTC. */
static int64_t zone(struct rd *r)
{
	uint8_t sign = rd_u8(r);
	if (sign == 'Z' || sign == 'z')
		return 0;
	unsigned hours = decimal(r, 2);
	expect(r, ":");
	unsigned minutes = decimal(r, 2);
	if ((sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		rd_fail(r);
	int64_t east = hours * 3600 + minutes * 60;
	return sign == '-' ? -east : east;
}

bool rfc3339_parse(struct span text, int64_t *out)
{
	struct rd r = rd_from(text);
	unsigned year = decimal(&r, 4);
	expect(&r, "-");
	unsigned month = decimal(&r, 2);
	expect(&r, "-");
	unsigned day = decimal(&r, 2);
	expect(&r, "Tt ");
	unsigned hour = decimal(&r, 2);
	expect(&r, ":");
	unsigned minute = decimal(&r, 2);
	expect(&r, ":");
	unsigned second = decimal(&r, 2);
	if (rd_peek(&r) == '.') {
		rd_skip(&r, 1);
		do
			(void)decimal(&r, 1);
		while (rd_ok(&r) && rd_peek(&r) >= '0' && rd_peek(&r) <= '9');
	}
	int64_t east = zone(&r);
	/* A leap second is written as 60 and counts as the second before (chrono keeps it in the fraction). */
	int64_t t = civil_seconds(year, month, day, hour, minute, second == 60 ? 59 : second);
	if (!rd_done(&r) || t == CIVIL_INVALID)
		return false;
	*out = t - east;
	return true;
}
