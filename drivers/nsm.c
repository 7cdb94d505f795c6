#include "drivers/nsm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/rd.h"
#include "base/wr.h"

/* linux/nsm.h: struct nsm_raw, _IOWR(0x0A, 0x0, struct nsm_raw) */
struct nsm_raw {
	uint64_t request, request_len, response, response_len;
};
_Static_assert(sizeof(struct nsm_raw) == 32, "the ioctl number carries this size");
#define NSM_IOCTL_RAW _IOWR(0x0A, 0, struct nsm_raw)
_Static_assert(NSM_IOCTL_RAW == 0xc0200a00, "attestation, annex B");

enum { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_SIMPLE };
enum { MEMBERS_MAX = 16 };

int nsm_device_open(struct nsm *n, const char *path, struct diag *d)
{
	if (!path)
		path = "/dev/nsm";
	n->fd = open(path, O_RDWR | O_CLOEXEC);
	if (n->fd < 0)
		return diag_fail(d, errno == ENOENT ? ERR_MISSING : ERR_IO, "open %s: %s", path, strerror(errno));
	return 0;
}

void nsm_device_close(struct nsm *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static int ask(struct nsm *n, const struct wr *request, uint8_t response[NSM_RESPONSE_MAX], struct span *out, struct diag *d)
{
	struct nsm_raw raw = {(uintptr_t)request->p, request->len, (uintptr_t)response, NSM_RESPONSE_MAX};
	if (!wr_ok(request))
		return diag_fail(d, ERR_LIMIT, "NSM: request too long");
	if (ioctl(n->fd, NSM_IOCTL_RAW, &raw) != 0)
		return diag_fail(d, ERR_IO, "NSM: %s", strerror(errno));
	if (raw.response_len > NSM_RESPONSE_MAX)
		return diag_fail(d, ERR_IO, "NSM: answer of %llu bytes", (unsigned long long)raw.response_len);
	*out = SPAN(response, raw.response_len);
	return 0;
}

/* The head of one item: its type, and value or length. Definite lengths only, as the NSM writes. */
static unsigned head(struct rd *r, uint64_t *value)
{
	uint8_t first = rd_u8(r);
	unsigned info = first & 0x1f;
	*value = 0;
	if (info < 24)
		*value = info;
	else if (info == 24)
		*value = rd_u8(r);
	else if (info == 25)
		*value = rd_u16be(r);
	else if (info == 26)
		*value = rd_u32be(r);
	else if (info == 27)
		*value = rd_u64be(r);
	else
		rd_fail(r);
	return first >> 5;
}

/* A text or byte string of that type; fails the reader on anything else. */
static struct span string(struct rd *r, unsigned type)
{
	uint64_t n;
	if (head(r, &n) != type || n > r->left)
		rd_fail(r);
	return rd_bytes(r, (size_t)n);
}

static uint64_t map(struct rd *r)
{
	uint64_t n;
	if (head(r, &n) != CBOR_MAP || n > MEMBERS_MAX)
		rd_fail(r);
	return n;
}

/* {question: {..., member: bytes, ...}}; other members are scalars. */
static int member(struct span response, const char *question, const char *name, struct span *out, struct diag *d)
{
	struct rd r = rd_from(response);
	uint64_t n = map(&r), ignored;
	struct span kind = string(&r, CBOR_TEXT);
	bool found = false;
	*out = (struct span){0};
	if (n == 1 && span_is(kind, "Error")) {
		struct span why = string(&r, CBOR_TEXT);
		if (rd_done(&r))
			return diag_fail(d, ERR_IO, "NSM: %s: %.*s", question, SPAN_FMT(why));
	}
	if (n != 1 || !span_is(kind, question))
		rd_fail(&r);
	for (n = map(&r); n > 0 && rd_ok(&r); n--) {
		struct span key = string(&r, CBOR_TEXT);
		struct rd before = r;
		unsigned type = head(&r, &ignored);
		if (span_is(key, name)) {
			*out = string(&before, CBOR_BYTES);
			if (found || !rd_ok(&before))
				rd_fail(&r);
			found = true;
			r = rd_ok(&r) ? before : r;
		} else if (type == CBOR_BYTES || type == CBOR_TEXT) {
			(void)string(&before, type);
			r = before;
		} else if (type != CBOR_UINT && type != CBOR_NEGATIVE && type != CBOR_SIMPLE) {
			rd_fail(&r);
		}
	}
	if (!rd_done(&r) || !found) {
		*out = (struct span){0};
		return diag_fail(d, ERR_INPUT, "NSM: no answer to %s", question);
	}
	return 0;
}

int nsm_answer_attestation(struct span response, struct span *document, struct diag *d)
{
	return member(response, "Attestation", "document", document, d);
}

int nsm_answer_pcr(struct span response, uint8_t out[NSM_PCR_LEN], struct diag *d)
{
	struct span value;
	int r = member(response, "DescribePCR", "data", &value, d);
	if (!r && value.n != NSM_PCR_LEN)
		r = diag_fail(d, ERR_INPUT, "NSM: PCR of %zu bytes", value.n);
	if (!r)
		memcpy(out, value.p, NSM_PCR_LEN);
	return r;
}

/* Shortest heads: the NSM refuses others. */
static void put_head(struct wr *w, unsigned type, uint64_t n)
{
	if (n < 24) {
		wr_u8(w, (uint8_t)(type << 5 | n));
	} else if (n < 256) {
		wr_u8(w, (uint8_t)(type << 5 | 24));
		wr_u8(w, (uint8_t)n);
	} else {
		wr_u8(w, (uint8_t)(type << 5 | 25));
		wr_u16be(w, (uint16_t)n);
	}
}

static void put_text(struct wr *w, const char *text)
{
	put_head(w, CBOR_TEXT, strlen(text));
	wr_str(w, text);
}

enum { CBOR_NULL = 0xf6 };

int nsm_device_attest(struct nsm *n, struct arena *a, const uint8_t user_data[64], struct span *document, struct diag *d)
{
	uint8_t request[256], response[NSM_RESPONSE_MAX];
	struct wr w = wr_to(request, sizeof request);
	struct span answer;
	put_head(&w, CBOR_MAP, 1);
	put_text(&w, "Attestation");
	put_head(&w, CBOR_MAP, 3);
	put_text(&w, "user_data");
	put_head(&w, CBOR_BYTES, 64);
	wr_bytes(&w, user_data, 64);
	put_text(&w, "nonce");
	wr_u8(&w, CBOR_NULL);
	put_text(&w, "public_key");
	wr_u8(&w, CBOR_NULL);
	int r = ask(n, &w, response, &answer, d);
	if (!r)
		r = nsm_answer_attestation(answer, document, d);
	if (r)
		return r;
	*document = arena_dup(a, *document);
	return document->p ? 0 : diag_fail(d, ERR_LIMIT, "no room for an NSM document");
}

int nsm_device_pcr(struct nsm *n, unsigned index, uint8_t out[NSM_PCR_LEN], struct diag *d)
{
	uint8_t request[64], response[NSM_RESPONSE_MAX];
	struct wr w = wr_to(request, sizeof request);
	struct span answer;
	put_head(&w, CBOR_MAP, 1);
	put_text(&w, "DescribePCR");
	put_head(&w, CBOR_MAP, 1);
	put_text(&w, "index");
	put_head(&w, CBOR_UINT, index);
	int r = ask(n, &w, response, &answer, d);
	return r ? r : nsm_answer_pcr(answer, out, d);
}
