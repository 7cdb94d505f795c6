/* The bounded writer: builds messages in a caller-owned buffer. A write past the end sets `full` and writes nothing; the caller asks
 * wr_ok() once, at the end. */
#ifndef UKMS_BASE_WR_H
#define UKMS_BASE_WR_H

#include "base/span.h"

struct wr {
	uint8_t *p;
	size_t cap;
	size_t len;
	bool full;
};

static inline struct wr wr_to(void *buf, size_t cap)
{
	return (struct wr){(uint8_t *)buf, cap, 0, false};
}

static inline bool wr_ok(const struct wr *w)
{
	return !w->full;
}

static inline struct span wr_span(const struct wr *w)
{
	return (struct span){w->p, w->len};
}

void wr_bytes(struct wr *w, const void *p, size_t n);
void wr_put(struct wr *w, struct span s);
void wr_str(struct wr *w, const char *s);
void wr_zero(struct wr *w, size_t n);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16le(struct wr *w, uint16_t v);
void wr_u32le(struct wr *w, uint32_t v);
void wr_u64le(struct wr *w, uint64_t v);
void wr_u16be(struct wr *w, uint16_t v);
void wr_u24be(struct wr *w, uint32_t v);
void wr_u32be(struct wr *w, uint32_t v);
void wr_u64be(struct wr *w, uint64_t v);
/* lower-case hex of s */
void wr_hex(struct wr *w, struct span s);
/* printf; no NUL is counted */
void wr_fmt(struct wr *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
