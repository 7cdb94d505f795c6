#include "kms/client/get_keys.h"

#include "base/wipe.h"
#include "base/wr.h"
#include "crypto/der.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "kms/client/kms_client.h"
#include "kms/keys/certs.h"
#include "kms/keys/identity.h"
#include "kms/wire/json_out.h"

/* 1.3.6.1.4.1.62397.1.4 */
static const uint8_t oid_usage[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xe7, 0x3d, 0x01, 0x04};

static int parse_cert(struct arena *a, struct span pem, const char *what, struct x509 *out, struct diag *d)
{
	struct span der = pem_decode(a, "CERTIFICATE", pem);
	int e = der.p ? x509_parse(der, out, d) : diag_fail(d, ERR_INPUT, "no certificate in PEM form");
	return e ? diag_wrap(d, e, "Failed to parse %s", what) : 0;
}

/* The key and certificate that prove this application. */
static int introduce(const struct get_keys *g, struct arena *a, int64_t now, const struct get_temp_ca_cert_response *temp,
		     struct p256_key *key, struct span *cert, struct diag *d)
{
	struct x509 ca;
	struct p256_key ca_key;
	struct span evidence, key_der = pem_decode(a, "PRIVATE KEY", temp->temp_ca_key);
	int e = key_der.p ? p256_read_private(&ca_key, key_der, d) : diag_fail(d, ERR_INPUT, "no private key in PEM form");
	if (e)
		return diag_wrap(d, e, "Failed to parse tmp CA key");
	if ((e = parse_cert(a, temp->temp_ca_cert, "tmp CA certificate", &ca, d)))
		return e;
	p256_generate(key);
	if ((e = identity_evidence(&g->attester, key, a, &evidence, d)))
		return e;
	uint8_t spki[P256_SPKI_LEN];
	p256_spki(key->point, spki);
	struct cert_spec spec = {.subject = {.cn = SPAN_LIT("RA-TLS TEMP Cert")},
				 .spki = SPAN_ARR(spki),
				 .not_before = CERT_NOT_BEFORE,
				 .not_after = now + CERT_LIFETIME,
				 .app_id = g->app_id.n ? g->app_id : SPAN(NULL, 0),
				 .attestation = evidence};
	e = cert_build(a, &spec, ca.subject, &ca_key, cert, d);
	p256_wipe(&ca_key);
	return e ? diag_wrap(d, e, "Failed to sign certificate") : 0;
}

/* The server must be a KMS, not something else under the same root. */
static int check_usage(struct span leaf, struct diag *d)
{
	struct x509 c;
	struct span value;
	int e = x509_parse(leaf, &c, d);
	if (e)
		return diag_wrap(d, e, "Failed to parse the server certificate");
	if (x509_extension(&c, SPAN_ARR(oid_usage), &value) != 1)
		return diag_fail(d, ERR_CRYPTO, "the server certificate does not say what it is for");
	struct rd r = rd_from(value);
	struct span usage = der_take(&r, DER_OCTET_STRING);
	if (!rd_done(&r) || !span_is(usage, "kms:rpc"))
		return diag_fail(d, ERR_CRYPTO, "the server certificate is not for \"kms:rpc\"");
	return 0;
}

static void text_member(struct wr *w, const char *indent, const char *name, struct span s, const char *end)
{
	wr_fmt(w, "%s\"%s\": ", indent, name);
	json_out_string(w, s);
	wr_str(w, end);
}

static void hex_member(struct wr *w, const char *name, struct span s)
{
	wr_fmt(w, "  \"%s\": \"", name);
	wr_hex(w, s);
	wr_str(w, "\",\n");
}

static int render(struct arena *a, const char *url, const struct app_key_response *k, const struct get_temp_ca_cert_response *temp,
		  struct span root_spki, struct span *json, struct diag *d)
{
	size_t cap = 2048 + 6 * (k->ca_cert.n + k->gateway_app_id.n + temp->temp_ca_key.n + temp->temp_ca_cert.n + strlen(url));
	uint8_t *p = arena_alloc(a, cap);
	struct wr w = wr_to(p, p ? cap : 0);
	wr_str(&w, "{\n");
	hex_member(&w, "disk_crypt_key", k->disk_crypt_key);
	hex_member(&w, "env_crypt_key", k->env_crypt_key);
	hex_member(&w, "k256_key", k->k256_key);
	hex_member(&w, "k256_signature", k->k256_signature);
	text_member(&w, "  ", "gateway_app_id", k->gateway_app_id, ",\n");
	text_member(&w, "  ", "ca_cert", k->ca_cert, ",\n");
	wr_str(&w, "  \"key_provider\": {\n    \"Kms\": {\n");
	text_member(&w, "      ", "url", SPAN_STR(url), ",\n");
	wr_str(&w, "      \"pubkey\": \"");
	wr_hex(&w, root_spki);
	wr_str(&w, "\",\n");
	text_member(&w, "      ", "tmp_ca_key", temp->temp_ca_key, ",\n");
	text_member(&w, "      ", "tmp_ca_cert", temp->temp_ca_cert, "\n");
	wr_str(&w, "    }\n  }\n}\n");
	*json = wr_span(&w);
	return wr_ok(&w) ? 0 : diag_fail(d, ERR_LIMIT, "the answer is too large");
}

int get_keys(const struct get_keys *g, struct arena *a, int64_t now, struct span *json, struct diag *d)
{
	struct kms_client c = {.base = kms_client_base(a, SPAN_STR(g->url)),
			       .trust = g->root ? HTTP_TRUST_ROOTS : HTTP_TRUST_CAPTURE,
			       .roots = g->root,
			       .proxies = g->proxies,
			       .timeout_ms = g->timeout_ms};
	struct get_temp_ca_cert_response temp;
	struct get_app_key_request req = {.api_version = 1, .vm_config = SPAN_LIT("")};
	struct app_key_response keys;
	struct http_identity self = {.chain_len = 1};
	struct http_roots *root = NULL;
	struct http_reply reply;
	struct p256_key key = {0};
	struct span cert;
	struct x509 ca, known;
	int e;
	if (!c.base)
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = kms_client_call(&c, a, "GetTempCaCert", &message_empty, NULL, &message_get_temp_ca_cert_response, &temp, NULL, d)))
		return diag_wrap(d, e, "GetTempCaCert");
	if ((e = parse_cert(a, temp.ca_cert, "the root CA of the KMS", &ca, d)) || (e = introduce(g, a, now, &temp, &key, &cert, d)))
		goto done;
	if (g->root_pem.n &&
	    ((e = parse_cert(a, g->root_pem, "the given root CA", &known, d)) ||
	     (!span_eq(known.spki, ca.spki) && (e = diag_fail(d, ERR_CRYPTO, "the KMS has another root CA than the given one")))))
		goto done;
	/* The one certificate that was looked at: text may hold more, and each would be an anchor. */
	if ((e = http_roots_read(&root, pem_decode(a, "CERTIFICATE", temp.ca_cert), d)))
		goto done;
	self.chain = &cert;
	memcpy(self.key, key.scalar, sizeof self.key);
	c.trust = HTTP_TRUST_ROOTS;
	c.roots = root;
	c.identity = &self;
	e = kms_client_call(&c, a, "GetAppKey", &message_get_app_key_request, &req, &message_app_key_response, &keys, &reply, d);
	if (e)
		diag_prefix(d, "GetAppKey");
	else if (!(e = check_usage(reply.leaf, d)))
		e = render(a, c.base, &keys, &temp, ca.spki, json, d);
done:
	http_roots_free(root);
	p256_wipe(&key);
	wipe(&self, sizeof self);
	return e;
}
