#include "kms/rpc/audit.h"

#include <sys/mman.h>

#include "base/wr.h"
#include "crypto/hash.h"
#include "kms/wire/json_out.h"

int audit_open(struct audit *l)
{
	memset(l, 0, sizeof *l);
	pthread_mutex_init(&l->lock, NULL);
	/* Untouched records cost nothing. */
	void *p = mmap(NULL, AUDIT_RECORDS * sizeof *l->ring, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return ERR_LIMIT;
	l->ring = p;
	return 0;
}

void audit_close(struct audit *l)
{
	if (l->ring)
		munmap(l->ring, AUDIT_RECORDS * sizeof *l->ring);
	l->ring = NULL;
}

/* Whatever a caller claims, a record stays within its bound. */
enum { VALUE_MAX = SECP_SIG_LEN, REASON_MAX = 160 };

static void member(struct wr *w, const char *name, struct span hex)
{
	if (hex.n > VALUE_MAX)
		hex.n = VALUE_MAX;
	wr_fmt(w, ",\"%s\":\"", name);
	wr_hex(w, hex);
	wr_u8(w, '"');
}

static void reason_member(struct wr *w, const char *reason)
{
	struct span s = SPAN_STR(reason);
	size_t len = s.n < REASON_MAX ? s.n : REASON_MAX;
	while (len < s.n && len > 0 && (s.p[len] & 0xc0) == 0x80)
		len--;
	wr_str(w, ",\"reason\":");
	json_out_string(w, SPAN(s.p, len));
}

static void record(struct wr *w, uint64_t n, int64_t now, const char *method, const struct boot_info *who, struct span peer,
		   const char *reason)
{
	wr_fmt(w, "{\"n\":%llu,\"time\":%lld,\"method\":\"%s\",\"decision\":\"%s\",\"peer\":", (unsigned long long)n, (long long)now,
	       method, reason ? "denied" : "released");
	json_out_string(w, peer);
	if (who) {
		wr_fmt(w, ",\"variant\":\"%s\"", variant_name(who->variant));
		member(w, "app_id", who->app_id);
		member(w, "instance_id", who->instance_id);
		member(w, "device_id", SPAN_ARR(who->device_id));
		member(w, "compose_hash", who->compose_hash);
		member(w, "os_image_hash", who->os_image_hash);
		member(w, "mr_aggregated", SPAN_ARR(who->mr_aggregated));
	}
	if (reason)
		reason_member(w, reason);
	wr_u8(w, '}');
}

/* Under the lock: the record with number n, whose text is in w. */
static void append(struct audit *l, struct audit_record *r, const struct wr *w)
{
	r->len = (uint16_t)w->len;
	sha256_2(SPAN_ARR(l->head), wr_span(w), r->hash);
	memcpy(l->head, r->hash, sizeof l->head);
	l->count++;
}

/* The place of the next record; the one that leaves it is remembered by its hash. */
static struct audit_record *next(struct audit *l)
{
	struct audit_record *r = &l->ring[(l->count + 1) % AUDIT_RECORDS];
	if (l->count - l->base >= AUDIT_RECORDS)
		memcpy(l->before, r->hash, sizeof l->before);
	return r;
}

void audit_begin(struct audit *l, int64_t now, const struct audit_head *previous, const char *why)
{
	pthread_mutex_lock(&l->lock);
	if (previous) {
		l->base = l->count = previous->n;
		memcpy(l->head, previous->hash, sizeof l->head);
		memcpy(l->before, previous->hash, sizeof l->before);
	}
	struct audit_record *r = next(l);
	struct wr w = wr_to(r->text, sizeof r->text);
	wr_fmt(&w, "{\"n\":%llu,\"time\":%lld,\"method\":\"start\",\"version\":\"%s\",\"previous\":", (unsigned long long)l->count + 1,
	       (long long)now, UKMS_VERSION);
	if (previous) {
		wr_fmt(&w, "{\"n\":%llu", (unsigned long long)previous->n);
		member(&w, "hash", SPAN_ARR(previous->hash));
		wr_fmt(&w, ",\"end\":\"%s\",\"rollback\":\"%s\"}}", previous->clean ? "clean" : "unknown",
		       previous->bounded ? "bounded" : "possible");
	} else {
		wr_str(&w, "null");
		reason_member(&w, why);
		wr_u8(&w, '}');
	}
	append(l, r, &w);
	pthread_mutex_unlock(&l->lock);
}

void audit_head_now(struct audit *l, struct audit_head *out)
{
	pthread_mutex_lock(&l->lock);
	*out = (struct audit_head){.n = l->count};
	memcpy(out->hash, l->head, sizeof out->hash);
	pthread_mutex_unlock(&l->lock);
}

void audit_stop(struct audit *l, struct audit_head *out)
{
	pthread_mutex_lock(&l->lock); /* for good */
	*out = (struct audit_head){.n = l->count, .clean = true};
	memcpy(out->hash, l->head, sizeof out->hash);
}

void audit_add(struct audit *l, int64_t now, const char *method, const struct boot_info *who, struct span peer, const char *reason)
{
	pthread_mutex_lock(&l->lock);
	struct audit_record *r = next(l);
	struct wr w = wr_to(r->text, sizeof r->text);
	record(&w, l->count + 1, now, method, who, peer, reason);
	append(l, r, &w);
	pthread_mutex_unlock(&l->lock);
}

struct span audit_export(struct audit *l, struct arena *a, const uint8_t k256_root[SECP_KEY_LEN])
{
	uint8_t message[64], sig[SECP_SIG_LEN], pub[SECP_PUB_LEN];
	struct span out = {NULL, 0};
	pthread_mutex_lock(&l->lock);
	uint64_t first = l->count - l->base > AUDIT_RECORDS ? l->count - AUDIT_RECORDS + 1 : l->base + 1;
	size_t cap = 1024;
	for (uint64_t n = first; n <= l->count; n++)
		cap += l->ring[n % AUDIT_RECORDS].len + 1u;
	struct wr m = wr_to(message, sizeof message);
	wr_str(&m, "ukms-audit-head:");
	wr_u64be(&m, l->count);
	wr_bytes(&m, l->head, sizeof l->head);
	uint8_t *p = arena_alloc(a, cap);
	if (p && secp_public(k256_root, pub) && secp_sign(k256_root, wr_span(&m), sig)) {
		struct wr w = wr_to(p, cap);
		wr_fmt(&w, "{\"sequence\":%llu,\"first\":%llu", (unsigned long long)l->count, (unsigned long long)first);
		member(&w, "before_first", SPAN_ARR(l->before));
		member(&w, "hash", SPAN_ARR(l->head));
		member(&w, "signature", SPAN_ARR(sig));
		member(&w, "k256_pubkey", SPAN_ARR(pub));
		wr_str(&w, "}\n");
		for (uint64_t n = first; n <= l->count; n++) {
			const struct audit_record *r = &l->ring[n % AUDIT_RECORDS];
			wr_bytes(&w, r->text, r->len);
			wr_u8(&w, '\n');
		}
		out = wr_ok(&w) ? wr_span(&w) : out;
	}
	pthread_mutex_unlock(&l->lock);
	return out;
}
