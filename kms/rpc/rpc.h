/* One RPC: from an HTTP request to an HTTP answer, in the order of protocol section 2.5. */
#ifndef UKMS_KMS_RPC_RPC_H
#define UKMS_KMS_RPC_RPC_H

#include "kms/rpc/kms.h"
#include "kms/server/http.h"
#include "kms/wire/messages.h"

struct rpc_call {
	struct kms *kms;
	const struct http_request *http;
	struct arena *a;
	int64_t now;            /* seconds since the epoch */
	bool attested;          /* the peer proved a key that verified evidence names */
	struct verified caller; /* if attested */
	/* For the audit log: set by whatever step learnt it. */
	const struct boot_info *who;
	bool denied; /* by policy, as opposed to a failure */
	bool finish; /* the listener ends after this answer */
};

typedef int (*rpc_run)(struct rpc_call *c, const void *request, void *response, struct diag *d);

struct rpc_method {
	const char *name;
	const struct message *request, *response;
	rpc_run run;
	struct rpc_series *series; /* kms/rpc/series.h */
	bool audited;              /* releases keys or certificates: each outcome is recorded */
};

struct rpc_service {
	const char *prefix; /* "KMS." */
	const struct rpc_method *methods;
	size_t count;
};

/* rpc_onboard_with_key: Onboard answers with the k256 key, as since August 2026. */
extern const struct rpc_service rpc_kms, rpc_onboard, rpc_onboard_with_key, rpc_admin;

/* true if path is /prpc/ and one segment; *method is that segment, without the service's prefix however often it leads. */
bool rpc_path(const struct rpc_service *s, struct span path, struct span *method);

/* Answers a request whose path rpc_path() took and whose verb is GET, HEAD or POST. */
void rpc_serve(struct kms *k, const struct rpc_service *s, struct span method, const struct http_request *req, struct http_response *resp);

/* The first query field named json decides (section 2.6). */
bool rpc_query_wants_json(struct span query);
/* The error body of section 2.8 for a text that need not be UTF-8. */
struct span rpc_error_body(struct arena *a, bool json, const char *text);

/* The methods, one file each. */
int rpc_get_app_key(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_get_kms_key(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_get_app_env_encrypt_pub_key(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_get_meta(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_get_temp_ca_cert(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_sign_cert(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_clear_image_cache(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_admin_clear_image_cache(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_bootstrap(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_onboard_from(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_get_attestation_info(struct rpc_call *c, const void *request, void *response, struct diag *d);
int rpc_finish(struct rpc_call *c, const void *request, void *response, struct diag *d);

#endif
