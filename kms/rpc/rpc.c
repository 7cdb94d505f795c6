#include "kms/rpc/rpc.h"

#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "base/wr.h"
#include "kms/rpc/peer.h"
#include "kms/rpc/series.h"
#include "kms/wire/form.h"
#include "kms/wire/json_out.h"

static const char json_type[] = "application/json", proto_type[] = "application/octet-stream";

/* --- selection -------------------------------------------------------------------------------------------------------------------- */

bool rpc_path(const struct rpc_service *s, struct span path, struct span *method)
{
	static const char root[] = "/prpc/";
	size_t prefix = strlen(s->prefix);
	if (!span_starts(path, root))
		return false;
	struct span m = SPAN(path.p + sizeof root - 1, path.n - (sizeof root - 1));
	if (m.n == 0 || memchr(m.p, '/', m.n))
		return false;
	while (span_starts(m, s->prefix))
		m = SPAN(m.p + prefix, m.n - prefix);
	*method = m;
	return true;
}

bool rpc_query_wants_json(struct span query)
{
	struct rd r = rd_from(query);
	struct form_field f;
	while (form_next(&r, &f))
		if (span_is(f.name, "json"))
			return f.value.n == 0 || span_is(f.value, "true") || span_is(f.value, "1");
	return false;
}

static bool is_json_type(struct span type)
{
	static const char want[] = "application/json";
	size_t n = sizeof want - 1;
	for (size_t i = 0; i < n; i++) {
		if (i >= type.n)
			return false;
		uint8_t c = type.p[i];
		if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != want[i])
			return false;
	}
	while (n < type.n && (type.p[n] == ' ' || type.p[n] == '\t'))
		n++;
	return n == type.n || type.p[n] == ';';
}

/* --- answers ---------------------------------------------------------------------------------------------------------------------- */

struct span rpc_error_body(struct arena *a, bool json, const char *text)
{
	struct span s = utf8_repair(a, SPAN_STR(text));
	size_t cap = 6 * s.n + 32;
	uint8_t *p = arena_alloc(a, cap);
	struct wr w = wr_to(p, p ? cap : 0);
	if (json) {
		wr_str(&w, "{\n  \"error\": ");
		json_out_string(&w, s);
		wr_str(&w, "\n}");
	} else {
		/* field 1, length-delimited */
		wr_u8(&w, 0x0a);
		size_t n = s.n;
		for (; n >= 0x80; n >>= 7)
			wr_u8(&w, (uint8_t)(n | 0x80));
		wr_u8(&w, (uint8_t)n);
		wr_put(&w, s);
	}
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}

static void refuse(struct http_response *resp, struct arena *a, bool json, const struct diag *d)
{
	*resp = (struct http_response){.status = 400,
				       .content_type = json ? json_type : proto_type,
				       .body = rpc_error_body(a, json, d->text),
				       .close = resp->close};
}

/* --- one call --------------------------------------------------------------------------------------------------------------------- */

static const struct rpc_method *find(const struct rpc_service *s, struct span name)
{
	for (size_t i = 0; i < s->count; i++)
		if (span_is(name, s->methods[i].name))
			return &s->methods[i];
	return NULL;
}

static int decode(const struct rpc_method *m, const struct http_request *req, bool json, void *out, struct diag *d)
{
	if (req->method != HTTP_POST_)
		return message_from_form(m->request, req->arena, req->query, out, d);
	return (json ? message_from_json : message_from_proto)(m->request, req->arena, req->body, out, d);
}

static int dispatch(struct rpc_call *c, const struct rpc_method *m, bool json, struct span *body, struct diag *d)
{
	_Alignas(16) uint8_t request[MESSAGE_SIZE_MAX], response[MESSAGE_SIZE_MAX] = {0};
	int e = decode(m, c->http, json, request, d);
	if (e || (e = m->run(c, request, response, d)))
		return e;
	*body = (json ? message_to_json : message_to_proto)(m->response, c->a, response);
	return body->p ? 0 : diag_fail(d, ERR_LIMIT, "the answer is too large");
}

static void account(struct rpc_call *c, const struct rpc_method *m, int e, uint64_t since, const struct diag *d)
{
	uint64_t took = metric_now_us() - since;
	if (m->series) {
		metric_add(e ? &m->series->failed : &m->series->ok, 1);
		metric_observe(&m->series->seconds, took);
	}
	if (m->audited)
		audit_add(&c->kms->audit, c->now, m->name, c->who, c->http->peer, e ? d->text : NULL);
	if (e)
		log_info("rpc", "refused method=%s peer=%.*s us=%llu error=\"%s\"", m->name, SPAN_FMT(c->http->peer),
			 (unsigned long long)took, d->text);
	else
		log_info("rpc", "ok method=%s peer=%.*s us=%llu", m->name, SPAN_FMT(c->http->peer), (unsigned long long)took);
}

void rpc_serve(struct kms *k, const struct rpc_service *s, struct span method, const struct http_request *req, struct http_response *resp)
{
	uint64_t since = metric_now_us();
	struct rpc_call c = {.kms = k, .http = req, .a = req->arena, .now = time(NULL)};
	struct diag d = {0};
	struct span body;
	bool json = req->method != HTTP_POST_ || rpc_query_wants_json(req->query);
	if (peer_check(&c, &d)) {
		log_info("rpc", "refused peer=%.*s error=\"%s\"", SPAN_FMT(req->peer), d.text);
		refuse(resp, c.a, json, &d);
		return;
	}
	if (req->body_too_large) {
		diag_set(&d, "failed to read data: payload too large");
		resp->close = true;
		refuse(resp, c.a, json, &d);
		return;
	}
	json = json || is_json_type(req->content_type);
	const struct rpc_method *m = find(s, method);
	if (!m) {
		diag_set(&d, "Service not found: %.*s", SPAN_FMT(method));
		refuse(resp, c.a, json, &d);
		return;
	}
	int e = dispatch(&c, m, json, &body, &d);
	account(&c, m, e, since, &d);
	if (e) {
		refuse(resp, c.a, json, &d);
		return;
	}
	*resp = (struct http_response){.status = 200, .content_type = json ? json_type : proto_type, .body = body, .shutdown = c.finish};
}

/* --- the services ----------------------------------------------------------------------------------------------------------------- */

#define SERIES(id) &rpc_series_of[SERIES_##id]

static const struct rpc_method kms_methods[] = {
	{"GetAppKey", &message_get_app_key_request, &message_app_key_response, rpc_get_app_key, SERIES(GET_APP_KEY), true},
	{"GetKmsKey", &message_get_kms_key_request, &message_kms_key_response, rpc_get_kms_key, SERIES(GET_KMS_KEY), true},
	{"GetAppEnvEncryptPubKey", &message_app_id, &message_public_key_response, rpc_get_app_env_encrypt_pub_key,
	 SERIES(GET_APP_ENV_ENCRYPT_PUB_KEY), false},
	{"GetMeta", &message_empty, &message_get_meta_response, rpc_get_meta, SERIES(GET_META), false},
	{"GetTempCaCert", &message_empty, &message_get_temp_ca_cert_response, rpc_get_temp_ca_cert, SERIES(GET_TEMP_CA_CERT), false},
	{"SignCert", &message_sign_cert_request, &message_sign_cert_response, rpc_sign_cert, SERIES(SIGN_CERT), true},
	{"ClearImageCache", &message_clear_image_cache_request, &message_empty, rpc_clear_image_cache, SERIES(CLEAR_IMAGE_CACHE), false},
};
const struct rpc_service rpc_kms = {"KMS.", kms_methods, sizeof kms_methods / sizeof kms_methods[0]};

/* Onboard answers {} as before August 2026, or with the key, as the configuration says. */
#define ONBOARD_METHODS(answer)                                                                                                            \
	{                                                                                                                                  \
		{"Bootstrap", &message_bootstrap_request, &message_bootstrap_response, rpc_bootstrap, NULL, true},                         \
			{"Onboard", &message_onboard_request, &answer, rpc_onboard_from, NULL, true},                                      \
			{"GetAttestationInfo", &message_empty, &message_attestation_info_response, rpc_get_attestation_info, NULL, false}, \
			{"Finish", &message_empty, &message_empty, rpc_finish, NULL, false},                                               \
	}
static const struct rpc_method onboard_methods[] = ONBOARD_METHODS(message_onboard_response_empty);
static const struct rpc_method onboard_methods_with_key[] = ONBOARD_METHODS(message_onboard_response);
const struct rpc_service rpc_onboard = {"Onboard.", onboard_methods, sizeof onboard_methods / sizeof onboard_methods[0]};
const struct rpc_service rpc_onboard_with_key = {"Onboard.", onboard_methods_with_key, sizeof onboard_methods / sizeof onboard_methods[0]};

static const struct rpc_method admin_methods[] = {
	{"ClearImageCache", &message_admin_clear_image_cache_request, &message_empty, rpc_admin_clear_image_cache,
	 SERIES(CLEAR_IMAGE_CACHE), false},
};
const struct rpc_service rpc_admin = {"Admin.", admin_methods, sizeof admin_methods / sizeof admin_methods[0]};
