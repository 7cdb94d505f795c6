#include "kms/rpc/series.h"

#include <time.h>

#include "kms/attest/cache.h"
#include "kms/attest/collateral.h"

struct rpc_series rpc_series_of[SERIES_METHODS];
atomic_long series_denials[DENIALS];
atomic_long series_auth_calls, series_auth_errors, series_evidence_checked, series_evidence_refused;
struct metric_histogram series_auth_seconds, series_evidence_seconds;
atomic_long series_attestation_requests, series_attestation_failures;

static atomic_long build_info = 1;

static atomic_long started;

void series_start(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	atomic_store(&started, (long)t.tv_sec);
}

static long uptime(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec - atomic_load(&started);
}

static const struct metric upstream[] = {
	{.name = "dstack_kms_attestation_requests_total",
	 .help = "Total number of KMS attestation requests.",
	 .type = METRIC_COUNTER,
	 .value = &series_attestation_requests},
	{.name = "dstack_kms_attestation_failures_total",
	 .help = "Total number of failed KMS attestation requests.",
	 .type = METRIC_COUNTER,
	 .value = &series_attestation_failures},
};

#define REQUESTS(id, method)                                                                                                               \
	{.name = "ukms_rpc_requests_total",                                                                                                \
	 .labels = "method=\"" method "\",result=\"ok\"",                                                                                  \
	 .help = "RPCs answered.",                                                                                                         \
	 .type = METRIC_COUNTER,                                                                                                           \
	 .value = &rpc_series_of[id].ok},                                                                                                  \
	{                                                                                                                                  \
		.name = "ukms_rpc_requests_total", .labels = "method=\"" method "\",result=\"error\"", .help = "RPCs answered.",           \
		.type = METRIC_COUNTER, .value = &rpc_series_of[id].failed                                                                 \
	}
#define SECONDS(id, method)                                                                                                                \
	{                                                                                                                                  \
		.name = "ukms_rpc_seconds", .labels = "method=\"" method "\"", .help = "Time to answer an RPC, by method.",                \
		.type = METRIC_HISTOGRAM, .hist = &rpc_series_of[id].seconds                                                               \
	}
#define DENIED(id, why)                                                                                                                    \
	{                                                                                                                                  \
		.name = "ukms_denials_total", .labels = "reason=\"" why "\"", .help = "Requests refused, by reason.",                      \
		.type = METRIC_COUNTER, .value = &series_denials[id]                                                                       \
	}
#define COUNTER(n, h, v)                                                                                                                   \
	{                                                                                                                                  \
		.name = n, .help = h, .type = METRIC_COUNTER, .value = v                                                                   \
	}

static long collateral_age(void)
{
	long fetched = atomic_load_explicit(&collateral_figures.oldest_fetched, memory_order_relaxed);
	return fetched ? (long)time(NULL) - fetched : 0;
}

static const struct metric own[] = {
	{.name = "ukms_build_info",
	 .labels = "version=\"" UKMS_VERSION "\"",
	 .help = "Always 1.",
	 .type = METRIC_GAUGE,
	 .value = &build_info},
	{.name = "ukms_uptime_seconds", .help = "Seconds since the service started.", .type = METRIC_GAUGE, .read = uptime},
	REQUESTS(SERIES_GET_APP_KEY, "GetAppKey"),
	REQUESTS(SERIES_GET_KMS_KEY, "GetKmsKey"),
	REQUESTS(SERIES_SIGN_CERT, "SignCert"),
	REQUESTS(SERIES_GET_META, "GetMeta"),
	REQUESTS(SERIES_GET_TEMP_CA_CERT, "GetTempCaCert"),
	REQUESTS(SERIES_GET_APP_ENV_ENCRYPT_PUB_KEY, "GetAppEnvEncryptPubKey"),
	REQUESTS(SERIES_CLEAR_IMAGE_CACHE, "ClearImageCache"),
	SECONDS(SERIES_GET_APP_KEY, "GetAppKey"),
	SECONDS(SERIES_GET_KMS_KEY, "GetKmsKey"),
	SECONDS(SERIES_SIGN_CERT, "SignCert"),
	SECONDS(SERIES_GET_META, "GetMeta"),
	SECONDS(SERIES_GET_TEMP_CA_CERT, "GetTempCaCert"),
	SECONDS(SERIES_GET_APP_ENV_ENCRYPT_PUB_KEY, "GetAppEnvEncryptPubKey"),
	DENIED(DENIAL_NO_EVIDENCE, "no_evidence"),
	DENIED(DENIAL_EVIDENCE, "evidence"),
	DENIED(DENIAL_POLICY, "policy"),
	DENIED(DENIAL_SELF, "self_authorization"),
	DENIED(DENIAL_IMAGE, "image"),
	DENIED(DENIAL_OTHER, "other"),
	COUNTER("ukms_auth_calls_total", "Questions put to the policy backend.", &series_auth_calls),
	COUNTER("ukms_auth_errors_total", "Questions that the policy backend did not answer.", &series_auth_errors),
	{.name = "ukms_auth_seconds",
	 .help = "Time of one question to the policy backend.",
	 .type = METRIC_HISTOGRAM,
	 .hist = &series_auth_seconds},
	COUNTER("ukms_evidence_checked_total", "Client certificates with evidence that was verified or refused.", &series_evidence_checked),
	COUNTER("ukms_evidence_refused_total", "Client certificates whose evidence was refused.", &series_evidence_refused),
	{.name = "ukms_evidence_seconds",
	 .help = "Time to verify the evidence of a client certificate.",
	 .type = METRIC_HISTOGRAM,
	 .hist = &series_evidence_seconds},
	COUNTER("ukms_evidence_cache_hits_total", "Evidence whose verdict was remembered.", &evidence_cache_hits),
	COUNTER("ukms_evidence_cache_misses_total", "Evidence that was verified anew.", &evidence_cache_misses),
	COUNTER("ukms_collateral_hits_total", "Quotes judged with collateral that was there.", &collateral_figures.hits),
	COUNTER("ukms_collateral_misses_total", "Quotes for which collateral had to be fetched first.", &collateral_figures.misses),
	COUNTER("ukms_collateral_failures_total", "Fetches of collateral that failed.", &collateral_figures.failures),
	{.name = "ukms_collateral_age_seconds",
	 .help = "Age of the oldest collateral in use; 0 if there is none.",
	 .type = METRIC_GAUGE,
	 .read = collateral_age},
};

struct span series_page(struct arena *a)
{
	enum { PAGE_MAX = 96 * 1024 };
	uint8_t *p = arena_alloc(a, PAGE_MAX);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, PAGE_MAX);
	metrics_write(&w, upstream, sizeof upstream / sizeof upstream[0]);
	metrics_write(&w, own, sizeof own / sizeof own[0]);
	metrics_write(&w, server_metrics, server_metrics_count);
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}
