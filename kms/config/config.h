/* The configuration: one const table of keys fills struct config from JSON or TOML (protocol section 11).
 *
 * A path below is the dotted name as in upstream's file: "core.auth_api.webhook.url". Absent keys keep the default of the table.
 * A wrong value is always refused, with its path and what was expected. An unknown key is refused in measured text, and warned about
 * by name in a file. */
#ifndef UKMS_KMS_CONFIG_CONFIG_H
#define UKMS_KMS_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

enum config_auth { CONFIG_AUTH_WEBHOOK, CONFIG_AUTH_DEV };

enum { CONFIG_LIST_MAX = 16 };
struct config_list {
	const char *text[CONFIG_LIST_MAX];
	size_t count;
};

/* Texts are NUL terminated, never NULL ("" when unset), in the arena given to the reader or static. */
struct config {
	/* default */
	const char *log_level; /* "error", "warn", "info", "debug" ("trace" counts as debug) */
	/* rpc */
	const char *rpc_address;
	uint16_t rpc_port;
	const char *rpc_tls_key, *rpc_tls_certs, *rpc_tls_ca_certs; /* only process mode; must lie in cert_dir */
	bool rpc_tls_mandatory;
	/* core */
	const char *cert_dir;
	const char *subject_postfix;
	const char *admin_token_hash; /* hex SHA-256, or "" */
	const char *pccs_url;
	bool enforce_self_authorization;
	const char *site_name;
	bool attest_rpc_cert;
	bool sev_snp_key_release, aws_nitro_tpm_key_release;
	const char *web_roots; /* path of a PEM bundle (process mode) or the PEM text itself (measured) for https:// peers */
	/* core.attestation */
	bool external_trust_anchors;
	const char
		*collateral; /* path of DCAP collateral in JSON form (process mode) or the JSON text itself (measured): used while valid */
	const char *url_pccs, *url_amd_kds; /* url_pccs: one or several, with blanks between them */
	const char *root_tdx, *root_gcp_tpm, *root_aws_nitro, *root_aws_nitro_tpm, *root_snp_milan, *root_snp_genoa, *root_snp_turin;
	bool strict;              /* core.attestation.strict: August 2026 container rules only */
	struct config_list relax; /* core.attestation.relax: names of rules, see kms/attest/rules.h */
	/* core.image */
	bool image_verify;
	const char *image_cache_dir, *image_download_url;
	uint64_t image_download_timeout; /* seconds; 0 means never */
	/* core.metrics, core.auth_api */
	bool metrics_enabled;
	enum config_auth auth_type;
	const char *auth_webhook_url;
	uint64_t auth_timeout; /* seconds for one call */
	const char *auth_dev_gateway_app_id;
	/* core.onboard */
	bool onboard_enabled;
	const char *auto_bootstrap_domain;
	const char *onboard_address;
	uint16_t onboard_port;
	bool onboard_respond_key; /* answer Onboard with {"k256_pubkey":...} (August 2026) rather than {} */
	/* core.admin */
	bool admin_enabled;
	const char *admin_address;
	uint16_t admin_port;
	const char *admin_auth_token;
	const char *admin_htpasswd_file;
	bool admin_no_auth;
	/* server: limits, 0 keeps the server's own default */
	uint64_t workers, connections_max, queue_max;
};

enum config_source {
	CONFIG_MEASURED, /* member "ukms" of app-compose.json: unknown keys are refused, file paths are meaningless and refused */
	CONFIG_FILE      /* an operator's file in process mode: unknown keys are warned about by name */
};

/* All defaults of section 11.2. */
void config_defaults(struct config *c);

/* Merges one document over c. where: the name used in messages ("app-compose.json: ukms", a file name).
 * Errors: ERR_CONFIG with "<where>: <path>: expected ..., found ..." or "<where>: <path>: unknown key; known here: ...". */
int config_merge(struct config *c, struct arena *a, enum config_source from, const char *where, const struct json *doc, struct diag *d);

/* Merges .user-config: a JSON object that may fill only the keys which are secret and carry no policy
 * (core.admin.auth_token, core.admin_token_hash, core.attestation.urls.pccs, core.attestation.urls.amd_kds, core.pccs_url), written
 * as dotted names or nested. Anything else is refused by name. An empty text is no document. */
int config_merge_user(struct config *c, struct arena *a, struct span text, struct diag *d);

/* Rules between keys; call once after the last merge. ERR_CONFIG. */
int config_check(const struct config *c, struct diag *d);

/* Reads a file by its name: ".json" as JSON, anything else as TOML, and merges it. ERR_MISSING if there is no such file. */
int config_read_file(struct config *c, struct arena *a, const char *path, struct diag *d);

/* A whole file of at most 1 MiB. ERR_MISSING if it cannot be opened, ERR_LIMIT. */
int config_slurp(struct arena *a, const char *path, struct span *out, struct diag *d);

#endif
