/* X.509 certificates, CRLs and paths, by the rules of section 2.5 of the attestation specification (rustls-webpki 0.103.4).
 *
 * Nothing here copies: every span of a parsed object points into the DER that was handed in, which must outlive it. */
#ifndef UKMS_CRYPTO_X509_H
#define UKMS_CRYPTO_X509_H

#include "base/arena.h"
#include "base/err.h"
#include "base/rd.h"
#include "base/span.h"

enum x509_key_type { X509_KEY_OTHER, X509_KEY_P256, X509_KEY_P384, X509_KEY_RSA, X509_KEY_ED25519 };

struct x509_key {
	enum x509_key_type type;
	struct span point;             /* EC: 04||x||y, not checked to be on the curve; Ed25519: 32 bytes */
	struct span modulus, exponent; /* RSA: big endian without leading zeros */
};

enum x509_sig_alg {
	X509_SIG_OTHER,
	X509_SIG_ECDSA_SHA256,
	X509_SIG_ECDSA_SHA384,
	X509_SIG_RSA_SHA256,
	X509_SIG_RSA_SHA384,
	X509_SIG_RSA_SHA512,
	X509_SIG_PSS_SHA256, /* MGF1 with the same hash, salt as long as the hash */
	X509_SIG_PSS_SHA384,
	X509_SIG_PSS_SHA512,
	X509_SIG_ED25519,
	X509_SIG_ECDSA_SHA256_RAW /* r||s, as quotes and JSON documents are signed; never in a certificate */
};

/* What certificates and CRLs have in common. */
struct x509_signed {
	struct span tbs; /* the signed element, header included */
	enum x509_sig_alg alg;
	struct span signature; /* contents of the BIT STRING */
	struct span id;        /* empty, or what sigmemo_identify computed */
};

/* Bits of keyUsage (RFC 5280, 4.2.1.3). */
enum { X509_KU_DIGITAL_SIGNATURE = 1 << 0, X509_KU_KEY_CERT_SIGN = 1 << 5, X509_KU_CRL_SIGN = 1 << 6 };

enum { X509_NO_PATH_LEN = -1 };

struct x509 {
	struct span der;
	struct x509_signed sig;
	struct span serial;          /* contents of the INTEGER */
	struct span issuer, subject; /* Name, whole element */
	int64_t not_before, not_after;
	struct span spki; /* SubjectPublicKeyInfo, whole element */
	struct x509_key key;
	struct span extensions; /* contents of SEQUENCE OF Extension; see x509_extension() */

	bool is_ca;
	int path_len; /* or X509_NO_PATH_LEN */
	bool has_key_usage;
	unsigned key_usage;
	bool has_eku;
	struct span eku; /* contents of SEQUENCE OF OID */
	bool has_crl_points, has_name_constraints, has_san;
	struct span crl_points; /* contents of SEQUENCE OF DistributionPoint */
	struct span san;        /* contents of SEQUENCE OF GeneralName */
};

/* Parses one certificate; nothing may be left over. Refuses what 2.5 says every certificate must obey: version 3, strict DER, equal
 * algorithms, no unique ids, no known extension twice, no unknown critical extension. ERR_INPUT, ERR_REFUSED, or ERR_LIMIT above 256
 * extensions. */
int x509_parse(struct span der, struct x509 *out, struct diag *d);

/* true if the bytes are a certificate of any version whose subject is its issuer. Its fields are not looked at. */
bool x509_self_issued(struct span der);

/* How often the certificate has the extension with that OID (contents octets); *value is extnValue of the first. */
size_t x509_extension(const struct x509 *c, struct span oid, struct span *value);

/* The n-th (from 0) URI in the full names of the CRL distribution points, in order; false when there are no more or they are malformed. */
bool x509_crl_uri(const struct x509 *c, size_t n, struct span *uri);
/* The first caIssuers URI of authorityInfoAccess; false if there is none. */
bool x509_ca_issuers_uri(const struct x509 *c, struct span *uri);
/* The text of the first commonName (2.5.4.3) in a Name (whole element); false if there is none. */
bool x509_common_name(struct span name, struct span *out);

/* PEM: the next block with that label ("CERTIFICATE"), decoded into a. 1: found; 0: no further block; ERR_INPUT: a block that does not
 * decode or does not end; ERR_LIMIT. Text between blocks is skipped; other labels too. */
int pem_next(struct arena *a, struct rd *text, const char *label, struct span *der, struct diag *d);

enum { X509_CHAIN_MAX = 16 };
/* Every certificate of a PEM text, in order, as DER. ERR_LIMIT above max. An empty chain is 0 with *n = 0. */
int pem_chain(struct arena *a, struct span text, struct span *ders, size_t max, size_t *n, struct diag *d);

struct x509_crl {
	struct span der;
	struct x509_signed sig;
	struct span issuer;
	int64_t this_update, next_update;
	struct span revoked; /* contents of revokedCertificates; empty if none */
	bool has_idp;        /* issuingDistributionPoint */
	bool only_user, only_ca;
	struct span idp_names; /* contents of fullName; at least one URI if has_idp */
};

/* Parses one CRL by the rules of 2.5; nothing may be left over. ERR_INPUT or ERR_REFUSED. */
int x509_crl_parse(struct span der, struct x509_crl *out, struct diag *d);
/* true if the serial (contents of the INTEGER) is listed */
bool x509_crl_lists(const struct x509_crl *crl, struct span serial);

/* Signature of s under key. false for a wrong signature and for any algorithm that does not fit the key. */
bool x509_signature_ok(const struct x509_signed *s, const struct x509_key *key);

enum x509_revocation {
	X509_REVOCATION_OFF,           /* CRLs are not looked at (Nitro) */
	X509_REVOCATION_REQUIRED,      /* a certificate without authoritative CRL is refused (DCAP) */
	X509_REVOCATION_UNKNOWN_PASSES /* ... passes (GCP); an expired or wrong CRL is refused all the same */
};

/* OID contents for x509_policy.purpose */
extern const struct span x509_server_auth, x509_client_auth, x509_tcg_aik;

struct x509_policy {
	const struct x509 *anchor;
	int64_t now;
	struct span purpose; /* wanted key purpose on every certificate that has extKeyUsage; empty: not checked */
	enum x509_revocation revocation;
	const struct x509_crl *const *crls;
	size_t crl_count;
	size_t max_intermediates; /* 0: the 6 of webpki; X509_NO_INTERMEDIATES for none */
	/* How a signature is checked; NULL: x509_signature_ok. A cache of verdicts goes here. */
	bool (*verify)(void *self, const struct x509_signed *s, const struct x509_key *key);
	void *self;
};
enum { X509_INTERMEDIATES_MAX = 6 };
#define X509_NO_INTERMEDIATES ((size_t)-1)

struct x509_path {
	const struct x509 *cert[X509_INTERMEDIATES_MAX + 1]; /* leaf first, without the anchor */
	size_t n;
	int64_t expires; /* first second at which the same path no longer passes (certificates and CRLs) */
};

/* Finds a path from leaf through the pool (any order) to the anchor. 0, or ERR_REFUSED with the reason in webpki's words
 * ("CaUsedAsEndEntity", "UnknownIssuer", "CertExpired", "CertRevoked", ...). out may be NULL. */
int x509_path_verify(const struct x509 *leaf, const struct x509 *pool, size_t pool_count, const struct x509_policy *p,
		     struct x509_path *out, struct diag *d);

/* The anchor against the CRLs of the policy (2.4 step 1): the first one whose issuer is the anchor's issuer must exist, be signed by the
 * anchor, not be expired and not list the anchor. *expires is its nextUpdate. ERR_REFUSED. */
int x509_anchor_not_revoked(const struct x509_policy *p, int64_t *expires, struct diag *d);

#endif
