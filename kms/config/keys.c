#include "kms/config/keys.h"

#include "kms/config/config.h"

#define TEXT(path, member, text)                                                                                                           \
	{                                                                                                                                  \
		path, CONFIG_TEXT, CONFIG_ANYWHERE, offsetof(struct config, member), text, 0                                               \
	}
#define PATH(path, member, text)                                                                                                           \
	{                                                                                                                                  \
		path, CONFIG_TEXT, CONFIG_PROCESS_ONLY, offsetof(struct config, member), text, 0                                           \
	}
#define SECRET(path, member)                                                                                                               \
	{                                                                                                                                  \
		path, CONFIG_TEXT, CONFIG_SECRET, offsetof(struct config, member), "", 0                                                   \
	}
#define BOOL(path, member, on)                                                                                                             \
	{                                                                                                                                  \
		path, CONFIG_BOOL, CONFIG_ANYWHERE, offsetof(struct config, member), NULL, on                                              \
	}
#define PORT(path, member, n)                                                                                                              \
	{                                                                                                                                  \
		path, CONFIG_PORT, CONFIG_ANYWHERE, offsetof(struct config, member), NULL, n                                               \
	}
#define NUMBER(path, member, n)                                                                                                            \
	{                                                                                                                                  \
		path, CONFIG_NUMBER, CONFIG_ANYWHERE, offsetof(struct config, member), NULL, n                                             \
	}
#define SECONDS(path, member, n)                                                                                                           \
	{                                                                                                                                  \
		path, CONFIG_SECONDS, CONFIG_ANYWHERE, offsetof(struct config, member), NULL, n                                            \
	}
#define NO_EFFECT(path)                                                                                                                    \
	{                                                                                                                                  \
		path, CONFIG_NO_EFFECT, CONFIG_ANYWHERE, 0, NULL, 0                                                                        \
	}

/* Neighbours share their table, so that messages can list what is known there. */
const struct config_key config_keys[] = {
	TEXT("default.log_level", log_level, "info"),
	NO_EFFECT("default.workers"),
	NO_EFFECT("default.max_blocking"),
	NO_EFFECT("default.ident"),
	NO_EFFECT("default.temp_dir"),
	NO_EFFECT("default.keep_alive"),

	TEXT("rpc.address", rpc_address, "0.0.0.0"),
	PORT("rpc.port", rpc_port, 8000),
	PATH("rpc.tls.key", rpc_tls_key, ""),
	PATH("rpc.tls.certs", rpc_tls_certs, ""),
	PATH("rpc.tls.mutual.ca_certs", rpc_tls_ca_certs, ""),
	BOOL("rpc.tls.mutual.mandatory", rpc_tls_mandatory, false),

	PATH("core.cert_dir", cert_dir, "/etc/kms/certs"),
	TEXT("core.subject_postfix", subject_postfix, ".dstack"),
	SECRET("core.admin_token_hash", admin_token_hash),
	SECRET("core.pccs_url", pccs_url),
	BOOL("core.enforce_self_authorization", enforce_self_authorization, true),
	TEXT("core.site_name", site_name, ""),
	BOOL("core.attest_rpc_cert", attest_rpc_cert, true),
	BOOL("core.sev_snp_key_release", sev_snp_key_release, false),
	BOOL("core.aws_nitro_tpm_key_release", aws_nitro_tpm_key_release, false),
	TEXT("core.web_roots", web_roots, ""),
	BOOL("core.attestation.insecure_allow_external_trust_anchors", external_trust_anchors, false),
	TEXT("core.attestation.collateral", collateral, ""),
	SECRET("core.attestation.urls.pccs", url_pccs),
	SECRET("core.attestation.urls.amd_kds", url_amd_kds),
	PATH("core.attestation.root_ca.tdx", root_tdx, ""),
	PATH("core.attestation.root_ca.gcp_tpm", root_gcp_tpm, ""),
	PATH("core.attestation.root_ca.aws_nitro_enclave", root_aws_nitro, ""),
	PATH("core.attestation.root_ca.aws_nitro_tpm", root_aws_nitro_tpm, ""),
	PATH("core.attestation.root_ca.sev_snp_milan", root_snp_milan, ""),
	PATH("core.attestation.root_ca.sev_snp_genoa", root_snp_genoa, ""),
	PATH("core.attestation.root_ca.sev_snp_turin", root_snp_turin, ""),
	BOOL("core.attestation.strict", strict, true),
	{"core.attestation.relax", CONFIG_LIST, CONFIG_ANYWHERE, offsetof(struct config, relax), NULL, 0},
	BOOL("core.image.verify", image_verify, true),
	PATH("core.image.cache_dir", image_cache_dir, "/usr/share/dstack/images"),
	TEXT("core.image.download_url", image_download_url, "http://localhost:8000/{OS_IMAGE_HASH}.tar.gz"),
	SECONDS("core.image.download_timeout", image_download_timeout, 120),
	BOOL("core.metrics.enabled", metrics_enabled, true),
	{"core.auth_api.type", CONFIG_AUTH, CONFIG_ANYWHERE, offsetof(struct config, auth_type), NULL, 0},
	SECONDS("core.auth_api.timeout", auth_timeout, 15),
	TEXT("core.auth_api.webhook.url", auth_webhook_url, "http://auth-api:8000"),
	TEXT("core.auth_api.dev.gateway_app_id", auth_dev_gateway_app_id, "any"),
	BOOL("core.onboard.enabled", onboard_enabled, true),
	TEXT("core.onboard.auto_bootstrap_domain", auto_bootstrap_domain, ""),
	NO_EFFECT("core.onboard.quote_enabled"),
	TEXT("core.onboard.address", onboard_address, "0.0.0.0"),
	PORT("core.onboard.port", onboard_port, 8000),
	BOOL("core.onboard.respond_key", onboard_respond_key, false),
	BOOL("core.admin.enabled", admin_enabled, false),
	TEXT("core.admin.address", admin_address, "127.0.0.1"),
	PORT("core.admin.port", admin_port, 8001),
	SECRET("core.admin.auth_token", admin_auth_token),
	PATH("core.admin.htpasswd_file", admin_htpasswd_file, ""),
	BOOL("core.admin.insecure_no_auth", admin_no_auth, false),
	NUMBER("server.workers", workers, 0),
	NUMBER("server.connections_max", connections_max, 0),
	NUMBER("server.queue_max", queue_max, 0),
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
