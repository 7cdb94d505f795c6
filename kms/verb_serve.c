/* ukms serve: the KMS as an ordinary process. Files in cert_dir, evidence from a guest agent, configuration from upstream's places. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/pem.h"
#include "kms/attest/attester_agent.h"
#include "kms/client/proxy.h"
#include "kms/keys/cert_dir.h"
#include "kms/service.h"
#include "kms/verbs.h"

enum { CONFIG_ARENA = 16 << 20 };

static const char *const places[] = {"/etc/kms/kms.toml", "/etc/kms/kms.json", "./kms.toml", "./kms.json"};

/* The first admin token that is more than white space, without the white space around it; "" if there is none. */
static const char *admin_token(struct arena *a, const char *configured)
{
	static const char space[] = " \t\r\n";
	const char *places_of_token[] = {configured, getenv("DSTACK_KMS_ADMIN_TOKEN"), getenv("ADMIN_API_TOKEN")};
	for (size_t i = 0; i < sizeof places_of_token / sizeof places_of_token[0]; i++) {
		const char *t = places_of_token[i] ? places_of_token[i] : "";
		t += strspn(t, space);
		size_t n = strlen(t);
		while (n > 0 && strchr(space, t[n - 1]))
			n--;
		if (n > 0)
			return arena_fmt(a, "%.*s", (int)n, t);
	}
	return "";
}

static int read_config(struct config *c, struct arena *a, const char *file, struct diag *d)
{
	int e;
	config_defaults(c);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (access(places[i], F_OK) == 0 && (e = config_read_file(c, a, places[i], d)))
			return e;
	if (file && (e = config_read_file(c, a, file, d)))
		return e;
	c->admin_auth_token = admin_token(a, c->admin_auth_token);
	return c->admin_auth_token ? config_check(c, d) : diag_fail(d, ERR_LIMIT, "out of memory");
}

/* Upstream's RUST_LOG: a level, or directives of which the one without a module counts. */
static enum log_level level_of(const char *text)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"off", LOG_ERROR}, {"error", LOG_ERROR}, {"warn", LOG_WARN},
		      {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {"trace", LOG_DEBUG}};
	while (*text) {
		size_t n = strcspn(text, ",");
		for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
			if (n == strlen(levels[i].name) && strncasecmp(text, levels[i].name, n) == 0)
				return levels[i].level;
		text += n + (text[n] == ',');
	}
	return LOG_INFO;
}

/* A trust anchor file, DER or PEM. */
static int read_anchor(struct arena *a, const char *path, const char *key, struct span *out, struct diag *d)
{
	struct span text;
	if (!*path)
		return 0;
	int e = config_slurp(a, path, &text, d);
	if (e)
		return diag_wrap(d, e, "core.attestation.root_ca.%s", key);
	struct span der = pem_decode(a, "CERTIFICATE", text);
	*out = der.p ? der : text;
	log_warn("config", "trust anchor replaced key=core.attestation.root_ca.%s file=%s", key, path);
	return 0;
}

static int read_anchors(struct arena *a, const struct config *c, struct anchors *out, struct diag *d)
{
	int e;
	if ((e = read_anchor(a, c->root_tdx, "tdx", &out->intel_sgx_root, d)) ||
	    (e = read_anchor(a, c->root_gcp_tpm, "gcp_tpm", &out->google_ek_root, d)) ||
	    (e = read_anchor(a, c->root_aws_nitro, "aws_nitro_enclave", &out->aws_nitro_root, d)) ||
	    (e = read_anchor(a, c->root_aws_nitro_tpm, "aws_nitro_tpm", &out->aws_nitro_tpm_root, d)) ||
	    (e = read_anchor(a, c->root_snp_milan, "sev_snp_milan", &out->amd_ark_milan, d)) ||
	    (e = read_anchor(a, c->root_snp_genoa, "sev_snp_genoa", &out->amd_ark_genoa, d)))
		return e;
	return read_anchor(a, c->root_snp_turin, "sev_snp_turin", &out->amd_ark_turin, d);
}

/* The first SIGTERM or SIGINT: what the next start must know is kept, then the signal does what it does. */
static void *end_at_signal(void *arg)
{
	sigset_t set;
	int which;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigwait(&set, &which) == 0) {
		service_end(arg);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		raise(which);
	}
	return NULL;
}

static int watch_signals(struct service *s, struct diag *d)
{
	sigset_t set;
	pthread_t thread;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) || pthread_create(&thread, NULL, end_at_signal, s) || pthread_detach(thread))
		return diag_fail(d, ERR_LIMIT, "cannot start a thread");
	return 0;
}

static int serve(const char *file, struct diag *d)
{
	static struct arena a;
	static struct config c;
	static struct cert_dir dir;
	static struct attester_agent agent;
	static struct key_storage storage;
	static struct attester attester;
	static struct http_proxies proxies;
	static struct service s;
	s = (struct service){.config = &c, .attester = &attester, .storage = &storage, .proxies = &proxies};
	const char *log = getenv("RUST_LOG");
	int e;
	if (arena_open(&a, CONFIG_ARENA))
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = read_config(&c, &a, file, d)) || (e = http_proxies_read(&proxies, &a, getenv, d)))
		return e;
	log_set_level(level_of(log && *log ? log : c.log_level));
	s.attest.anchors = anchors_production;
	s.attest.gcp = gcp_layout_production;
	if ((e = read_anchors(&a, &c, &s.attest.anchors, d)) || (e = cert_dir_init(&dir, c.cert_dir, d)) ||
	    (e = attester_agent_init(&agent, getenv("DSTACK_AGENT_ADDRESS"), d)))
		return e;
	storage = cert_dir_storage(&dir);
	attester = attester_agent_attester(&agent);
	if ((e = watch_signals(&s, d)))
		return e;
	return service_run(&s, d);
}

int verb_serve(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *file = NULL;
	struct diag d = {0};
	int o;
	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (o != 'c') {
			fputs("usage: ukms serve [-c|--config FILE]\n\n"
			      "Serves the KMS from files in core.cert_dir, with evidence of the guest agent at\n"
			      "DSTACK_AGENT_ADDRESS. FILE is read as JSON if its name ends in .json, else as\n"
			      "TOML, after /etc/kms/kms.{toml,json} and ./kms.{toml,json}.\n"
			      "Environment: RUST_LOG, DSTACK_AGENT_ADDRESS, DSTACK_KMS_ADMIN_TOKEN,\n"
			      "ADMIN_API_TOKEN, PCCS_URL, HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.\n",
			      o == 'h' ? stdout : stderr);
			return o == 'h' ? 0 : 2;
		}
		file = optarg;
	}
	if (optind < argc) {
		fprintf(stderr, "ukms serve: unexpected argument '%s'\n", argv[optind]);
		return 2;
	}
	serve(file, &d);
	fprintf(stderr, "ukms serve: %s\n", d.text);
	return 1;
}
