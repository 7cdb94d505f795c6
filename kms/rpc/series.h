/* What /metrics says about RPCs: upstream's two counters (protocol section 2.9) and the service's own series. */
#ifndef UKMS_KMS_RPC_SERIES_H
#define UKMS_KMS_RPC_SERIES_H

#include "base/arena.h"
#include "kms/server/metrics.h"

/* Of one method. */
struct rpc_series {
	atomic_long ok, failed;
	struct metric_histogram seconds;
};

enum rpc_series_id {
	SERIES_GET_APP_KEY,
	SERIES_GET_KMS_KEY,
	SERIES_SIGN_CERT,
	SERIES_GET_META,
	SERIES_GET_TEMP_CA_CERT,
	SERIES_GET_APP_ENV_ENCRYPT_PUB_KEY,
	SERIES_CLEAR_IMAGE_CACHE,
	SERIES_METHODS
};
extern struct rpc_series rpc_series_of[SERIES_METHODS];

/* Why nothing was released. */
enum denial { DENIAL_NO_EVIDENCE, DENIAL_EVIDENCE, DENIAL_POLICY, DENIAL_SELF, DENIAL_IMAGE, DENIAL_OTHER, DENIALS };
extern atomic_long series_denials[DENIALS];
extern atomic_long series_auth_calls, series_auth_errors, series_evidence_checked, series_evidence_refused;
extern struct metric_histogram series_auth_seconds, series_evidence_seconds;
extern atomic_long series_attestation_requests, series_attestation_failures;

/* Sets the beginning of the uptime. */
void series_start(void);
/* The whole page. {NULL,0} when the arena is full. */
struct span series_page(struct arena *a);

#endif
