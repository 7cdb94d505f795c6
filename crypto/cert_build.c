#include "crypto/cert_build.h"

#include <arpa/inet.h>

#include "base/wr.h"
#include "crypto/derw.h"
#include "crypto/hash.h"

/* Everything of a certificate but names and custom extensions is shorter than this. */
enum { FIXED_MAX = 1024, SERIAL_LEN = 20 };

static const uint8_t oid_org[] = {0x55, 0x04, 0x0a}, oid_cn[] = {0x55, 0x04, 0x03};
static const uint8_t oid_ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t oid_alt_name[] = {0x55, 0x1d, 0x11}, oid_key_usage[] = {0x55, 0x1d, 0x0f}, oid_ext_key_usage[] = {0x55, 0x1d, 0x25};
static const uint8_t oid_subject_key_id[] = {0x55, 0x1d, 0x0e}, oid_basic_constraints[] = {0x55, 0x1d, 0x13};
static const uint8_t oid_server_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
static const uint8_t oid_client_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
/* 1.3.6.1.4.1.62397.1 */
static const uint8_t oid_arc[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xe7, 0x3d, 0x01};

static void attribute(struct wr *w, struct span oid, struct span value)
{
	size_t set = derw_open(w, DER_SET), seq = derw_open(w, DER_SEQUENCE);
	derw_element(w, DER_OID, oid);
	derw_element(w, DER_UTF8_STRING, value);
	derw_close(w, seq);
	derw_close(w, set);
}

static void name(struct wr *w, const struct cert_name *n)
{
	size_t seq = derw_open(w, DER_SEQUENCE);
	if (n->org.p)
		attribute(w, SPAN_ARR(oid_org), n->org);
	attribute(w, SPAN_ARR(oid_cn), n->cn);
	derw_close(w, seq);
}

struct span cert_name_der(struct arena *a, const struct cert_name *n)
{
	size_t cap = n->org.n + n->cn.n + 64;
	uint8_t *p = arena_alloc(a, cap);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, cap);
	name(&w, n);
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}

static void algorithm(struct wr *w)
{
	size_t seq = derw_open(w, DER_SEQUENCE);
	derw_element(w, DER_OID, SPAN_ARR(oid_ecdsa_sha256));
	derw_close(w, seq);
}

/* Opens an extension up to the content of its extnValue; *seq is closed after the returned mark. */
static size_t extension(struct wr *w, struct span oid, bool critical, size_t *seq)
{
	static const uint8_t yes[] = {0xff};
	*seq = derw_open(w, DER_SEQUENCE);
	derw_element(w, DER_OID, oid);
	if (critical)
		derw_element(w, DER_BOOLEAN, SPAN_ARR(yes));
	return derw_open(w, DER_OCTET_STRING);
}

static void extension_end(struct wr *w, size_t value, size_t seq)
{
	derw_close(w, value);
	derw_close(w, seq);
}

static int alt_names(struct wr *w, const struct cert_spec *spec, struct diag *d)
{
	enum { SAN_DNS = DER_CONTEXT(2), SAN_IP = DER_CONTEXT(7), LITERAL_MAX = 45 };
	size_t ext, value = extension(w, SPAN_ARR(oid_alt_name), false, &ext), seq = derw_open(w, DER_SEQUENCE);
	for (size_t i = 0; i < spec->alt_name_count; i++) {
		struct span s = spec->alt_names[i];
		char text[LITERAL_MAX + 1] = {0};
		uint8_t ip[16];
		bool literal = s.n > 0 && s.n <= LITERAL_MAX && !memchr(s.p, 0, s.n);
		if (literal)
			memcpy(text, s.p, s.n);
		if (literal && inet_pton(AF_INET, text, ip) == 1) {
			derw_element(w, SAN_IP, SPAN(ip, 4));
		} else if (literal && inet_pton(AF_INET6, text, ip) == 1) {
			derw_element(w, SAN_IP, SPAN(ip, 16));
		} else {
			for (size_t k = 0; k < s.n; k++)
				if (s.p[k] >= 0x80)
					return diag_fail(d, ERR_INPUT, "alternative name %zu is not ASCII", i);
			derw_element(w, SAN_DNS, s);
		}
	}
	derw_close(w, seq);
	extension_end(w, value, ext);
	return 0;
}

static void ext_key_usage(struct wr *w, const struct cert_spec *spec)
{
	size_t ext, value = extension(w, SPAN_ARR(oid_ext_key_usage), false, &ext), seq = derw_open(w, DER_SEQUENCE);
	if (spec->server_auth)
		derw_element(w, DER_OID, SPAN_ARR(oid_server_auth));
	if (spec->client_auth)
		derw_element(w, DER_OID, SPAN_ARR(oid_client_auth));
	derw_close(w, seq);
	extension_end(w, value, ext);
}

static void ca_extensions(struct wr *w, const struct cert_spec *spec)
{
	static const uint8_t is_ca[] = {0x01, 0x01, 0xff};
	uint8_t hash[SHA256_LEN];
	size_t ext, value = extension(w, SPAN_ARR(oid_subject_key_id), false, &ext);
	sha256(spec->spki, hash);
	derw_element(w, DER_OCTET_STRING, SPAN(hash, 20));
	extension_end(w, value, ext);

	value = extension(w, SPAN_ARR(oid_basic_constraints), true, &ext);
	size_t seq = derw_open(w, DER_SEQUENCE);
	wr_put(w, SPAN_ARR(is_ca));
	derw_element(w, DER_INTEGER, SPAN(&spec->path_len, 1));
	derw_close(w, seq);
	extension_end(w, value, ext);
}

/* extnValue holds an OCTET STRING that again holds an OCTET STRING: clients expect both. */
static void custom(struct wr *w, uint8_t last_arc, struct span content)
{
	uint8_t oid[sizeof oid_arc + 1];
	if (!content.p)
		return;
	memcpy(oid, oid_arc, sizeof oid_arc);
	oid[sizeof oid_arc] = last_arc;
	size_t ext, value = extension(w, SPAN_ARR(oid), false, &ext);
	derw_element(w, DER_OCTET_STRING, content);
	extension_end(w, value, ext);
}

static int extensions(struct wr *w, const struct cert_spec *spec, struct diag *d)
{
	/* The three-byte bit string is what clients have always seen. */
	static const uint8_t usage_leaf[] = {0x03, 0x03, 0x07, 0x80, 0x00}, usage_ca[] = {0x03, 0x03, 0x07, 0x86, 0x00};
	size_t tagged = derw_open(w, DER_CONTEXT_CONS(3)), seq = derw_open(w, DER_SEQUENCE), ext;
	int e;
	if (spec->alt_name_count && (e = alt_names(w, spec, d)))
		return e;
	size_t value = extension(w, SPAN_ARR(oid_key_usage), true, &ext);
	wr_put(w, spec->ca ? SPAN_ARR(usage_ca) : SPAN_ARR(usage_leaf));
	extension_end(w, value, ext);
	if (spec->server_auth || spec->client_auth)
		ext_key_usage(w, spec);
	if (spec->ca)
		ca_extensions(w, spec);
	custom(w, 3, spec->app_id);
	custom(w, 9, spec->app_info);
	custom(w, 4, spec->usage);
	custom(w, 8, spec->attestation);
	derw_close(w, seq);
	derw_close(w, tagged);
	return 0;
}

static void serial(struct wr *w, struct span spki)
{
	uint8_t hash[SHA256_LEN];
	sha256(SPAN(spki.p + spki.n - P256_POINT_LEN, P256_POINT_LEN), hash);
	hash[0] &= 0x7f;
	derw_unsigned(w, SPAN(hash, SERIAL_LEN));
}

static int tbs(struct wr *w, const struct cert_spec *spec, struct span issuer, struct diag *d)
{
	static const uint8_t version3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
	size_t seq = derw_open(w, DER_SEQUENCE);
	wr_put(w, SPAN_ARR(version3));
	serial(w, spec->spki);
	algorithm(w);
	wr_put(w, issuer);
	size_t validity = derw_open(w, DER_SEQUENCE);
	derw_time(w, spec->not_before);
	derw_time(w, spec->not_after);
	derw_close(w, validity);
	name(w, &spec->subject);
	wr_put(w, spec->spki);
	int e = extensions(w, spec, d);
	derw_close(w, seq);
	return e;
}

static bool is_p256_spki(struct span spki)
{
	uint8_t like[P256_SPKI_LEN];
	if (spki.n != P256_SPKI_LEN)
		return false;
	p256_spki(spki.p + P256_SPKI_LEN - P256_POINT_LEN, like);
	return memcmp(like, spki.p, P256_SPKI_LEN) == 0;
}

int cert_build(struct arena *a, const struct cert_spec *spec, struct span issuer, const struct p256_key *signer, struct span *der,
	       struct diag *d)
{
	if (!is_p256_spki(spec->spki))
		return diag_fail(d, ERR_INPUT, "the public key is not on P-256");
	if (spec->not_before > spec->not_after)
		return diag_fail(d, ERR_INPUT, "not_after is before not_before");
	if (spec->not_before < 0 || spec->not_after > 253402300799)
		return diag_fail(d, ERR_INPUT, "validity does not fit an X.509 time");
	size_t cap = FIXED_MAX + issuer.n + spec->subject.org.n + spec->subject.cn.n + spec->app_id.n + spec->app_info.n + spec->usage.n +
		     spec->attestation.n;
	for (size_t i = 0; i < spec->alt_name_count; i++)
		cap += spec->alt_names[i].n + 16;
	uint8_t *body = arena_alloc(a, cap), *whole = arena_alloc(a, cap + P256_SIG_MAX + 64);
	if (!body || !whole)
		return diag_fail(d, ERR_LIMIT, "certificate does not fit the memory of this request");
	struct wr b = wr_to(body, cap), w = wr_to(whole, cap + P256_SIG_MAX + 64);
	int e = tbs(&b, spec, issuer, d);
	if (e)
		return e;
	uint8_t sig[P256_SIG_MAX];
	if (wr_ok(&b)) {
		size_t n = p256_sign(signer, wr_span(&b), sig), seq = derw_open(&w, DER_SEQUENCE);
		wr_put(&w, wr_span(&b));
		algorithm(&w);
		size_t bits = derw_open(&w, DER_BIT_STRING);
		wr_u8(&w, 0);
		wr_bytes(&w, sig, n);
		derw_close(&w, bits);
		derw_close(&w, seq);
	}
	if (!wr_ok(&b) || !wr_ok(&w))
		return diag_fail(d, ERR_LIMIT, "certificate is too large");
	*der = wr_span(&w);
	return 0;
}
