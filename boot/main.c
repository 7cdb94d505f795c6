#include "boot/boot.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wipe.h"
#include "base/wr.h"
#include "boot/clock.h"
#include "boot/console.h"
#include "boot/entropy.h"
#include "boot/flavour.h"
#include "boot/measure.h"
#include "boot/mounts.h"
#include "boot/net.h"
#include "boot/power.h"
#include "boot/self_check.h"
#include "crypto/hash.h"
#include "drivers/file.h"
#include "drivers/tcg_log.h"
#include "kms/attest/attester_device.h"
#include "kms/keys/sealed_store.h"
#include "kms/service.h"

enum {
	ARENA_MAX = 512 << 20, /* what the shared disk may hold, parsed; untouched pages cost nothing */
	DISK_WAIT_MS = 10000,
	LEASE_WAIT_MS = 10000,
	TPM_WAIT_MS = 3000,
	POLL_MS = 20,
	SYNC_EVERY_S = 1800,
	SYNC_FIRST_S = 60,
	THREAD_STACK = 1 << 20
};

static const char block_class[] = "/sys/class/block", devices[] = "/dev";
static const char bios_log_path[] = "/sys/kernel/security/tpm0/binary_bios_measurements";
static const struct net_config network = {.class_dir = "/sys/class/net", .resolv_conf = "/etc/resolv.conf"};

/* One machine, one of each. */
static struct machine {
	int64_t started_ms; /* kernel start to PID 1 */
	struct arena arena; /* lives as long as the machine */
	struct flavour flavour;
	struct tpm tpm;
	struct tdx tdx;
	struct eventlog log;
	struct manifest manifest;
	struct config config;
	struct sealed_store store;
	struct clock clock;
	struct attester_gcp devices;
	struct attester attester;
	struct key_storage storage;
	struct service service;
	uint8_t mr_aggregated[32];
	atomic_bool ready;
} m;

/* Milliseconds since the kernel started. */
static int64_t uptime_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the steps, in order ----------------------------------------------------------------------------------------------------------------
 */

static int step_ground(struct diag *d)
{
	int e = mounts_make(d);
	console_open();
	if (e)
		return e;
	mounts_settings();
	console_line("version=%s pid1_ms=%lld", UKMS_VERSION, (long long)m.started_ms);
	return arena_open(&m.arena, ARENA_MAX) ? diag_fail(d, ERR_LIMIT, "no memory") : 0;
}

static int step_flavour(struct diag *d)
{
	struct diag note = {0};
	int e = flavour_read(&m.arena, "/flavour", &m.flavour, d);
	if (e)
		return e;
	console_line("flavour=%s boot_pcr=%u", m.flavour.name, m.flavour.gcp.boot_pcr);
	if (power_watch(&note))
		console_line("note: %s", note.text);
	return 0;
}

/* Its driver may still be looking for it. */
static int open_tpm(struct diag *d)
{
	for (int waited = 0;; waited += POLL_MS) {
		int e = tpm_open(&m.tpm, d);
		if (e != ERR_MISSING || waited >= TPM_WAIT_MS)
			return e;
		usleep(POLL_MS * 1000);
	}
}

static int step_entropy(struct diag *d)
{
	uint8_t fresh[32];
	struct diag cpu = {0};
	bool counted = false;
	if (entropy_cpu(fresh, &cpu) == 0)
		counted = entropy_add(SPAN_ARR(fresh), 256, &cpu) == 0;
	if (!counted)
		console_line("note: %s", cpu.text);
	int e = open_tpm(d);
	if (!e)
		e = tpm_random(&m.tpm, fresh, sizeof fresh, d);
	if (!e)
		e = entropy_add(SPAN_ARR(fresh), 256, d);
	wipe(fresh, sizeof fresh);
	if (e)
		return diag_wrap(d, e, "TPM");
	return entropy_ready() ? 0 : diag_fail(d, ERR_MISSING, "the kernel's random number generator is not seeded");
}

static int step_network(struct diag *d)
{
	return net_start(&network, d);
}

static int step_first_event(struct diag *d)
{
	uint8_t rtmr[TDX_RTMR_LEN];
	tdx_init(&m.tdx, NULL, NULL);
	int e = tdx_rtmr_read(&m.tdx, EVENT_RTMR, rtmr, d);
	if (e)
		return diag_wrap(d, e, "TDX guest interface");
	eventlog_init(&m.log, &m.tdx, &m.tpm);
	return measure_begin(&m.log, d);
}

static int step_inputs(struct diag *d)
{
	static struct shared_files files;
	int e = shared_read(&m.arena, block_class, devices, DISK_WAIT_MS, &files, d);
	return e ? e : manifest_read(&m.arena, &files, &m.manifest, d);
}

static enum log_level level_of(const char *name)
{
	static const char *const names[] = {[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum log_level)i;
	return strcmp(name, "trace") == 0 ? LOG_DEBUG : LOG_INFO;
}

static int step_config(struct diag *d)
{
	struct config *c = &m.config;
	if (!m.manifest.ukms)
		return diag_fail(d, ERR_CONFIG, "app-compose.json: no member \"ukms\" (the service's measured configuration)");
	config_defaults(c);
	int e = config_merge(c, &m.arena, CONFIG_MEASURED, "app-compose.json: ukms", m.manifest.ukms, d);
	if (!e)
		e = config_merge_user(c, &m.arena, m.manifest.user_config, d);
	if (!e)
		e = config_check(c, d);
	if (!e)
		log_set_level(level_of(c->log_level));
	return e;
}

static int step_self_check(struct diag *d)
{
	uint8_t uki[32];
	struct span bios_log;
	int e = file_read(&m.arena, bios_log_path, TCG_LOG_MAX, &bios_log, d);
	if (e)
		return diag_wrap(d, e, "TPM event log");
	e = self_check(&m.arena, bios_log, m.manifest.vm_config, m.flavour.gcp.boot_pcr, uki, d);
	if (!e)
		console_hex("uki", SPAN_ARR(uki));
	return e;
}

static int step_identity(struct diag *d)
{
	uint8_t id[20], ak[32];
	int e = m.manifest.has_instance ? tpm_ak_name_digest(&m.tpm, ak, d) : 0;
	if (e)
		return diag_wrap(d, e, "instance id");
	if (m.manifest.has_instance)
		manifest_instance_id(&m.manifest, ak, id);
	return measure_launch(&m.log, &m.manifest, SPAN(id, m.manifest.has_instance ? sizeof id : 0), d);
}

static int step_keys(struct diag *d)
{
	int fd, e = data_open(block_class, devices, DISK_WAIT_MS, &fd, d);
	if (e)
		return e;
	e = sealed_store_open(&m.store, &m.tpm, fd, m.flavour.gcp.boot_pcr, d);
	return e ? diag_wrap(d, e, "sealed store on dstack-data") : measure_end(&m.log, &m.manifest, d);
}

static int step_registers(struct diag *d)
{
	const unsigned index[3] = {0, m.flavour.gcp.boot_pcr, EVENT_PCR};
	uint8_t pcr[3][TPM_PCR_LEN];
	for (size_t i = 0; i < 3; i++) {
		char what[32];
		int e = tpm_pcr_read(&m.tpm, index[i], pcr[i], d);
		if (e)
			return diag_wrap(d, e, "TPM");
		snprintf(what, sizeof what, "pcr index=%u value", index[i]);
		console_hex(what, SPAN_ARR(pcr[i]));
	}
	if (!m.flavour.gcp.pcr0_any && memcmp(pcr[0], m.flavour.gcp.pcr0, sizeof pcr[0]) != 0)
		console_line("note: PCR 0 is not that of the firmware which verifiers pin: this machine's evidence will be refused");
	sha256(SPAN(pcr, sizeof pcr), m.mr_aggregated);
	console_hex("app_id", SPAN_ARR(m.manifest.app_id));
	console_hex("compose_hash", SPAN_ARR(m.manifest.compose_hash));
	console_hex("mr_aggregated", SPAN_ARR(m.mr_aggregated));
	return 0;
}

static int step_clock(struct diag *d)
{
	struct dhcp_lease lease;
	struct diag note = {0};
	int e = clock_apply_floor(&m.clock, CLOCK_BUILD_FLOOR, d);
	if (!e)
		e = clock_apply_floor(&m.clock, sealed_store_time_floor(&m.store), d);
	if (e)
		return e;
	if (!net_wait(LEASE_WAIT_MS, &lease)) {
		console_line("note: no network yet; the service starts without");
		return 0;
	}
	if (lease.ntp_count > 0 && clock_sync(&m.clock, lease.ntp, lease.ntp_count, &note))
		console_line("note: %s", note.text);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct diag *d);
} steps[] = {
	{"ground", step_ground},           {"flavour", step_flavour}, {"entropy", step_entropy},     {"network", step_network},
	{"first-event", step_first_event}, {"inputs", step_inputs},   {"config", step_config},       {"self-check", step_self_check},
	{"identity", step_identity},       {"keys", step_keys},       {"registers", step_registers}, {"clock", step_clock},
};

/* Runs the steps; how long each took is one line on the console. */
static int prepare(struct diag *d)
{
	char text[512];
	struct wr w = wr_to(text, sizeof text - 1);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		int64_t from = uptime_ms();
		int e = steps[i].run(d);
		if (e)
			return e;
		wr_fmt(&w, " %s=%lld", steps[i].name, (long long)(uptime_ms() - from));
	}
	console_line("steps_ms%.*s", SPAN_FMT(wr_span(&w)));
	return 0;
}

/* --- while the service runs
 * --------------------------------------------------------------------------------------------------------------- */

static void *keep_time(void *unused)
{
	(void)unused;
	for (;;) {
		struct diag d = {0};
		struct dhcp_lease lease;
		sleep(atomic_load(&m.ready) ? SYNC_EVERY_S : SYNC_FIRST_S);
		/* the floor rises only with a time that nothing contradicts */
		bool trusted = !m.clock.rtc_wrong;
		if (net_wait(0, &lease) && lease.ntp_count > 0) {
			int e = clock_sync(&m.clock, lease.ntp, lease.ntp_count, &d);
			trusted = trusted && e == 0;
			if (e)
				log_warn("clock", "%s", d.text);
		}
		if (trusted && atomic_load(&m.ready) && sealed_store_raise_time_floor(&m.store, time(NULL), &d))
			log_warn("clock", "the time is not kept: %s", d.text);
	}
	return NULL;
}

/* The second number of statm, in pages; 0 if there is none. */
static unsigned long long resident_kb(void)
{
	uint8_t block[512];
	struct arena a = arena_over(block, sizeof block);
	struct span s;
	uint64_t pages;
	if (file_read(&a, "/proc/self/statm", 256, &s, NULL))
		return 0;
	struct rd r = rd_from(s);
	while (r.left > 0 && rd_u8(&r) != ' ')
		;
	const uint8_t *end = memchr(r.p, ' ', r.left);
	if (!end || !parse_u64(SPAN(r.p, (size_t)(end - r.p)), &pages))
		return 0;
	return pages * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024;
}

static void on_phase(void *ctx, enum service_phase phase)
{
	(void)ctx;
	const char *name = phase == SERVICE_READY ? "ready" : "onboarding";
	if (phase == SERVICE_READY)
		atomic_store(&m.ready, true);
	console_line("phase=%s version=%s flavour=%s pid1_ms=%lld since_kernel_ms=%lld rss_kb=%llu", name, UKMS_VERSION, m.flavour.name,
		     (long long)m.started_ms, (long long)uptime_ms(), resident_kb());
}

static void before_off(void)
{
	service_end(&m.service);
}

static int serve(struct diag *d)
{
	pthread_t thread;
	m.devices = (struct attester_gcp){
		.tdx = &m.tdx, .tpm = &m.tpm, .log = &m.log, .boot_pcr = m.flavour.gcp.boot_pcr, .vm_config = m.manifest.vm_config};
	m.attester = attester_gcp_init(&m.devices);
	m.storage = sealed_store_storage(&m.store);
	m.service = (struct service){.config = &m.config,
				     .attester = &m.attester,
				     .storage = &m.storage,
				     .attest = {.anchors = m.flavour.anchors, .gcp = m.flavour.gcp},
				     .measured = true,
				     .on_phase = on_phase};
	if (pthread_create(&thread, NULL, keep_time, NULL) != 0)
		return diag_fail(d, ERR_LIMIT, "no thread for the clock");
	pthread_detach(thread);
	power_before_off(before_off);
	return service_run(&m.service, d);
}

/* musl gives a thread 128 KiB unless told otherwise; verifying evidence takes more. Untouched pages cost nothing. */
static void roomy_threads(void)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

void boot_main(void)
{
	struct diag d = {0};
	m.started_ms = uptime_ms();
	roomy_threads();
	signal(SIGPIPE, SIG_IGN);
	if (prepare(&d))
		power_failed(d.text);
	serve(&d);
	/* a service that never became ready would fail again after a restart; one that did may well recover by it */
	if (!atomic_load(&m.ready))
		power_failed(d.text);
	power_reboot(d.text);
}
