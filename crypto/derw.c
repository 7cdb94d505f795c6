#include "crypto/derw.h"

#include <stdio.h>

size_t derw_open(struct wr *w, uint8_t tag)
{
	wr_u8(w, tag);
	return w->len;
}

void derw_close(struct wr *w, size_t mark)
{
	if (w->full)
		return;
	size_t n = w->len - mark;
	uint8_t head[5];
	size_t h = 0;
	if (n < 0x80) {
		head[h++] = (uint8_t)n;
	} else {
		size_t bytes = n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;
		head[h++] = (uint8_t)(0x80 | bytes);
		for (size_t i = bytes; i-- > 0;)
			head[h++] = (uint8_t)(n >> (8 * i));
	}
	wr_zero(w, h);
	if (w->full || n > 0xffffff) {
		w->full = true;
		return;
	}
	memmove(w->p + mark + h, w->p + mark, n);
	memcpy(w->p + mark, head, h);
}

void derw_element(struct wr *w, uint8_t tag, struct span content)
{
	size_t m = derw_open(w, tag);
	wr_put(w, content);
	derw_close(w, m);
}

void derw_unsigned(struct wr *w, struct span v)
{
	while (v.n > 1 && v.p[0] == 0)
		v = SPAN(v.p + 1, v.n - 1);
	size_t m = derw_open(w, DER_INTEGER);
	if (v.n == 0 || v.p[0] & 0x80)
		wr_u8(w, 0);
	wr_put(w, v);
	derw_close(w, m);
}

/* Gregorian date of a day number (days since 1970-01-01), by 400-year eras that begin on March 1. */
static void civil(int64_t day, int *year, int *month, int *dom)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*dom = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

void derw_time(struct wr *w, int64_t t)
{
	enum { DAY = 86400 };
	/* 0000-01-01 to 9999-12-31 */
	if (t < -62167219200 || t > 253402300799) {
		w->full = true;
		return;
	}
	int64_t day = t / DAY - (t % DAY < 0);
	int s = (int)(t - day * DAY), year, month, dom;
	civil(day, &year, &month, &dom);
	bool utc = year >= 1950 && year <= 2049;
	size_t m = derw_open(w, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	if (utc)
		wr_fmt(w, "%02d", year % 100);
	else
		wr_fmt(w, "%04d", year);
	wr_fmt(w, "%02d%02d%02d%02d%02dZ", month, dom, s / 3600, s / 60 % 60, s % 60);
	derw_close(w, m);
}
