/* The messages of the protocol (section 3) and one const table that drives their protobuf, JSON and form encodings.
 *
 * Conventions of the structs: bytes and strings are spans borrowed from the input or the arena. An optional string is absent when .p is
 * NULL; an optional number has a flag; an absent sub-message is a NULL pointer; a repeated field is a struct list. */
#ifndef UKMS_KMS_WIRE_MESSAGES_H
#define UKMS_KMS_WIRE_MESSAGES_H

#include "base/arena.h"
#include "base/err.h"

struct list {
	const void *items; /* struct span for strings, else the sub-message struct */
	size_t count;
};

struct optional_u64 {
	bool set;
	uint64_t value;
};

struct get_app_key_request {
	uint32_t api_version;
	struct span vm_config;
};
struct app_id {
	struct span app_id;
};
struct public_key_response {
	struct span public_key, signature;
	uint64_t timestamp;
	struct span signature_v1;
};
struct app_key_response {
	struct span ca_cert, disk_crypt_key, env_crypt_key, k256_key, k256_signature, tproxy_app_id, gateway_app_id, os_image_hash;
};
struct bootstrap_request {
	struct span domain;
};
struct bootstrap_response {
	struct span ca_pubkey, k256_pubkey, attestation;
};
struct get_meta_response {
	struct span ca_cert;
	bool allow_any_upgrade;
	struct span k256_pubkey;
	const struct bootstrap_response *bootstrap_info;
	bool is_dev;
	struct span gateway_app_id, kms_contract_address;
	struct optional_u64 chain_id;
	struct span app_auth_implementation;
};
struct get_kms_key_request {
	struct span vm_config;
};
struct kms_keys {
	struct span ca_key, k256_key;
};
struct kms_key_response {
	struct span temp_ca_key;
	struct list keys; /* struct kms_keys */
};
struct get_temp_ca_cert_response {
	struct span temp_ca_cert, temp_ca_key, ca_cert;
};
struct sign_cert_request {
	uint32_t api_version;
	struct span csr, signature, vm_config;
};
struct sign_cert_response {
	struct list certificate_chain; /* struct span */
};
struct clear_image_cache_request { /* token: only on the main listener */
	struct span token, image_hash, config_hash;
};
struct onboard_request {
	struct span source_url, domain;
};
struct onboard_response {
	struct span k256_pubkey;
};
struct attestation_info_response {
	struct span device_id, mr_aggregated, os_image_hash, attestation_mode, tee_variant, site_name, eth_rpc_url, kms_contract_address,
		ppid;
};

struct message;
extern const struct message message_empty, message_get_app_key_request, message_app_id, message_public_key_response,
	message_app_key_response, message_bootstrap_request, message_bootstrap_response, message_get_meta_response,
	message_get_kms_key_request, message_kms_key_response, message_get_temp_ca_cert_response, message_sign_cert_request,
	message_sign_cert_response, message_clear_image_cache_request, message_admin_clear_image_cache_request, message_onboard_request,
	message_onboard_response, message_onboard_response_empty, message_attestation_info_response;

/* Room for any message struct above. */
enum { MESSAGE_SIZE_MAX = 256 };

/* Decoders: fill *out (zeroed first) from one whole message. ERR_INPUT with what is wrong, ERR_LIMIT. Empty input gives defaults. */
int message_from_json(const struct message *m, struct arena *a, struct span text, void *out, struct diag *d);
int message_from_proto(const struct message *m, struct arena *a, struct span bytes, void *out, struct diag *d);
int message_from_form(const struct message *m, struct arena *a, struct span query, void *out, struct diag *d);

/* Encoders into the arena; {NULL, 0} when it is full. JSON is compact and has every key; the empty message is "null". */
struct span message_to_json(const struct message *m, struct arena *a, const void *in);
struct span message_to_proto(const struct message *m, struct arena *a, const void *in);

#endif
