/* ukms get-keys: the keys of the application that runs here, written as app_keys.json. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "drivers/eventlog.h"
#include "drivers/nsm.h"
#include "kms/attest/attester_agent.h"
#include "kms/attest/attester_device.h"
#include "kms/client/get_keys.h"
#include "kms/client/proxy.h"
#include "kms/config/config.h"
#include "kms/verbs.h"

enum { ARENA = 64 << 20, CALL_MS = 60000, PAUSE_S = 2 };

/* Exit statuses, so that a boot script can tell what happened. */
enum { OK = 0, FAILED = 1, USAGE = 2, REFUSED = 3, NO_ANSWER = 4 };

static const char help[] = "usage: ukms get-keys --kms-url URL [OPTION...]\n\n"
			   "  --kms-url URL      the KMS; /prpc is added when it is missing\n"
			   "  --app-id HEX       20 bytes, put into the client certificate\n"
			   "  --root-ca FILE     the KMS's root CA (PEM); without it the first answer is\n"
			   "                     believed\n"
			   "  --output FILE      where app_keys.json goes, mode 0600 (standard output)\n"
			   "  --deadline SECONDS attempts go on for so long while the KMS does not answer or\n"
			   "                     is too busy (120)\n\n"
			   "Evidence comes from /dev/nsm in a Nitro enclave, else from the guest agent at\n"
			   "DSTACK_AGENT_ADDRESS. HTTPS_PROXY, ALL_PROXY and NO_PROXY are followed.\n"
			   "Exit status: 0 done, 1 failed, 2 usage, 3 refused by the KMS, 4 no answer (or\n"
			   "\"come later\") before the deadline.\n";

struct options {
	const char *url, *app_id, *root_ca, *output;
	uint64_t deadline;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {{"kms-url", required_argument, NULL, 'u'},
					      {"app-id", required_argument, NULL, 'a'},
					      {"root-ca", required_argument, NULL, 'r'},
					      {"output", required_argument, NULL, 'o'},
					      {"deadline", required_argument, NULL, 'd'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int c;
	*o = (struct options){.deadline = 120};
	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
		switch (c) {
		case 'u':
			o->url = optarg;
			break;
		case 'a':
			o->app_id = optarg;
			break;
		case 'r':
			o->root_ca = optarg;
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'd':
			if (!parse_u64(SPAN_STR(optarg), &o->deadline) || o->deadline > 86400) {
				fprintf(stderr, "ukms get-keys: --deadline: expected seconds, found '%s'\n", optarg);
				return USAGE;
			}
			break;
		case 'h':
			fputs(help, stdout);
			return OK;
		default:
			fputs(help, stderr);
			return USAGE;
		}
	}
	if (o->url && optind == argc)
		return -1;
	fputs(help, stderr);
	return USAGE;
}

/* Evidence of this machine. */
static int open_attester(struct get_keys *g, struct diag *d)
{
	static struct attester_agent agent;
	static struct attester_nitro nitro;
	static struct eventlog log;
	static struct nsm nsm;
	if (access("/dev/nsm", F_OK) == 0) {
		int e = nsm_device_open(&nsm, NULL, d);
		if (e)
			return e;
		eventlog_init(&log, NULL, NULL);
		if (g->app_id.n && (e = eventlog_measure(&log, "app-id", g->app_id, d)))
			return e;
		nitro = (struct attester_nitro){.nsm = &nsm, .log = &log};
		g->attester = attester_nitro_init(&nitro);
		return 0;
	}
	int e = attester_agent_init(&agent, getenv("DSTACK_AGENT_ADDRESS"), d);
	g->attester = attester_agent_attester(&agent);
	return e;
}

static int put_all(int fd, const char *name, struct span s, struct diag *d)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_fail(d, ERR_IO, "%s: %s", name, n < 0 ? strerror(errno) : "cannot be written");
		s = SPAN(s.p + n, s.n - (size_t)n);
	}
	return 0;
}

/* A new file takes the place of an old one, so that nobody reads half of it and no older mode or link counts. A device or a pipe is written
 * to.
 */
static int put(const char *path, struct span s, struct diag *d)
{
	char fresh[4096];
	struct stat st;
	if (!path)
		return put_all(STDOUT_FILENO, "standard output", s, d);
	bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	if (!special && snprintf(fresh, sizeof fresh, "%s.%ld.new", path, (long)getpid()) >= (int)sizeof fresh)
		return diag_fail(d, ERR_LIMIT, "%s: the name is too long", path);
	int fd = special ? open(path, O_WRONLY | O_CLOEXEC) : open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return diag_fail(d, ERR_IO, "%s: %s", path, strerror(errno));
	int e = put_all(fd, path, s, d);
	if (!e && !special && (fsync(fd) || rename(fresh, path)))
		e = diag_fail(d, ERR_IO, "%s: %s", path, strerror(errno));
	if (e && !special)
		unlink(fresh);
	close(fd);
	return e;
}

static int64_t monotonic(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int attempts(const struct get_keys *g, const struct options *o, struct arena *a, struct span *json, struct diag *d)
{
	int64_t until = monotonic() + (int64_t)o->deadline;
	for (;;) {
		struct get_keys once = *g;
		int64_t left = until - monotonic();
		once.timeout_ms = left < 1 ? 1000 : left * 1000 < CALL_MS ? (unsigned)left * 1000 : CALL_MS;
		arena_reset(a);
		int e = get_keys(&once, a, time(NULL), json, d);
		if ((e != ERR_IO && e != ERR_TIMEOUT) || monotonic() + PAUSE_S >= until)
			return e;
		fprintf(stderr, "ukms get-keys: %s; trying again\n", d->text);
		sleep(PAUSE_S);
	}
}

/* What the options name, before anybody is asked. */
static int prepare(const struct options *o, struct get_keys *g, struct http_roots **roots, struct diag *d)
{
	static struct arena own;
	static uint8_t app_id[20];
	static struct http_proxies proxies;
	int e;
	*g = (struct get_keys){.url = o->url, .proxies = &proxies};
	if (arena_open(&own, 4 << 20))
		return diag_fail(d, ERR_LIMIT, "out of memory");
	if ((e = http_proxies_read(&proxies, &own, getenv, d)))
		return e;
	if (o->app_id) {
		struct span hex = SPAN_STR(o->app_id);
		if (span_starts(hex, "0x"))
			hex = SPAN(hex.p + 2, hex.n - 2);
		if (hex.n != 2 * sizeof app_id || hex_decode(hex, app_id, sizeof app_id) != sizeof app_id)
			return diag_fail(d, ERR_CONFIG, "--app-id: expected 40 hex digits, found '%s'", o->app_id);
		g->app_id = SPAN_ARR(app_id);
	}
	if (!o->root_ca)
		fprintf(stderr, "ukms get-keys: without --root-ca the first answer of the KMS is believed\n");
	else if ((e = config_slurp(&own, o->root_ca, &g->root_pem, d)) || (e = http_roots_read(roots, g->root_pem, d)))
		return diag_wrap(d, e, "--root-ca");
	g->root = *roots;
	return open_attester(g, d);
}

static int run(const struct options *o, struct diag *d)
{
	static struct arena a;
	struct get_keys g;
	struct http_roots *roots = NULL;
	struct span json;
	int e = prepare(o, &g, &roots, d), status = FAILED;
	if (!e && arena_open(&a, ARENA))
		e = diag_fail(d, ERR_LIMIT, "out of memory");
	if (!e && (e = attempts(&g, o, &a, &json, d)))
		status = e == ERR_REFUSED ? REFUSED : e == ERR_IO || e == ERR_TIMEOUT ? NO_ANSWER : FAILED;
	if (!e)
		e = put(o->output, json, d);
	http_roots_free(roots);
	arena_close(&a);
	return !e ? OK : e == ERR_CONFIG ? USAGE : status;
}

int verb_get_keys(int argc, char **argv)
{
	struct options o;
	struct diag d = {0};
	int status = parse(argc, argv, &o);
	if (status >= 0)
		return status;
	status = run(&o, &d);
	if (status != OK)
		fprintf(stderr, "ukms get-keys: %s\n", d.text);
	return status;
}
