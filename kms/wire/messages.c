#include "kms/wire/messages.h"

#include "kms/wire/schema.h"

#define FIELD(type_, num_, kind_, name_)                                                                                                   \
	{                                                                                                                                  \
#name_, num_, FIELD_##kind_, offsetof(struct type_, name_), NULL                                                           \
	}
#define FIELD_SUB(type_, num_, kind_, name_, sub_)                                                                                         \
	{                                                                                                                                  \
#name_, num_, FIELD_##kind_, offsetof(struct type_, name_), &message_##sub_                                                \
	}
#define MESSAGE(name_, type_, fields_)                                                                                                     \
	const struct message message_##name_ = {#name_, fields_, sizeof fields_ / sizeof fields_[0], sizeof(struct type_), false};         \
	_Static_assert(sizeof(struct type_) <= MESSAGE_SIZE_MAX, "MESSAGE_SIZE_MAX");                                                      \
	_Static_assert(sizeof fields_ / sizeof fields_[0] <= MESSAGE_FIELDS_MAX, "MESSAGE_FIELDS_MAX")

const struct message message_empty = {"empty", NULL, 0, 0, true};

static const struct field get_app_key_request[] = {
	FIELD(get_app_key_request, 1, U32, api_version),
	FIELD(get_app_key_request, 2, STRING, vm_config),
};
MESSAGE(get_app_key_request, get_app_key_request, get_app_key_request);

static const struct field app_id[] = {FIELD(app_id, 1, BYTES, app_id)};
MESSAGE(app_id, app_id, app_id);

static const struct field public_key_response[] = {
	FIELD(public_key_response, 1, BYTES, public_key),
	FIELD(public_key_response, 2, BYTES, signature),
	FIELD(public_key_response, 3, U64, timestamp),
	FIELD(public_key_response, 4, BYTES, signature_v1),
};
MESSAGE(public_key_response, public_key_response, public_key_response);

static const struct field app_key_response[] = {
	FIELD(app_key_response, 1, STRING, ca_cert),        FIELD(app_key_response, 2, BYTES, disk_crypt_key),
	FIELD(app_key_response, 3, BYTES, env_crypt_key),   FIELD(app_key_response, 4, BYTES, k256_key),
	FIELD(app_key_response, 5, BYTES, k256_signature),  FIELD(app_key_response, 6, STRING, tproxy_app_id),
	FIELD(app_key_response, 7, STRING, gateway_app_id), FIELD(app_key_response, 8, BYTES, os_image_hash),
};
MESSAGE(app_key_response, app_key_response, app_key_response);

static const struct field bootstrap_request[] = {FIELD(bootstrap_request, 1, STRING, domain)};
MESSAGE(bootstrap_request, bootstrap_request, bootstrap_request);

static const struct field bootstrap_response[] = {
	FIELD(bootstrap_response, 1, BYTES, ca_pubkey),
	FIELD(bootstrap_response, 2, BYTES, k256_pubkey),
	FIELD(bootstrap_response, 3, BYTES, attestation),
};
MESSAGE(bootstrap_response, bootstrap_response, bootstrap_response);

static const struct field get_meta_response[] = {
	FIELD(get_meta_response, 1, STRING, ca_cert),
	FIELD(get_meta_response, 2, BOOL, allow_any_upgrade),
	FIELD(get_meta_response, 3, BYTES, k256_pubkey),
	FIELD_SUB(get_meta_response, 4, MESSAGE, bootstrap_info, bootstrap_response),
	FIELD(get_meta_response, 5, BOOL, is_dev),
	FIELD(get_meta_response, 6, OPT_STRING, gateway_app_id),
	FIELD(get_meta_response, 7, OPT_STRING, kms_contract_address),
	FIELD(get_meta_response, 8, OPT_U64, chain_id),
	FIELD(get_meta_response, 9, OPT_STRING, app_auth_implementation),
};
MESSAGE(get_meta_response, get_meta_response, get_meta_response);

static const struct field get_kms_key_request[] = {FIELD(get_kms_key_request, 1, STRING, vm_config)};
MESSAGE(get_kms_key_request, get_kms_key_request, get_kms_key_request);

static const struct field kms_keys[] = {
	FIELD(kms_keys, 1, STRING, ca_key),
	FIELD(kms_keys, 2, BYTES, k256_key),
};
static const struct message message_kms_keys = {"kms_keys", kms_keys, 2, sizeof(struct kms_keys), false};

static const struct field kms_key_response[] = {
	FIELD(kms_key_response, 1, STRING, temp_ca_key),
	FIELD_SUB(kms_key_response, 2, MESSAGES, keys, kms_keys),
};
MESSAGE(kms_key_response, kms_key_response, kms_key_response);

static const struct field get_temp_ca_cert_response[] = {
	FIELD(get_temp_ca_cert_response, 1, STRING, temp_ca_cert),
	FIELD(get_temp_ca_cert_response, 2, STRING, temp_ca_key),
	FIELD(get_temp_ca_cert_response, 3, STRING, ca_cert),
};
MESSAGE(get_temp_ca_cert_response, get_temp_ca_cert_response, get_temp_ca_cert_response);

static const struct field sign_cert_request[] = {
	FIELD(sign_cert_request, 1, U32, api_version),
	FIELD(sign_cert_request, 2, BYTES, csr),
	FIELD(sign_cert_request, 3, BYTES, signature),
	FIELD(sign_cert_request, 4, STRING, vm_config),
};
MESSAGE(sign_cert_request, sign_cert_request, sign_cert_request);

static const struct field sign_cert_response[] = {FIELD(sign_cert_response, 1, STRINGS, certificate_chain)};
MESSAGE(sign_cert_response, sign_cert_response, sign_cert_response);

static const struct field clear_image_cache_request[] = {
	FIELD(clear_image_cache_request, 1, STRING, token),
	FIELD(clear_image_cache_request, 2, STRING, image_hash),
	FIELD(clear_image_cache_request, 3, STRING, config_hash),
};
MESSAGE(clear_image_cache_request, clear_image_cache_request, clear_image_cache_request);

/* The admin service has no token and numbers the rest from one. */
static const struct field admin_clear_image_cache_request[] = {
	FIELD(clear_image_cache_request, 1, STRING, image_hash),
	FIELD(clear_image_cache_request, 2, STRING, config_hash),
};
MESSAGE(admin_clear_image_cache_request, clear_image_cache_request, admin_clear_image_cache_request);

static const struct field onboard_request[] = {
	FIELD(onboard_request, 1, STRING, source_url),
	FIELD(onboard_request, 2, STRING, domain),
};
MESSAGE(onboard_request, onboard_request, onboard_request);

static const struct field onboard_response[] = {FIELD(onboard_response, 1, BYTES, k256_pubkey)};
MESSAGE(onboard_response, onboard_response, onboard_response);
/* The form before August 2026: a message without fields, "{}" in JSON. */
const struct message message_onboard_response_empty = {"onboard_response", NULL, 0, sizeof(struct onboard_response), false};

static const struct field attestation_info_response[] = {
	FIELD(attestation_info_response, 1, BYTES, device_id),     FIELD(attestation_info_response, 2, BYTES, mr_aggregated),
	FIELD(attestation_info_response, 3, BYTES, os_image_hash), FIELD(attestation_info_response, 4, STRING, attestation_mode),
	FIELD(attestation_info_response, 0, STRING, tee_variant),  FIELD(attestation_info_response, 5, STRING, site_name),
	FIELD(attestation_info_response, 6, STRING, eth_rpc_url),  FIELD(attestation_info_response, 7, STRING, kms_contract_address),
	FIELD(attestation_info_response, 8, BYTES, ppid),
};
MESSAGE(attestation_info_response, attestation_info_response, attestation_info_response);
