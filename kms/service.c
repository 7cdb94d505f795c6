#include "kms/service.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wipe.h"
#include "crypto/pem.h"
#include "kms/attest/cache.h"
#include "kms/attest/collateral.h"
#include "kms/attest/doc_cache.h"
#include "kms/attest/rules.h"
#include "kms/attest/snp_kds.h"
#include "kms/auth/dev.h"
#include "kms/auth/webhook.h"
#include "kms/rpc/admin_auth.h"
#include "kms/rpc/onboard_store.h"
#include "kms/rpc/routes.h"
#include "kms/rpc/series.h"
#include "kms/server/server.h"

enum { STATE_ARENA = 16 << 20, EVIDENCE_ROOM = 4096, REFRESH_AHEAD = 6 * 3600 };

/* Everything that lives as long as the service. */
struct running {
	struct service *s;
	struct kms kms;
	struct arena arena; /* identity and its files */
	struct attest_ctx attest;
	struct http_roots *roots;
	struct http_means means; /* of fetching what is signed */
	struct auth_dev dev;
	struct auth_webhook webhook;
};

/* --- means ------------------------------------------------------------------------------------------------------------------------ */

static int open_roots(struct running *r, struct diag *d)
{
	const struct config *c = r->s->config;
	struct span pem = SPAN_STR(c->web_roots);
	if (!*c->web_roots) {
		r->roots = r->s->measured ? NULL : http_roots_system();
		return 0;
	}
	if (!r->s->measured) {
		int e = config_slurp(&r->arena, c->web_roots, &pem, d);
		if (e)
			return diag_wrap(d, e, "core.web_roots");
	}
	int e = http_roots_read(&r->roots, pem, d);
	return e ? diag_wrap(d, e, "core.web_roots") : 0;
}

/* The operator's collateral, if there is any. */
static int supplied_collateral(struct running *r, struct span *out, struct diag *d)
{
	const char *text = r->s->config->collateral;
	*out = SPAN_STR(text);
	if (!*text || r->s->measured)
		return 0;
	int e = config_slurp(&r->arena, text, out, d);
	return e ? diag_wrap(d, e, "core.attestation.collateral") : 0;
}

static int open_attest(struct running *r, struct diag *d)
{
	const struct config *c = r->s->config;
	const char *pccs = *c->url_pccs ? c->url_pccs : *c->pccs_url ? c->pccs_url : r->s->measured ? NULL : getenv("PCCS_URL");
	r->attest = r->s->attest;
	r->means = (struct http_means){r->roots, r->s->proxies};
	r->attest.fetcher = http_fetcher(&r->means);
	r->attest.rules.generation = c->strict ? GEN_STRICT : GEN_COMPAT;
	for (size_t i = 0; i < c->relax.count; i++)
		if (!attest_rule_relax(&r->attest.rules, SPAN_STR(c->relax.text[i])))
			return diag_fail(d, ERR_CONFIG, "core.attestation.relax: \"%s\" is not the name of a rule", c->relax.text[i]);
	struct collateral_config cc = {.root_der = r->attest.anchors.intel_sgx_root, .fetcher = r->attest.fetcher};
	if (pccs && *pccs) {
		cc.endpoint[0] = pccs;
		cc.endpoint_count = 1;
	}
	int e = supplied_collateral(r, &cc.bundle, d);
	if (!e)
		e = collateral_cache_open(&cc, &r->attest.collateral, d);
	if (!e && (e = evidence_cache_open(EVIDENCE_ROOM, &r->attest.cache)))
		e = diag_fail(d, e, "out of memory");
	if (!e && (e = doc_cache_open(&r->attest.docs)))
		e = diag_fail(d, e, "out of memory");
	if (!e && !(r->attest.snp_kds = snp_kds_open(*c->url_amd_kds ? c->url_amd_kds : NULL)))
		e = diag_fail(d, ERR_LIMIT, "out of memory");
	return e;
}

static void open_auth(struct running *r)
{
	const struct config *c = r->s->config;
	r->dev = (struct auth_dev){c->auth_dev_gateway_app_id};
	r->webhook = (struct auth_webhook){c->auth_webhook_url, (unsigned)c->auth_timeout * 1000, r->roots, r->s->proxies};
	r->kms.auth = c->auth_type == CONFIG_AUTH_DEV ? auth_dev_backend(&r->dev) : auth_webhook_backend(&r->webhook);
}

/* Fetches collateral before it expires, so that no request waits for it. */
static void *refresh(void *arg)
{
	struct running *r = arg;
	for (;;) {
		int wait = collateral_refresh(r->attest.collateral, time(NULL), REFRESH_AHEAD);
		sleep(wait > 0 ? (unsigned)wait : 60);
	}
	return NULL;
}

/* What the log has come to is kept every minute, so that no release waits for a disk. */
static void *keep_audit(void *arg)
{
	struct running *r = arg;
	for (;;) {
		sleep(AUDIT_KEEP_SECONDS);
		audit_keep_save(&r->kms.audit_keep);
	}
	return NULL;
}

static int start_threads(struct running *r, struct diag *d)
{
	void *(*const main[])(void *) = {refresh, keep_audit};
	for (size_t i = 0; i < sizeof main / sizeof main[0]; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, main[i], r) || pthread_detach(t))
			return diag_fail(d, ERR_LIMIT, "cannot start a thread");
	}
	return 0;
}

/* --- phases ----------------------------------------------------------------------------------------------------------------------- */

static void phase(const struct running *r, enum service_phase p)
{
	if (r->s->on_phase)
		r->s->on_phase(r->s->hook_ctx, p);
}

static struct server_limits limits(const struct config *c)
{
	return (struct server_limits){
		.workers = (unsigned)c->workers, .connections = (unsigned)c->connections_max, .queue = (unsigned)c->queue_max};
}

static int load_files(struct running *r, struct key_files *files, struct diag *d)
{
	return r->kms.storage->load(r->kms.storage->self, &r->arena, files, d);
}

static int serve_onboarding(struct running *r, int listener, struct diag *d)
{
	struct server *server;
	struct server_config sc = {.listen_fd = listener, .handler = routes_onboard, .ctx = &r->kms, .limits = limits(r->s->config)};
	int e = server_open(&server, &sc, d);
	if (e)
		return e;
	log_info("service", "onboarding address=%s port=%u", r->s->config->onboard_address, (unsigned)server_port(server));
	phase(r, SERVICE_ONBOARDING);
	e = server_run(server, d);
	server_close(server);
	return e;
}

/* From no keys to keys (section 1, step 3). *listener: the socket to go on with, or -1. */
static int onboard(struct running *r, struct key_files *files, int *listener, struct diag *d)
{
	const struct config *c = r->s->config;
	int e = load_files(r, files, d);
	if (e || identity_complete(files) || !c->onboard_enabled)
		return e;
	if (*c->auto_bootstrap_domain) {
		e = onboard_auto_bootstrap(&r->kms, &r->arena, time(NULL), SPAN_STR(c->auto_bootstrap_domain), d);
	} else {
		int fd = server_listen(c->onboard_address, c->onboard_port, d);
		if (fd < 0)
			return fd;
		e = serve_onboarding(r, fd, d);
		/* The same socket, if it is the same place: no moment at which the port is closed. */
		if (!e && c->onboard_port == c->rpc_port && strcmp(c->onboard_address, c->rpc_address) == 0)
			*listener = fd;
		else
			close(fd);
	}
	arena_reset(&r->arena);
	if (!e && !(e = load_files(r, files, d)) && !identity_complete(files))
		e = diag_fail(d, ERR_MISSING, "Failed to onboard");
	return e;
}

/* Steps 4 and 5: new certificates, then the state that requests read. */
static int renew(struct running *r, struct key_files *files, struct diag *d)
{
	const struct config *c = r->s->config;
	struct key_files renewed;
	int e = identity_renew(files, SPAN_STR(c->auto_bootstrap_domain), c->attest_rpc_cert ? r->kms.attester : NULL, time(NULL),
			       &r->arena, &renewed, d);
	if (!e && !(e = r->kms.storage->store(r->kms.storage->self, &renewed, d)))
		*files = renewed;
	if (e && c->attest_rpc_cert)
		return diag_wrap(
			d, e,
			"Failed to reissue the attested KMS RPC certificate; refusing to start with a potentially unattested certificate");
	if (e)
		log_warn("service", "Failed to update certs: %s", d->text);
	return identity_read(files, &r->arena, &r->kms.id, d);
}

struct admin {
	struct server *server;
	pthread_t thread;
};

static void *run_admin(void *arg)
{
	struct diag d = {0};
	int e = server_run(arg, &d);
	log_error("service", "admin listener ended error=%d reason=\"%s\"", e, d.text);
	return NULL;
}

static int start_admin(struct running *r, struct admin *admin, struct diag *d)
{
	const struct config *c = r->s->config;
	struct server_config sc = {
		.listen_fd = -1, .address = c->admin_address, .port = c->admin_port, .handler = routes_admin, .ctx = &r->kms};
	int e;
	sc.limits.loops = 1;
	sc.limits.workers = 1;
	admin->server = NULL;
	if (!c->admin_enabled)
		return 0;
	if ((e = admin_check_config(c, d)) || (e = server_open(&admin->server, &sc, d)))
		return e;
	log_info("service", "admin address=%s port=%u", c->admin_address, (unsigned)server_port(admin->server));
	return pthread_create(&admin->thread, NULL, run_admin, admin->server) ? diag_fail(d, ERR_LIMIT, "cannot start the admin listener")
									      : 0;
}

static void stop_admin(struct admin *admin)
{
	if (!admin->server)
		return;
	server_stop(admin->server);
	pthread_join(admin->thread, NULL);
	server_close(admin->server);
}

static int serve(struct running *r, int listener, struct diag *d)
{
	const struct config *c = r->s->config;
	struct identity *id = &r->kms.id;
	struct server_tls tls = {.chain = &id->rpc_der, .chain_len = 1, .client_ca = id->temp_ca_der};
	struct server_config sc = {.listen_fd = listener,
				   .address = c->rpc_address,
				   .port = c->rpc_port,
				   .tls = &tls,
				   .handler = routes_main,
				   .ctx = &r->kms,
				   .headers = routes_version_header,
				   .limits = limits(c)};
	struct server *server;
	struct admin admin;
	memcpy(tls.key, id->keys.rpc.scalar, sizeof tls.key);
	int e = server_open(&server, &sc, d);
	wipe(&tls, sizeof tls);
	if (e)
		return e;
	if (!(e = start_admin(r, &admin, d))) {
		log_info("service", "serving address=%s port=%u domain=%.*s", c->rpc_address, (unsigned)server_port(server),
			 SPAN_FMT(id->domain));
		phase(r, SERVICE_READY);
		e = server_run(server, d);
		stop_admin(&admin);
	}
	server_close(server);
	return e ? e : diag_fail(d, ERR_INTERNAL, "the listener ended");
}

static int run(struct running *r, struct diag *d)
{
	struct service *s = r->s;
	struct key_files files;
	int listener = -1, e;
	if ((e = config_check(s->config, d)) || (e = open_roots(r, d)) || (e = open_attest(r, d)))
		return e;
	open_auth(r);
	if (!s->config->attest_rpc_cert)
		log_warn("service", "attest_rpc_cert is false: clients cannot verify this KMS");
	if (s->config->auth_type == CONFIG_AUTH_DEV)
		log_warn("service", "auth_api.type is dev: every app and every KMS is allowed");
	if ((e = audit_keep_begin(&r->kms.audit_keep, &r->kms.audit, s->storage, time(NULL), d)) || (e = start_threads(r, d)))
		return e;
	e = onboard(r, &files, &listener, d);
	own_evidence_forget(&r->kms.own);
	if (e || (e = renew(r, &files, d)))
		goto done;
	audit_keep_save(&r->kms.audit_keep);
	if (s->on_keys && (e = s->on_keys(s->hook_ctx, SPAN_ARR(r->kms.id.root_spki), d)))
		goto done;
	e = serve(r, listener, d);
done:
	if (listener >= 0)
		close(listener);
	return e;
}

int service_run(struct service *s, struct diag *d)
{
	/* Never freed: the collateral thread and late answers may still read it when a fatal error ends the service. */
	struct running *r = calloc(1, sizeof *r);
	if (!r || arena_open(&r->arena, STATE_ARENA) || audit_open(&r->kms.audit))
		return diag_fail(d, ERR_LIMIT, "out of memory");
	r->s = s;
	r->kms.config = s->config;
	r->kms.attester = s->attester;
	r->kms.storage = s->storage;
	r->kms.proxies = s->proxies;
	r->kms.attest = &r->attest;
	own_evidence_init(&r->kms.own);
	audit_keep_init(&r->kms.audit_keep);
	pthread_mutex_init(&r->kms.self.lock, NULL);
	pthread_mutex_init(&r->kms.setup, NULL);
	series_start();
	atomic_store(&s->running, r);
	int e = run(r, d);
	service_end(s);
	wipe(&r->kms.id.keys, sizeof r->kms.id.keys);
	arena_reset(&r->arena);
	return e;
}

void service_end(struct service *s)
{
	struct running *r = atomic_load(&s->running);
	if (r)
		audit_keep_end(&r->kms.audit_keep);
}
