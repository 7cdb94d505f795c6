#include "kms/attest/replay.h"

#include <bearssl.h>
#include <stdio.h>

#include "kms/attest/evidence.h"

static const br_hash_class *const classes[] = {
	[SIG_SHA256] = &br_sha256_vtable,
	[SIG_SHA384] = &br_sha384_vtable,
	[SIG_SHA512] = &br_sha512_vtable,
};

/* A string of RFC 8785: the two-character escapes where JSON has them, \u00xx for the other control characters, all else as it is. */
static void put_string(event_sink put, void *self, struct span s)
{
	put(self, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		static const char plain[] = "\"\\\b\f\n\r\t", shortly[] = "\"\\bfnrt";
		const char *at = c ? strchr(plain, c) : NULL;
		char esc[8];
		if (at) {
			esc[0] = '\\';
			esc[1] = shortly[at - plain];
			put(self, esc, 2);
		} else if (c < 0x20) {
			put(self, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", c));
		} else {
			put(self, &c, 1);
		}
	}
	put(self, "\"", 1);
}

void event_canonical(const struct runtime_event *e, event_sink put, void *self)
{
	static const char digits[] = "0123456789abcdef";
	put(self, "{\"name\":", 8);
	put_string(put, self, e->name);
	put(self, ",\"payload\":\"", 12);
	for (size_t i = 0; i < e->payload.n; i++) {
		char pair[2] = {digits[e->payload.p[i] >> 4], digits[e->payload.p[i] & 15]};
		put(self, pair, 2);
	}
	put(self, "\",\"type\":134217729}", 19);
}

struct hashing {
	const br_hash_class *class;
	br_hash_compat_context ctx;
};

static void feed(void *self, const void *p, size_t n)
{
	struct hashing *h = self;
	h->class->update(&h->ctx.vtable, p, n);
}

void event_digest(const struct runtime_event *e, enum sig_hash hash, uint8_t out[64])
{
	static const uint8_t type_le[4] = {EVENT_TYPE_RUNTIME & 0xff, EVENT_TYPE_RUNTIME >> 8 & 0xff, EVENT_TYPE_RUNTIME >> 16 & 0xff,
					   EVENT_TYPE_RUNTIME >> 24};
	struct hashing h = {.class = classes[hash]};
	h.class->init(&h.ctx.vtable);
	if (e->version == 2) {
		event_canonical(e, feed, &h);
	} else {
		feed(&h, type_le, sizeof type_le);
		feed(&h, ":", 1);
		feed(&h, e->name.p, e->name.n);
		feed(&h, ":", 1);
		feed(&h, e->payload.p, e->payload.n);
	}
	h.class->out(&h.ctx.vtable, out);
}

void register_extend(enum sig_hash hash, uint8_t reg[64], struct span digest)
{
	struct hashing h = {.class = classes[hash]};
	h.class->init(&h.ctx.vtable);
	feed(&h, reg, sig_hash_len(hash));
	feed(&h, digest.p, digest.n);
	h.class->out(&h.ctx.vtable, reg);
}

void events_replay(const struct runtime_event *events, size_t count, enum sig_hash h, const char *upto, uint8_t out[64])
{
	uint8_t digest[64];
	memset(out, 0, 64);
	for (size_t i = 0; i < count; i++) {
		event_digest(&events[i], h, digest);
		register_extend(h, out, SPAN(digest, sig_hash_len(h)));
		if (upto && span_is(events[i].name, upto))
			break;
	}
}

struct span events_find(const struct runtime_event *events, size_t count, const char *name)
{
	for (size_t i = 0; i < count && !span_is(events[i].name, "system-ready"); i++)
		if (span_is(events[i].name, name))
			return events[i].payload;
	return SPAN(NULL, 0);
}
