#include "kms/attest/pccs.h"

#include "base/json.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include "crypto/x509.h"

static const char intel[] = "https://api.trustedservices.intel.com";

/* What each kind is called and which header carries its issuers. */
static const struct {
	const char *chain_header, *other_header; /* NULL: none */
	const char *member;                      /* of the JSON answer */
} kinds[] = {
	[PCCS_ROOT_CRL] = {NULL, NULL, NULL},
	[PCCS_PCK_CRL] = {"SGX-PCK-CRL-Issuer-Chain", NULL, NULL},
	[PCCS_TCB_INFO] = {"SGX-TCB-Info-Issuer-Chain", "TCB-Info-Issuer-Chain", "tcbInfo"},
	[PCCS_QE_IDENTITY] = {"SGX-Enclave-Identity-Issuer-Chain", NULL, "enclaveIdentity"},
	[PCCS_PCK_CERT] = {"SGX-PCK-Certificate-Issuer-Chain", NULL, NULL},
};

static int full(struct diag *d)
{
	return diag_fail(d, ERR_LIMIT, "collateral needs more memory than it may use");
}

static bool drop_end(struct span *s, const char *end)
{
	size_t n = strlen(end);
	if (s->n < n || memcmp(s->p + s->n - n, end, n) != 0)
		return false;
	s->n -= n;
	return true;
}

int pccs_normalise(const char *url, char out[PCCS_URL_MAX], struct diag *d)
{
	struct span s = SPAN_STR(url);
	while (drop_end(&s, "/"))
		continue;
	drop_end(&s, "/sgx/certification/v4");
	drop_end(&s, "/tdx/certification/v4");
	if (s.n == 0 || s.n >= PCCS_URL_MAX)
		return diag_fail(d, ERR_CONFIG, "the PCCS URL is empty or too long");
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

static void upper_hex(struct wr *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		wr_fmt(w, "%02X", s.p[i]);
}

static void hex_argument(struct wr *w, const char *name, struct span s)
{
	wr_str(w, name);
	upper_hex(w, s);
}

/* Certification data of types 2 and 3: encrypted PPID, CPUSVN, PCESVN, PCEID. */
struct ppid_data {
	struct span ppid, cpu_svn, pce_svn, pce_id, qe_id;
};

static int ppid_data(const struct quote *q, struct ppid_data *out, struct diag *d)
{
	struct rd r = rd_from(q->cert_data), user = rd_from(q->user_data);
	out->ppid = rd_bytes(&r, q->cert_type == QUOTE_CERT_PPID_2048 ? 256 : 384);
	out->cpu_svn = rd_bytes(&r, 16);
	out->pce_svn = rd_bytes(&r, 2);
	out->pce_id = rd_bytes(&r, 2);
	out->qe_id = rd_bytes(&user, 16);
	return rd_done(&r) && rd_ok(&user) ? 0 : diag_fail(d, ERR_INPUT, "Certification data of the quote has another size than its type");
}

static int pck_cert_path(struct wr *w, const struct quote *q, struct diag *d)
{
	struct ppid_data p;
	int e = ppid_data(q, &p, d);
	if (e)
		return e;
	wr_str(w, "/sgx/certification/v4/pckcert");
	hex_argument(w, "?qeid=", p.qe_id);
	hex_argument(w, "&encrypted_ppid=", p.ppid);
	hex_argument(w, "&cpusvn=", p.cpu_svn);
	hex_argument(w, "&pcesvn=", p.pce_svn);
	hex_argument(w, "&pceid=", p.pce_id);
	return 0;
}

int pccs_path(const struct pccs_request *q, char out[PCCS_PATH_MAX], struct diag *d)
{
	struct wr w = wr_to(out, PCCS_PATH_MAX);
	const char *tee = q->tdx ? "tdx" : "sgx";
	int e = 0;
	switch (q->kind) {
	case PCCS_ROOT_CRL:
		wr_str(&w, "/sgx/certification/v4/rootcacrl");
		break;
	case PCCS_PCK_CRL:
		wr_fmt(&w, "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", q->platform_ca ? "platform" : "processor");
		break;
	case PCCS_TCB_INFO:
		wr_fmt(&w, "/%s/certification/v4/tcb", tee);
		hex_argument(&w, "?fmspc=", q->fmspc);
		break;
	case PCCS_QE_IDENTITY:
		wr_fmt(&w, "/%s/certification/v4/qe/identity?update=standard", tee);
		break;
	case PCCS_PCK_CERT:
		e = pck_cert_path(&w, q->quote, d);
		break;
	}
	wr_u8(&w, 0);
	if (!e && !wr_ok(&w))
		e = diag_fail(d, ERR_LIMIT, "PCCS path is too long");
	return e;
}

static int get(const struct fetcher *f, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	int e = f->get(f->self, a, url, timeout_ms, out, d);
	if (e)
		return e;
	if (out->status < 200 || out->status > 299)
		return diag_fail(d, ERR_IO, "%.100s answered %d", url_public(a, url), out->status);
	return 0;
}

static struct span percent_decoded(struct arena *a, struct span s)
{
	struct rd r = rd_from(s);
	uint8_t *to = arena_alloc(a, s.n);
	size_t n = 0;
	while (to && r.left) {
		uint8_t c = rd_u8(&r);
		if (c == '%' && hex_decode(rd_bytes(&r, 2), &c, 1) != 1)
			return SPAN(NULL, 0);
		to[n++] = c;
	}
	return SPAN(to, n);
}

static int issuer_chain(struct arena *a, enum pccs_kind kind, const struct fetched *f, struct span *out, struct diag *d)
{
	struct span value;
	if (!fetched_header(f, kinds[kind].chain_header, &value) &&
	    !(kinds[kind].other_header && fetched_header(f, kinds[kind].other_header, &value)))
		return diag_fail(d, ERR_INPUT, "header %s is missing", kinds[kind].chain_header);
	*out = percent_decoded(a, value);
	return out->p ? 0 : diag_fail(d, ERR_INPUT, "header %s is not percent-encoded text", kinds[kind].chain_header);
}

/* {"<member>":{...},"signature":"hex"}: the object's text as served. */
static int signed_object(struct arena *a, const char *member, struct span body, struct pccs_document *out, struct diag *d)
{
	const struct json *j;
	struct span hex;
	int e = json_parse_repeats(a, body, &j, d);
	if (e)
		return e;
	const struct json *object = json_get(j, member);
	if (json_count(j, member) != 1 || object->type != JSON_OBJECT)
		return diag_fail(d, ERR_INPUT, "member '%s' is missing or no object", member);
	if (json_count(j, "signature") != 1 || !json_get_str(j, "signature", &hex))
		return diag_fail(d, ERR_INPUT, "member 'signature' is missing");
	out->body = object->raw;
	out->signature = hex_decode_in(a, hex);
	return out->signature.p ? 0 : diag_fail(d, ERR_INPUT, "member 'signature' is not hex");
}

/* The answer must be for the TCB that was asked for. */
static int check_tcbm(struct arena *a, const struct quote *q, const struct fetched *f, struct diag *d)
{
	struct span value;
	struct ppid_data p;
	if (!fetched_header(f, "SGX-TCBm", &value))
		return 0;
	int e = ppid_data(q, &p, d);
	struct rd r = rd_from(hex_decode_in(a, value));
	if (!e && (!span_eq(rd_bytes(&r, 16), p.cpu_svn) || !span_eq(rd_bytes(&r, 2), p.pce_svn) || !rd_done(&r)))
		e = diag_fail(d, ERR_REFUSED, "SGX-TCBm mismatch");
	return e;
}

static int pck_chain(struct arena *a, const struct quote *q, const struct fetched *f, struct pccs_document *out, struct diag *d)
{
	struct span issuers;
	int e = check_tcbm(a, q, f, d);
	if (e || (e = issuer_chain(a, PCCS_PCK_CERT, f, &issuers, d)))
		return e;
	size_t n = f->body.n + 1 + issuers.n;
	uint8_t *joined = arena_alloc(a, n);
	if (!joined)
		return full(d);
	struct wr w = wr_to(joined, n);
	wr_put(&w, f->body);
	wr_u8(&w, '\n');
	wr_put(&w, issuers);
	out->body = wr_span(&w);
	return 0;
}

static int from_root(const struct fetcher *f, struct arena *a, struct span uri, int timeout_ms, struct pccs_document *out, struct diag *d)
{
	struct fetched got;
	if (!uri.p)
		return diag_fail(d, ERR_MISSING, "the root certificate names no CRL");
	const char *url = arena_fmt(a, "%.*s", SPAN_FMT(uri));
	if (!url || memchr(uri.p, 0, uri.n))
		return diag_fail(d, ERR_INPUT, "the root certificate names an unusable CRL address");
	int e = get(f, a, url, timeout_ms, &got, d);
	if (!e)
		out->body = got.body;
	return e;
}

static int root_crl(const struct fetcher *f, struct arena *a, const char *base, const struct pccs_request *q, const char *url,
		    int timeout_ms, struct pccs_document *out, struct diag *d)
{
	struct fetched got;
	if (strcmp(base, intel) == 0 || get(f, a, url, timeout_ms, &got, d))
		return from_root(f, a, q->root_crl_uri, timeout_ms, out, d);
	while (got.body.n && strchr("\r\n \t", got.body.p[got.body.n - 1]))
		got.body.n--;
	out->body = hex_decode_in(a, got.body);
	return out->body.p ? 0 : diag_fail(d, ERR_INPUT, "root CRL is not hex");
}

static int other(const struct fetcher *f, struct arena *a, const struct pccs_request *q, const char *url, int timeout_ms,
		 struct pccs_document *out, struct diag *d)
{
	struct fetched got;
	int e = get(f, a, url, timeout_ms, &got, d);
	if (e)
		return e;
	if (q->kind == PCCS_PCK_CERT)
		return pck_chain(a, q->quote, &got, out, d);
	out->body = got.body;
	if (kinds[q->kind].member && (e = signed_object(a, kinds[q->kind].member, got.body, out, d)))
		return e;
	return issuer_chain(a, q->kind, &got, &out->chain, d);
}

int pccs_get(const struct fetcher *f, struct arena *a, const char *base, const struct pccs_request *q, int timeout_ms,
	     struct pccs_document *out, struct diag *d)
{
	char path[PCCS_PATH_MAX];
	*out = (struct pccs_document){0};
	int e = pccs_path(q, path, d);
	if (e)
		return e;
	const char *url = arena_fmt(a, "%s%s", base, path);
	if (!url)
		return full(d);
	e = q->kind == PCCS_ROOT_CRL ? root_crl(f, a, base, q, url, timeout_ms, out, d) : other(f, a, q, url, timeout_ms, out, d);
	return e ? diag_wrap(d, e, "Failed to get %.150s", url_public(a, url)) : 0;
}

bool pccs_is_platform_ca(struct span name)
{
	static const char processor[] = "Processor", platform[] = "Platform";
	struct span cn;
	if (!x509_common_name(name, &cn) || cn.n == 0 || memmem(cn.p, cn.n, processor, strlen(processor)))
		return false;
	return memmem(cn.p, cn.n, platform, strlen(platform)) != NULL;
}

struct span pccs_compact_json(struct arena *a, struct span text)
{
	uint8_t *to = arena_alloc(a, text.n);
	struct rd r = rd_from(text);
	bool quoted = false;
	size_t n = 0;
	while (to && r.left) {
		uint8_t c = rd_u8(&r);
		if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
			continue;
		to[n++] = c;
		if (quoted && c == '\\' && r.left)
			to[n++] = rd_u8(&r);
		else if (c == '"')
			quoted = !quoted;
	}
	return SPAN(to, n);
}
