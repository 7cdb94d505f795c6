#include "kms/rpc/page.h"

#include <time.h>

#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include "crypto/hash.h"
#include "kms/rpc/attestation_info.h"

/* kms/rpc/page.html as it stands; {{name}} is a value, escaped for HTML. */
__asm__(".section .rodata\n"
	".globl page_html\n"
	"page_html: .incbin \"kms/rpc/page.html\"\n"
	".globl page_html_end\n"
	"page_html_end: .byte 0\n"
	".previous\n");
extern const uint8_t page_html[], page_html_end[];

enum { PAGE_MAX = 64 * 1024 };

struct values {
	const struct kms *kms;
	const struct attestation_info_response *info;
	struct auth_info auth;
	const char *problem; /* why info is missing, or "" */
	struct arena *a;
};

/* --- values ----------------------------------------------------------------------------------------------------------------------- */

static struct span hex0x(struct arena *a, struct span bytes)
{
	const char *text = hex_encode_in(a, bytes), *whole = text && *text ? arena_fmt(a, "0x%s", text) : "";
	return whole ? SPAN_STR(whole) : SPAN_LIT("");
}

static struct span value_title(const struct values *v)
{
	return *v->kms->config->site_name ? SPAN_STR(v->kms->config->site_name) : SPAN_LIT("dstack KMS Setup");
}
static struct span value_problem(const struct values *v)
{
	const char *text = *v->problem ? arena_fmt(v->a, "Attestation info: %s", v->problem) : "";
	return text ? SPAN_STR(text) : SPAN_LIT("");
}
static struct span value_mode(const struct values *v)
{
	return v->info->attestation_mode;
}
static struct span value_device_id(const struct values *v)
{
	return hex0x(v->a, v->info->device_id);
}
static struct span value_mr_aggregated(const struct values *v)
{
	return hex0x(v->a, v->info->mr_aggregated);
}
static struct span value_os_image_hash(const struct values *v)
{
	return hex0x(v->a, v->info->os_image_hash);
}
static struct span value_ppid(const struct values *v)
{
	const char *text = hex_encode_in(v->a, v->info->ppid);
	return text ? SPAN_STR(text) : SPAN_LIT("");
}
static struct span value_contract(const struct values *v)
{
	return v->auth.kms_contract_address.n ? v->auth.kms_contract_address : SPAN_LIT("");
}
static struct span value_eth_rpc_url(const struct values *v)
{
	return v->auth.eth_rpc_url.n ? v->auth.eth_rpc_url : SPAN_LIT("");
}
static struct span value_chain_id(const struct values *v)
{
	char *text = v->auth.has_chain_id ? arena_fmt(v->a, "%llu", (unsigned long long)v->auth.chain_id) : NULL;
	return text ? SPAN_STR(text) : SPAN_LIT("");
}
static struct span value_policy(const struct values *v)
{
	return SPAN_STR(v->kms->auth.is_dev ? "dev: everything is allowed" : url_public(v->a, v->kms->config->auth_webhook_url));
}
static struct span value_state(const struct values *v)
{
	return v->kms->set_up ? SPAN_LIT("done") : SPAN_LIT("new");
}
static struct span value_version(const struct values *v)
{
	(void)v;
	return SPAN_LIT(UKMS_VERSION);
}

static const struct {
	const char *name;
	struct span (*value)(const struct values *v);
} table[] = {
	{"title", value_title},
	{"problem", value_problem},
	{"mode", value_mode},
	{"device_id", value_device_id},
	{"mr_aggregated", value_mr_aggregated},
	{"os_image_hash", value_os_image_hash},
	{"ppid", value_ppid},
	{"contract", value_contract},
	{"eth_rpc_url", value_eth_rpc_url},
	{"chain_id", value_chain_id},
	{"policy", value_policy},
	{"state", value_state},
	{"version", value_version},
};

/* --- filling in ------------------------------------------------------------------------------------------------------------------- */

static void escaped(struct wr *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			wr_str(w, "&amp;");
			break;
		case '<':
			wr_str(w, "&lt;");
			break;
		case '>':
			wr_str(w, "&gt;");
			break;
		case '"':
			wr_str(w, "&quot;");
			break;
		case '\'':
			wr_str(w, "&#39;");
			break;
		default:
			wr_u8(w, s.p[i]);
		}
	}
}

static void fill(struct wr *w, struct span html, const struct values *v)
{
	struct rd r = rd_from(html);
	while (r.left) {
		uint8_t c = rd_u8(&r);
		struct rd ahead = r;
		if (c != '{' || rd_u8(&ahead) != '{') {
			wr_u8(w, c);
			continue;
		}
		const uint8_t *from = ahead.p;
		size_t n = 0;
		while (ahead.left && rd_peek(&ahead) != '}') {
			rd_skip(&ahead, 1);
			n++;
		}
		rd_skip(&ahead, 2);
		for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
			if (span_is(SPAN(from, n), table[i].name))
				escaped(w, table[i].value(v));
		r = ahead;
	}
}

/* What stands between two tags of the page. */
static struct span between(struct span html, const char *open, const char *close)
{
	const uint8_t *from = memmem(html.p, html.n, open, strlen(open));
	if (!from)
		return SPAN(NULL, 0);
	from += strlen(open);
	const uint8_t *to = memmem(from, html.n - (size_t)(from - html.p), close, strlen(close));
	return to ? SPAN(from, (size_t)(to - from)) : SPAN(NULL, 0);
}

/* Only the page's own script and style run, and only this server is talked to. */
static const char *policy(struct arena *a, struct span html)
{
	uint8_t script[SHA256_LEN], style[SHA256_LEN];
	sha256(between(html, "<script>", "</script>"), script);
	sha256(between(html, "<style>", "</style>"), style);
	const char *s = base64_encode_in(a, SPAN_ARR(script)), *t = base64_encode_in(a, SPAN_ARR(style));
	return s && t ? arena_fmt(
				a,
				"Content-Security-Policy: default-src 'self'; script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri "
				"'none'; "
				"form-action 'self'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n",
				s, t)
		      : NULL;
}

void page_serve(struct kms *k, const struct http_request *req, struct http_response *resp)
{
	/* cppcheck-suppress comparePointers ; one object, named by the linker at both ends */
	struct span html = SPAN(page_html, (size_t)(page_html_end - page_html));
	struct attestation_info_response info = {0};
	struct values v = {.kms = k, .info = &info, .problem = "", .a = req->arena};
	struct diag d = {0}, unasked;
	if (attestation_info(k, req->arena, time(NULL), &info, &d)) {
		info = (struct attestation_info_response){0};
		v.problem = d.text;
	}
	if (k->auth.info(k->auth.self, req->arena, &v.auth, &unasked))
		v.auth = (struct auth_info){0};
	uint8_t *p = arena_alloc(req->arena, PAGE_MAX);
	const char *headers = policy(req->arena, html);
	struct wr w = wr_to(p, p ? PAGE_MAX : 0);
	fill(&w, html, &v);
	if (!wr_ok(&w) || !headers) {
		*resp = (struct http_response){
			.status = 500, .content_type = "text/plain; charset=utf-8", .body = SPAN_LIT("out of memory\n")};
		return;
	}
	*resp = (struct http_response){.status = 200, .content_type = "text/html; charset=utf-8", .extra = headers, .body = wr_span(&w)};
}
