#include "crypto/x509.h"

#include "crypto/der.h"
#include "crypto/sig.h"
#include "crypto/x509_inner.h"

enum { EXTENSIONS_MAX = 256 /* real certificates have ten */ };
enum { VERSION_3 = 2, RSA_MIN_BYTES = 256, RSA_MAX_BYTES = 1024, RSA_EXPONENT_MAX_BYTES = 5 };

/* Extensions that 2.5 knows, by the last arc of 2.5.29.n. */
enum { EXT_KEY_USAGE = 15, EXT_SAN = 17, EXT_BASIC = 19, EXT_NAME_CONSTRAINTS = 30, EXT_CRL_POINTS = 31, EXT_EKU = 37 };

#define OID_SHA256   0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00
#define OID_SHA384   0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00
#define OID_SHA512   0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00
#define OID_PKCS1(n) 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, n
#define PSS(len, hash, salt)                                                                                                               \
	OID_PKCS1(0x0a), 0x30, len, 0xa0, 0x0f, 0x30, 0x0d, hash, 0xa1, 0x1c, 0x30, 0x1a, OID_PKCS1(0x08), 0x30, 0x0d, hash, 0xa2, 0x03,   \
		0x02, 0x01, salt

/* Contents of AlgorithmIdentifier, exactly. PSS comes without and, from AMD, with an explicit trailer field. */
#define ROW(alg, ...)                                                                                                                      \
	{                                                                                                                                  \
		alg, SPAN_ARR(((const uint8_t[]){__VA_ARGS__}))                                                                            \
	}
static const struct {
	enum x509_sig_alg alg;
	struct span der;
} algorithms[] = {
	ROW(X509_SIG_ECDSA_SHA256, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02),
	ROW(X509_SIG_ECDSA_SHA384, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03),
	ROW(X509_SIG_ED25519, 0x06, 0x03, 0x2b, 0x65, 0x70),
	ROW(X509_SIG_RSA_SHA256, OID_PKCS1(0x0b), 0x05, 0x00),
	ROW(X509_SIG_RSA_SHA384, OID_PKCS1(0x0c), 0x05, 0x00),
	ROW(X509_SIG_RSA_SHA512, OID_PKCS1(0x0d), 0x05, 0x00),
	ROW(X509_SIG_PSS_SHA256, PSS(0x34, OID_SHA256, 0x20)),
	ROW(X509_SIG_PSS_SHA384, PSS(0x34, OID_SHA384, 0x30)),
	ROW(X509_SIG_PSS_SHA512, PSS(0x34, OID_SHA512, 0x40)),
	ROW(X509_SIG_PSS_SHA256, PSS(0x39, OID_SHA256, 0x20), 0xa3, 0x03, 0x02, 0x01, 0x01),
	ROW(X509_SIG_PSS_SHA384, PSS(0x39, OID_SHA384, 0x30), 0xa3, 0x03, 0x02, 0x01, 0x01),
	ROW(X509_SIG_PSS_SHA512, PSS(0x39, OID_SHA512, 0x40), 0xa3, 0x03, 0x02, 0x01, 0x01),
};

static const struct {
	enum x509_key_type type;
	size_t point_len; /* 0: RSA */
	struct span der;
} key_types[] = {
	{X509_KEY_P256, 65, SPAN_LIT("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")},
	{X509_KEY_P384, 97, SPAN_LIT("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22")},
	{X509_KEY_ED25519, 32, SPAN_LIT("\x06\x03\x2b\x65\x70")},
	{X509_KEY_RSA, 0, SPAN_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")},
};

int x509_signed_parse(struct span der, struct rd *tbs, struct x509_signed *out, struct span *inner_alg, struct diag *d)
{
	struct rd r = rd_from(der);
	struct rd outer = der_open(&r, DER_SEQUENCE);
	struct rd peek = outer;
	out->tbs = der_whole(&outer, DER_SEQUENCE);
	*tbs = der_open(&peek, DER_SEQUENCE);
	*inner_alg = der_take(&outer, DER_SEQUENCE);
	out->signature = der_bits(&outer);
	if (!rd_done(&r) || !rd_done(&outer))
		return diag_fail(d, ERR_INPUT, "BadDer");
	out->alg = X509_SIG_OTHER;
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
		if (span_eq(*inner_alg, algorithms[i].der))
			out->alg = algorithms[i].alg;
	return 0;
}

static void parse_key(struct span spki, struct x509_key *out)
{
	struct rd outer = rd_from(spki);
	struct rd r = der_open(&outer, DER_SEQUENCE);
	struct span alg = der_take(&r, DER_SEQUENCE);
	struct span bits = der_bits(&r);
	*out = (struct x509_key){.type = X509_KEY_OTHER};
	if (!rd_done(&r))
		return;
	for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++) {
		if (!span_eq(alg, key_types[i].der))
			continue;
		if (key_types[i].point_len) {
			if (bits.n == key_types[i].point_len && (key_types[i].type == X509_KEY_ED25519 || bits.p[0] == 0x04))
				*out = (struct x509_key){.type = key_types[i].type, .point = bits};
			continue;
		}
		struct rd in = rd_from(bits);
		struct rd rsa = der_open(&in, DER_SEQUENCE);
		struct span n = der_unsigned(&rsa), e = der_unsigned(&rsa);
		if (!rd_done(&rsa) || !rd_done(&in) || n.n < RSA_MIN_BYTES || n.n > RSA_MAX_BYTES || e.n > RSA_EXPONENT_MAX_BYTES)
			continue;
		bool whole = n.n > RSA_MIN_BYTES || n.p[0] & 0x80; /* at least 2048 bits */
		bool odd = e.p[e.n - 1] & 1, above_one = e.n > 1 || e.p[0] > 1;
		if (whole && odd && above_one)
			*out = (struct x509_key){.type = X509_KEY_RSA, .modulus = n, .exponent = e};
	}
}

struct x509_ext x509_next_extension(struct rd *list)
{
	struct x509_ext x = {0};
	struct rd r = der_open(list, DER_SEQUENCE);
	x.oid = der_take(&r, DER_OID);
	if (der_is(&r, DER_BOOLEAN))
		x.critical = der_bool(&r);
	x.value = der_take(&r, DER_OCTET_STRING);
	if (!rd_done(&r))
		rd_fail(list);
	static const uint8_t id_ce[] = {0x55, 0x1d};
	if (rd_ok(list) && x.oid.n == 3 && memcmp(x.oid.p, id_ce, sizeof id_ce) == 0)
		x.ce = x.oid.p[2];
	return x;
}

/* BIT STRING with named bits, first bit = most significant. A malformed one grants nothing. */
static unsigned key_usage_bits(struct span value)
{
	struct rd outer = rd_from(value);
	struct rd r = der_open(&outer, DER_BIT_STRING);
	unsigned unused = rd_u8(&r), first = rd_u8(&r);
	if (!rd_done(&outer) || !rd_ok(&r) || unused > 7)
		return 0;
	unsigned bits = 0;
	for (unsigned i = 0; i < 8; i++)
		if (first & (0x80u >> i))
			bits |= 1u << i;
	return bits;
}

static bool basic_constraints(struct x509 *c, struct rd *r)
{
	if (der_is(r, DER_BOOLEAN))
		c->is_ca = der_bool(r);
	if (der_is(r, DER_INTEGER)) {
		uint64_t n = der_u64(r);
		if (n > 255)
			return false;
		c->path_len = (int)n;
	}
	return rd_done(r);
}

static int known_extension(struct x509 *c, const struct x509_ext *x, struct diag *d)
{
	struct rd outer = rd_from(x->value);
	if (x->ce == EXT_KEY_USAGE) {
		c->has_key_usage = true;
		c->key_usage = key_usage_bits(x->value);
		return 0;
	}
	struct rd r = der_open(&outer, DER_SEQUENCE);
	if (!rd_done(&outer))
		return diag_fail(d, ERR_INPUT, "BadDer: extension 2.5.29.%u", x->ce);
	switch (x->ce) {
	case EXT_BASIC:
		if (!basic_constraints(c, &r))
			return diag_fail(d, ERR_INPUT, "BadDer: basicConstraints");
		break;
	case EXT_EKU:
		c->has_eku = true;
		c->eku = rd_rest(&r);
		break;
	case EXT_CRL_POINTS:
		c->has_crl_points = true;
		c->crl_points = rd_rest(&r);
		break;
	case EXT_SAN:
		c->has_san = true;
		c->san = rd_rest(&r);
		break;
	default:
		c->has_name_constraints = true;
		break;
	}
	return 0;
}

static bool is_known(unsigned ce)
{
	return ce == EXT_KEY_USAGE || ce == EXT_SAN || ce == EXT_BASIC || ce == EXT_NAME_CONSTRAINTS || ce == EXT_CRL_POINTS ||
	       ce == EXT_EKU;
}

static int parse_extensions(struct x509 *c, struct diag *d)
{
	struct rd list = rd_from(c->extensions);
	uint64_t seen = 0;
	size_t count = 0;
	do {
		struct x509_ext x = x509_next_extension(&list);
		if (!rd_ok(&list))
			return diag_fail(d, ERR_INPUT, "BadDer: extensions");
		if (++count > EXTENSIONS_MAX)
			return diag_fail(d, ERR_LIMIT, "more than %d extensions", (int)EXTENSIONS_MAX);
		if (!is_known(x.ce)) {
			if (x.critical)
				return diag_fail(d, ERR_REFUSED, "UnsupportedCriticalExtension");
			continue;
		}
		if (seen & 1ull << x.ce)
			return diag_fail(d, ERR_REFUSED, "ExtensionValueInvalid: extension 2.5.29.%u occurs twice", x.ce);
		seen |= 1ull << x.ce;
		int e = known_extension(c, &x, d);
		if (e)
			return e;
	} while (list.left);
	return 0;
}

int x509_parse(struct span der, struct x509 *out, struct diag *d)
{
	struct rd r;
	struct span alg;
	*out = (struct x509){.der = der, .path_len = X509_NO_PATH_LEN};
	int e = x509_signed_parse(der, &r, &out->sig, &alg, d);
	if (e)
		return e;
	struct rd version = der_open(&r, DER_CONTEXT_CONS(0));
	if (der_u64(&version) != VERSION_3 || !rd_done(&version))
		return diag_fail(d, ERR_REFUSED, "UnsupportedCertVersion");
	out->serial = der_take(&r, DER_INTEGER);
	struct span inner_alg = der_take(&r, DER_SEQUENCE);
	out->issuer = der_whole(&r, DER_SEQUENCE);
	struct rd validity = der_open(&r, DER_SEQUENCE);
	out->not_before = der_time(&validity);
	out->not_after = der_time(&validity);
	out->subject = der_whole(&r, DER_SEQUENCE);
	out->spki = der_whole(&r, DER_SEQUENCE);
	if (!rd_ok(&r) || !rd_done(&validity) || out->serial.n == 0)
		return diag_fail(d, ERR_INPUT, "BadDer");
	if (!span_eq(alg, inner_alg))
		return diag_fail(d, ERR_REFUSED, "SignatureAlgorithmMismatch");
	parse_key(out->spki, &out->key);
	if (r.left) {
		struct rd tagged = der_open(&r, DER_CONTEXT_CONS(3));
		out->extensions = der_take(&tagged, DER_SEQUENCE);
		if (!rd_done(&r) || !rd_done(&tagged)) /* unique identifiers end here too */
			return diag_fail(d, ERR_INPUT, "BadDer");
		if ((e = parse_extensions(out, d)))
			return e;
	}
	return 0;
}

size_t x509_extension(const struct x509 *c, struct span oid, struct span *value)
{
	struct rd list = rd_from(c->extensions);
	size_t n = 0;
	while (list.left) {
		struct x509_ext x = x509_next_extension(&list);
		if (!rd_ok(&list) || !span_eq(x.oid, oid))
			continue;
		if (n++ == 0)
			*value = x.value;
	}
	return n;
}

bool x509_signature_ok(const struct x509_signed *s, const struct x509_key *key)
{
	static const enum sig_hash hash_of[] = {
		[X509_SIG_ECDSA_SHA256] = SIG_SHA256, [X509_SIG_ECDSA_SHA384] = SIG_SHA384, [X509_SIG_RSA_SHA256] = SIG_SHA256,
		[X509_SIG_RSA_SHA384] = SIG_SHA384,   [X509_SIG_RSA_SHA512] = SIG_SHA512,   [X509_SIG_PSS_SHA256] = SIG_SHA256,
		[X509_SIG_PSS_SHA384] = SIG_SHA384,   [X509_SIG_PSS_SHA512] = SIG_SHA512,   [X509_SIG_ECDSA_SHA256_RAW] = SIG_SHA256,
	};
	if (s->alg == X509_SIG_OTHER)
		return false;
	if (s->alg == X509_SIG_ED25519)
		return key->type == X509_KEY_ED25519 && ed25519_verify(key->point, s->tbs, s->signature);
	enum sig_hash h = hash_of[s->alg];
	uint8_t hash[64];
	sig_hash(h, s->tbs, hash);
	struct span digest = SPAN(hash, sig_hash_len(h));
	bool raw = s->alg == X509_SIG_ECDSA_SHA256_RAW, ecdsa = raw || s->alg == X509_SIG_ECDSA_SHA256 || s->alg == X509_SIG_ECDSA_SHA384;
	bool pss = s->alg == X509_SIG_PSS_SHA256 || s->alg == X509_SIG_PSS_SHA384 || s->alg == X509_SIG_PSS_SHA512;
	enum sig_curve curve = key->type == X509_KEY_P256 ? SIG_P256 : SIG_P384;
	switch (key->type) {
	case X509_KEY_P256:
	case X509_KEY_P384:
		return ecdsa && (raw ? ecdsa_verify_raw : ecdsa_verify_der)(curve, key->point, digest, s->signature);
	case X509_KEY_RSA:
		if (ecdsa)
			return false;
		return pss ? rsa_verify_pss(key->modulus, key->exponent, h, digest.n, digest, s->signature)
			   : rsa_verify_pkcs1(key->modulus, key->exponent, h, digest, s->signature);
	default:
		return false;
	}
}
