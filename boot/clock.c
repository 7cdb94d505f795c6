#include "boot/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "base/log.h"
#include "boot/sntp.h"

enum { SLEW_LEAST_US = 1000, SLEW_MOST_US = 500000, ASK_MS = 1000 };

static const int64_t second = 1000000;

bool clock_raise_floor(struct clock *c, int64_t floor, int64_t now, int64_t *set)
{
	if (floor > c->floor)
		c->floor = floor;
	if (now >= c->floor)
		return false;
	c->rtc_wrong = true;
	*set = c->floor;
	return true;
}

enum clock_move clock_judge(struct clock *c, int64_t now, int64_t offset, struct diag *d)
{
	int64_t size = offset < 0 ? -offset : offset, bound = CLOCK_STEP_MAX * second;
	diag_clear(d);
	if ((now + offset) / second < c->floor) {
		diag_set(d, "network time is before what has been seen: %lld s from now", (long long)(offset / second));
		return CLOCK_KEEP;
	}
	if (!c->stepped && c->rtc_wrong && offset > 0) {
		c->stepped = true;
		c->rtc_wrong = false;
		return CLOCK_STEP;
	}
	if (size > bound - c->moved) {
		diag_set(d, "network time differs by %lld s, at most %lld s are allowed", (long long)(offset / second),
			 (long long)((bound - c->moved) / second));
		return CLOCK_KEEP;
	}
	if (!c->stepped && size > SLEW_MOST_US) {
		c->stepped = true;
		c->moved += size;
		return CLOCK_STEP;
	}
	c->stepped = true;
	if (size < SLEW_LEAST_US)
		return CLOCK_KEEP;
	/* a larger one is worked off in parts, one for each time that it is asked */
	c->moved += size < SLEW_MOST_US ? size : SLEW_MOST_US;
	return CLOCK_SLEW;
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * second + t.tv_nsec / 1000;
}

static int set_us(int64_t us, struct diag *d)
{
	struct timespec t = {.tv_sec = us / second, .tv_nsec = us % second * 1000};
	return clock_settime(CLOCK_REALTIME, &t) == 0 ? 0 : diag_fail(d, ERR_IO, "cannot set the clock: %s", strerror(errno));
}

int clock_apply_floor(struct clock *c, int64_t floor, struct diag *d)
{
	int64_t set;
	if (!clock_raise_floor(c, floor, now_us() / second, &set))
		return 0;
	log_warn("clock", "the clock is before what has been seen: it is put forward to=%lld", (long long)set);
	return set_us(set * second, d);
}

static int apply(enum clock_move move, int64_t offset, struct diag *d)
{
	if (move == CLOCK_STEP) {
		int e = set_us(now_us() + offset, d);
		log_info("clock", "set by network time offset_ms=%lld", (long long)(offset / 1000));
		return e;
	}
	long part = offset > SLEW_MOST_US ? SLEW_MOST_US : offset < -SLEW_MOST_US ? -SLEW_MOST_US : (long)offset;
	struct timex t = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = part};
	return adjtimex(&t) >= 0 ? 0 : diag_fail(d, ERR_IO, "cannot slew the clock: %s", strerror(errno));
}

int clock_sync(struct clock *c, const uint32_t *servers, size_t count, struct diag *d)
{
	int e = diag_fail(d, ERR_MISSING, "no time server is named");
	for (size_t i = 0; i < count; i++) {
		int64_t offset;
		e = sntp_ask(servers[i], ASK_MS, &offset, d);
		if (e)
			continue;
		enum clock_move move = clock_judge(c, now_us(), offset, d);
		if (move != CLOCK_KEEP)
			return apply(move, offset, d);
		return d->text[0] ? ERR_REFUSED : 0;
	}
	return e;
}
