#include "kms/keys/identity.h"

#include "base/wipe.h"
#include "crypto/pem.h"
#include "crypto/x509.h"
#include "kms/attest/attest.h"
#include "kms/keys/certs.h"

enum { RENEW_AHEAD = 365 * 86400, RPC_CERT_MAX = 60000 };

bool identity_complete(const struct key_files *f)
{
	static const enum key_file needed[] = {KEY_TMP_CA_CRT, KEY_TMP_CA_KEY, KEY_ROOT_CA_CRT, KEY_ROOT_CA_KEY,
					       KEY_RPC_CRT,    KEY_RPC_KEY,    KEY_ROOT_K256};
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
		if (!f->file[needed[i]].n)
			return false;
	return true;
}

bool identity_begun(const struct key_files *f)
{
	return f->file[KEY_BOOTSTRAP_INFO].n || f->file[KEY_ROOT_CA_KEY].n || f->file[KEY_ROOT_K256].n;
}

void identity_generate(struct identity_keys *k)
{
	p256_generate(&k->root.ca);
	secp_generate(k->root.k256);
	p256_generate(&k->temp_ca);
	p256_generate(&k->rpc);
}

/* --- reading ---------------------------------------------------------------------------------------------------------------------- */

static int read_key(const struct key_files *f, enum key_file which, struct arena *a, struct p256_key *k, struct diag *d)
{
	struct span der = pem_decode(a, "PRIVATE KEY", f->file[which]);
	if (!der.p)
		der = pem_decode(a, "EC PRIVATE KEY", f->file[which]);
	if (!der.p)
		return diag_fail(d, ERR_INPUT, "%s: no private key in PEM form", key_file_names[which]);
	int e = p256_read_private(k, der, d);
	return e ? diag_wrap(d, e, "%s", key_file_names[which]) : 0;
}

/* The certificate of a file, which must belong to the key. */
static int read_cert(const struct key_files *f, enum key_file which, struct arena *a, const struct p256_key *k, struct x509 *out,
		     struct diag *d)
{
	uint8_t spki[P256_SPKI_LEN];
	struct span der = pem_decode(a, "CERTIFICATE", f->file[which]);
	int e = der.p ? x509_parse(der, out, d) : diag_fail(d, ERR_INPUT, "no certificate in PEM form");
	if (e)
		return diag_wrap(d, e, "%s", key_file_names[which]);
	p256_spki(k->point, spki);
	if (!span_eq(out->spki, SPAN_ARR(spki)))
		return diag_fail(d, ERR_CRYPTO, "CA certificate does not match private key");
	return 0;
}

static struct span trimmed(struct span s)
{
	while (s.n && strchr(" \t\r\n", s.p[0]))
		s = SPAN(s.p + 1, s.n - 1);
	while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Adds upstream's two contexts. */
static int state(struct diag *d, int e, const char *context)
{
	diag_prefix(d, "%s", context);
	return diag_wrap(d, e, "Failed to initialize KMS state");
}

int identity_read(const struct key_files *f, struct arena *a, struct identity *out, struct diag *d)
{
	struct x509 root, temp, rpc;
	int e;
	memset(out, 0, sizeof *out);
	if ((e = read_key(f, KEY_ROOT_CA_KEY, a, &out->keys.root.ca, d)) ||
	    (e = read_cert(f, KEY_ROOT_CA_CRT, a, &out->keys.root.ca, &root, d)))
		return state(d, e, "Failed to load root CA certificate");
	if (f->file[KEY_ROOT_K256].n != SECP_KEY_LEN)
		return state(d, diag_fail(d, ERR_INPUT, "expected 32 bytes, found %zu", f->file[KEY_ROOT_K256].n),
			     "Failed to load ECDSA root key");
	memcpy(out->keys.root.k256, f->file[KEY_ROOT_K256].p, SECP_KEY_LEN);
	if (!secp_public(out->keys.root.k256, out->k256_pub))
		return state(d, diag_fail(d, ERR_CRYPTO, "not a valid scalar"), "Failed to load ECDSA root key");
	if ((e = read_key(f, KEY_TMP_CA_KEY, a, &out->keys.temp_ca, d)))
		return state(d, e, "Faeild to read temp ca key");
	if ((e = read_cert(f, KEY_TMP_CA_CRT, a, &out->keys.temp_ca, &temp, d)))
		return state(d, e, "Faeild to read temp ca cert");
	if ((e = read_key(f, KEY_RPC_KEY, a, &out->keys.rpc, d)) || (e = read_cert(f, KEY_RPC_CRT, a, &out->keys.rpc, &rpc, d)))
		return state(d, e, "Failed to load the RPC certificate");
	p256_spki(out->keys.root.ca.point, out->root_spki);
	out->root_ca_pem = f->file[KEY_ROOT_CA_CRT];
	out->temp_ca_pem = f->file[KEY_TMP_CA_CRT];
	out->temp_ca_key_pem = f->file[KEY_TMP_CA_KEY];
	out->temp_ca_der = temp.der;
	out->rpc_der = rpc.der;
	out->bootstrap_info = f->file[KEY_BOOTSTRAP_INFO];
	out->domain = trimmed(f->file[KEY_RPC_DOMAIN]);
	return 0;
}

/* --- issuing ---------------------------------------------------------------------------------------------------------------------- */

int identity_evidence(const struct attester *attester, const struct p256_key *key, struct arena *a, struct span *stripped, struct diag *d)
{
	uint8_t spki[P256_SPKI_LEN], data[64];
	struct span container;
	p256_spki(key->point, spki);
	report_data("ratls-cert", SPAN_ARR(spki), data);
	int e = attester->attest(attester->self, a, data, &container, d);
	if (e)
		return diag_wrap(d, e, "Failed to get quote");
	*stripped = container_strip(a, container, d);
	return stripped->p ? 0 : diag_wrap(d, ERR_INPUT, "Invalid attestation");
}

static int issue_rpc(const struct identity_keys *k, struct span domain, const struct attester *attester, int64_t now, struct arena *a,
		     struct span *pem, struct diag *d)
{
	struct span evidence = {NULL, 0}, der;
	int e;
	if (attester && (e = identity_evidence(attester, &k->rpc, a, &evidence, d)))
		return e;
	if ((e = certs_rpc(a, &k->root.ca, &k->rpc, domain, evidence, now + CERT_LIFETIME, &der, d)))
		return diag_wrap(d, e, "Failed to sign certificate");
	/* Clients take handshake messages of at most 65535 bytes. */
	if (der.n > RPC_CERT_MAX)
		return diag_fail(d, ERR_LIMIT, "the RPC certificate with its attestation has %zu bytes, more than %d", der.n, RPC_CERT_MAX);
	*pem = pem_encode(a, "CERTIFICATE", der);
	return pem->p ? 0 : diag_fail(d, ERR_LIMIT, "the RPC certificate is too large");
}

typedef int (*ca_profile)(struct arena *a, const struct p256_key *key, int64_t not_after, struct span *der, struct diag *d);

static int issue_ca(ca_profile profile, const struct p256_key *key, int64_t now, struct arena *a, struct span *pem, struct diag *d)
{
	struct span der;
	int e = profile(a, key, now + CERT_LIFETIME, &der, d);
	if (e)
		return e;
	*pem = pem_encode(a, "CERTIFICATE", der);
	return pem->p ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
}

static int key_file(const struct p256_key *key, struct arena *a, struct span *pem, struct diag *d)
{
	uint8_t der[P256_PKCS8_LEN];
	p256_pkcs8(key, der);
	*pem = pem_encode(a, "PRIVATE KEY", SPAN_ARR(der));
	wipe(der, sizeof der);
	return pem->p ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
}

int identity_issue(const struct identity_keys *k, struct span domain, const struct attester *attester, int64_t now, struct arena *a,
		   struct key_files *out, struct diag *d)
{
	int e;
	memset(out, 0, sizeof *out);
	if ((e = key_file(&k->temp_ca, a, &out->file[KEY_TMP_CA_KEY], d)) ||
	    (e = key_file(&k->root.ca, a, &out->file[KEY_ROOT_CA_KEY], d)) || (e = key_file(&k->rpc, a, &out->file[KEY_RPC_KEY], d)) ||
	    (e = issue_ca(certs_temp_ca, &k->temp_ca, now, a, &out->file[KEY_TMP_CA_CRT], d)) ||
	    (e = issue_ca(certs_root_ca, &k->root.ca, now, a, &out->file[KEY_ROOT_CA_CRT], d)) ||
	    (e = issue_rpc(k, domain, attester, now, a, &out->file[KEY_RPC_CRT], d)))
		return e;
	out->file[KEY_ROOT_K256] = arena_dup(a, SPAN_ARR(k->root.k256));
	out->file[KEY_RPC_DOMAIN] = arena_dup(a, domain);
	return out->file[KEY_ROOT_K256].p && out->file[KEY_RPC_DOMAIN].p ? 0 : diag_fail(d, ERR_LIMIT, "out of memory");
}

/* true if the certificate of that file ends within a year of now, or cannot be read */
static bool ends_soon(struct span pem, int64_t now, struct arena *a)
{
	struct x509 c;
	struct diag d;
	struct span der = pem_decode(a, "CERTIFICATE", pem);
	return !der.p || x509_parse(der, &c, &d) || c.not_after <= now + RENEW_AHEAD;
}

int identity_renew(const struct key_files *f, struct span domain, const struct attester *attester, int64_t now, struct arena *a,
		   struct key_files *out, struct diag *d)
{
	struct identity id;
	int e = identity_read(f, a, &id, d);
	*out = *f;
	if (e)
		goto done;
	if (!domain.n)
		domain = id.domain;
	if (!domain.n) {
		e = diag_fail(d, ERR_MISSING, "%s is missing or empty", key_file_names[KEY_RPC_DOMAIN]);
		goto done;
	}
	if (ends_soon(f->file[KEY_ROOT_CA_CRT], now, a))
		e = issue_ca(certs_root_ca, &id.keys.root.ca, now, a, &out->file[KEY_ROOT_CA_CRT], d);
	if (!e && ends_soon(f->file[KEY_TMP_CA_CRT], now, a))
		e = issue_ca(certs_temp_ca, &id.keys.temp_ca, now, a, &out->file[KEY_TMP_CA_CRT], d);
	if (!e)
		e = issue_rpc(&id.keys, domain, attester, now, a, &out->file[KEY_RPC_CRT], d);
done:
	wipe(&id.keys, sizeof id.keys);
	return e;
}

int identity_check_domain(struct span s, struct diag *d)
{
	enum { DOMAIN_MAX = 253, LABEL_MAX = 63 };
	if (s.n == 0 || s.n > DOMAIN_MAX)
		return diag_fail(d, ERR_INPUT, "domain must be a non-empty ASCII DNS name of at most 253 bytes");
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return diag_fail(d, ERR_INPUT, "domain must be a non-empty ASCII DNS name of at most 253 bytes");
	size_t label = 0;
	for (size_t i = 0; i <= s.n; i++) {
		uint8_t c = i < s.n ? s.p[i] : '.';
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		bool ends = i + 1 >= s.n || s.p[i + 1] == '.';
		if (c == '.' ? label == 0 || label > LABEL_MAX : !alnum && (c != '-' || label == 0 || ends))
			return diag_fail(d, ERR_INPUT, "domain contains an invalid DNS label");
		label = c == '.' ? 0 : label + 1;
	}
	return 0;
}
