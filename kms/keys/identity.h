/* The identity of a running KMS: root keys, temp CA, RPC key and their certificates (protocol sections 5.4 to 5.6, 5.9, 9.1, 9.2). */
#ifndef UKMS_KMS_KEYS_IDENTITY_H
#define UKMS_KMS_KEYS_IDENTITY_H

#include "kms/attest/attester.h"
#include "kms/keys/derive.h"
#include "kms/keys/storage.h"

struct identity_keys {
	struct root_keys root;
	struct p256_key temp_ca, rpc;
};

struct identity {
	struct identity_keys keys;
	uint8_t root_spki[P256_SPKI_LEN];
	uint8_t k256_pub[SECP_PUB_LEN];
	/* File contents, which answers carry as they are. */
	struct span root_ca_pem, temp_ca_pem, temp_ca_key_pem;
	struct span rpc_der, temp_ca_der;
	struct span bootstrap_info; /* JSON text, or empty */
	struct span domain;
};

/* true if all seven files that make an identity are there. */
bool identity_complete(const struct key_files *f);
/* true if any file is there that a second Bootstrap would replace: bootstrap-info.json, root-ca.key or root-k256.key. */
bool identity_begun(const struct key_files *f);

/* Reads a complete set. ERR_MISSING, ERR_INPUT, ERR_CRYPTO ("CA certificate does not match private key"), in upstream's contexts under
 * "Failed to initialize KMS state". Spans of out borrow from f and a. */
int identity_read(const struct key_files *f, struct arena *a, struct identity *out, struct diag *d);

/* Fresh random keys. */
void identity_generate(struct identity_keys *k);

/* Issues all certificates for these keys; out has every file but bootstrap-info.json. attester NULL: no attestation in rpc.crt.
 * Errors: "Failed to get quote", "Invalid attestation", ... */
int identity_issue(const struct identity_keys *k, struct span domain, const struct attester *attester, int64_t now, struct arena *a,
		   struct key_files *out, struct diag *d);

/* The same set with a new rpc.crt (fresh evidence, same key), and with new CA certificates if theirs end within a year. domain: empty
 * means that of the file. ERR_MISSING without either. */
int identity_renew(const struct key_files *f, struct span domain, const struct attester *attester, int64_t now, struct arena *a,
		   struct key_files *out, struct diag *d);

/* Evidence over a P-256 key, reduced for a certificate: report data of "ratls-cert" over its SPKI. */
int identity_evidence(const struct attester *attester, const struct p256_key *key, struct arena *a, struct span *stripped, struct diag *d);

/* "domain must be ..." unless s is a DNS name as section 9.2 step 1 has it. */
int identity_check_domain(struct span s, struct diag *d);

#endif
