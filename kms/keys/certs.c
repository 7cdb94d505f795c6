#include "kms/keys/certs.h"

static struct cert_name ca_name(const char *cn)
{
	return (struct cert_name){SPAN_LIT("Dstack"), SPAN_STR(cn)};
}

#define ROOT_CN "Dstack KMS CA"
#define TEMP_CN "Dstack Client Temp CA"
#define APP_CN  "Dstack App CA"

/* Fills in what every profile shares and builds. issuer_key NULL: self-signed. */
static int build(struct arena *a, struct cert_spec *spec, const struct p256_key *key, struct span issuer, const struct p256_key *issuer_key,
		 int64_t not_after, struct span *der, struct diag *d)
{
	uint8_t *spki = arena_alloc(a, P256_SPKI_LEN);
	if (!spki || !issuer.p)
		return diag_fail(d, ERR_LIMIT, "certificate does not fit the memory of this request");
	p256_spki(key->point, spki);
	spec->spki = SPAN(spki, P256_SPKI_LEN);
	spec->not_before = CERT_NOT_BEFORE;
	spec->not_after = not_after;
	return cert_build(a, spec, issuer, issuer_key, der, d);
}

static struct span named(struct arena *a, const char *cn)
{
	struct cert_name n = ca_name(cn);
	return cert_name_der(a, &n);
}

int certs_root_ca(struct arena *a, const struct p256_key *key, int64_t not_after, struct span *der, struct diag *d)
{
	struct cert_spec s = {.subject = ca_name(ROOT_CN), .ca = true, .path_len = 1};
	return build(a, &s, key, named(a, ROOT_CN), key, not_after, der, d);
}

int certs_temp_ca(struct arena *a, const struct p256_key *key, int64_t not_after, struct span *der, struct diag *d)
{
	struct cert_spec s = {.subject = ca_name(TEMP_CN), .ca = true, .path_len = 0};
	return build(a, &s, key, named(a, TEMP_CN), key, not_after, der, d);
}

int certs_rpc(struct arena *a, const struct p256_key *root, const struct p256_key *key, struct span domain, struct span attestation,
	      int64_t not_after, struct span *der, struct diag *d)
{
	struct cert_spec s = {.subject = {.cn = domain},
			      .alt_names = &domain,
			      .alt_name_count = 1,
			      .usage = SPAN_LIT("kms:rpc"),
			      .attestation = attestation};
	return build(a, &s, key, named(a, ROOT_CN), root, not_after, der, d);
}

int certs_app_ca(struct arena *a, const struct p256_key *root, const struct p256_key *key, struct span app_id, int64_t not_after,
		 struct span *der, struct diag *d)
{
	struct cert_spec s = {.subject = ca_name(APP_CN), .ca = true, .path_len = 0, .app_id = app_id, .usage = SPAN_LIT("app:ca")};
	return build(a, &s, key, named(a, ROOT_CN), root, not_after, der, d);
}

int certs_ratls_client(struct arena *a, const struct p256_key *temp_ca, struct span issuer, const struct p256_key *key,
		       struct span attestation, int64_t not_after, struct span *der, struct diag *d)
{
	struct cert_spec s = {.subject = {.cn = SPAN_LIT("RA-TLS TEMP Cert")}, .attestation = attestation};
	return build(a, &s, key, issuer, temp_ca, not_after, der, d);
}

struct span certs_app_ca_name(struct arena *a)
{
	return named(a, APP_CN);
}

struct span certs_temp_ca_name(struct arena *a)
{
	return named(a, TEMP_CN);
}
