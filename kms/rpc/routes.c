#include "kms/rpc/routes.h"

#include <time.h>

#include "kms/rpc/admin_auth.h"
#include "kms/rpc/page.h"
#include "kms/rpc/series.h"

const char routes_version_header[] = "X-App-Version: " ROUTES_VERSION "\r\n";

static const char text_type[] = "text/plain; charset=utf-8";

static void plain(struct http_response *resp, int status, const char *text)
{
	*resp = (struct http_response){.status = status, .content_type = text_type, .body = SPAN_STR(text), .close = resp->close};
}

static void not_found(struct http_response *resp)
{
	plain(resp, 404, "Not Found\n");
}

static bool reads(const struct http_request *req)
{
	return req->method == HTTP_GET_ || req->method == HTTP_HEAD_;
}

/* /prpc/...: true if the path was an RPC's and has been answered. */
static bool rpc(struct kms *k, const struct rpc_service *s, const struct http_request *req, struct http_response *resp)
{
	struct span method;
	if (span_is(req->path, "/prpc/")) {
		if (req->method == HTTP_OTHER)
			not_found(resp);
		else
			plain(resp, 422, "Unprocessable Entity\n");
		return true;
	}
	if (!rpc_path(s, req->path, &method))
		return false;
	if (req->method == HTTP_OTHER)
		not_found(resp);
	else
		rpc_serve(k, s, method, req, resp);
	return true;
}

/* Upstream counts three methods by their path, whatever the verb and the outcome. */
static void count(const struct http_request *req, const struct http_response *resp)
{
	static const char *const counted[] = {"GetAppKey", "GetKmsKey", "SignCert"};
	struct span method;
	if (!rpc_path(&rpc_kms, req->path, &method))
		return;
	for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
		if (!span_is(method, counted[i]))
			continue;
		metric_add(&series_attestation_requests, 1);
		if (resp->status >= 400)
			metric_add(&series_attestation_failures, 1);
	}
}

void routes_main(void *ctx, const struct http_request *req, struct http_response *resp)
{
	struct kms *k = ctx;
	if (rpc(k, &rpc_kms, req, resp)) {
		count(req, resp);
	} else if (reads(req) && span_is(req->path, "/health")) {
		plain(resp, 200, "OK");
	} else if (reads(req) && span_is(req->path, "/metrics") && k->config->metrics_enabled) {
		struct span page = series_page(req->arena);
		*resp = (struct http_response){.status = page.p ? 200 : 500, .content_type = text_type, .body = page};
	} else {
		not_found(resp);
	}
}

void routes_onboard(void *ctx, const struct http_request *req, struct http_response *resp)
{
	struct kms *k = ctx;
	if (rpc(k, k->config->onboard_respond_key ? &rpc_onboard_with_key : &rpc_onboard, req, resp))
		return;
	if (reads(req) && span_is(req->path, "/")) {
		page_serve(k, req, resp);
	} else if (reads(req) && span_is(req->path, "/finish")) {
		plain(resp, 200, "OK");
		resp->shutdown = true;
	} else if (reads(req) && span_is(req->path, "/health")) {
		plain(resp, 200, "OK");
	} else {
		not_found(resp);
	}
}

void routes_admin(void *ctx, const struct http_request *req, struct http_response *resp)
{
	struct kms *k = ctx;
	if (!admin_allowed(k->config, req)) {
		*resp = (struct http_response){.status = 401, .extra = "WWW-Authenticate: Basic realm=\"dstack-kms admin\"\r\n"};
		return;
	}
	if (rpc(k, &rpc_admin, req, resp))
		return;
	if (reads(req) && span_is(req->path, "/audit")) {
		struct span log = audit_export(&k->audit, req->arena, k->id.keys.root.k256);
		*resp = (struct http_response){.status = log.p ? 200 : 500, .content_type = "application/x-ndjson", .body = log};
	} else {
		not_found(resp);
	}
}
