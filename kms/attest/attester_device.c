#include "kms/attest/attester_device.h"

#include "base/wr.h"
#include "crypto/hash.h"
#include "drivers/file.h"
#include "drivers/tcg_log.h"

#define BIOS_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define CCEL     "/sys/firmware/acpi/tables/data/CCEL"

enum { KEPT_MAX = 8 << 20, LOG_TRIES = 3 };

/* The names that upstream gives to three records of RTMR0, in order of appearance (attestation 3.4). */
static const char *const acpi_names[] = {"acpi-loader", "acpi-rsdp", "acpi-tables"};

static size_t count_records(struct span bytes)
{
	struct tcg_log log;
	struct tcg_event e;
	size_t n = 0;
	if (tcg_log_open(&log, bytes, NULL))
		return 0;
	while (tcg_log_next(&log, &e, NULL) == 1)
		n++;
	return n;
}

static int read_ccel(struct attester_gcp *s, struct diag *d)
{
	struct span bytes;
	struct tcg_log log;
	struct tcg_event e;
	size_t acpi = 0;
	int r = file_read(&s->kept, s->ccel ? s->ccel : CCEL, TCG_LOG_MAX, &bytes, d);
	if (r == ERR_MISSING)
		return 0;
	if (!r)
		r = tcg_log_open(&log, bytes, d);
	if (r)
		return r;
	struct tdx_event *list = arena_array(&s->kept, count_records(bytes), sizeof *list);
	if (!list)
		return diag_fail(d, ERR_LIMIT, "too many records");
	while ((r = tcg_log_next(&log, &e, d)) == 1) {
		struct span digest = tcg_event_digest(&e, TCG_SHA384);
		if (e.digest_count != 1 || !digest.p)
			return diag_fail(d, ERR_INPUT, "record %zu has not exactly one SHA-384 digest", log.count);
		if (tcg_ccel_rtmr(&e) < 0)
			continue;
		struct tdx_event *to = &list[s->ccel_count++];
		*to = (struct tdx_event){.imr = (uint32_t)tcg_ccel_rtmr(&e),
					 .type = e.type,
					 .version = 1,
					 .digest = digest,
					 .name = SPAN_LIT(""),
					 .payload = e.data};
		if (to->imr == 0 && to->type == EVENT_TYPE_ACPI && span_is(to->payload, "ACPI DATA") &&
		    acpi < sizeof acpi_names / sizeof acpi_names[0]) {
			to->name = SPAN_STR(acpi_names[acpi]);
			acpi++;
		}
	}
	s->ccel_events = list;
	return r;
}

static uint32_t quoted_pcrs(const struct attester_gcp *s)
{
	return TPM_PCR_BIT(0) | TPM_PCR_BIT(s->boot_pcr) | TPM_PCR_BIT(EVENT_PCR);
}

static int read_boot_log(struct attester_gcp *s, struct diag *d)
{
	struct span bytes;
	struct tcg_log log;
	struct tcg_event e;
	int r = file_read(&s->kept, s->bios_log ? s->bios_log : BIOS_LOG, TCG_LOG_MAX, &bytes, d);
	if (!r)
		r = tcg_log_open(&log, bytes, d);
	if (r)
		return r;
	struct boot_event *list = arena_array(&s->kept, count_records(bytes), sizeof *list);
	if (!list)
		return diag_fail(d, ERR_LIMIT, "too many records");
	while ((r = tcg_log_next(&log, &e, d)) == 1) {
		struct span digest = tcg_event_digest(&e, TCG_SHA256);
		if (e.type != TCG_EV_NO_ACTION && digest.p && e.index < TPM_PCRS && (quoted_pcrs(s) & TPM_PCR_BIT(e.index)))
			list[s->boot_count++] = (struct boot_event){.pcr = e.index, .digest = digest};
	}
	s->boot_events = list;
	return r;
}

/* Firmware does not log after it has started us, so once is enough. */
static int read_logs(struct attester_gcp *s, struct diag *d)
{
	if (s->have_logs)
		return 0;
	s->ccel_count = s->boot_count = 0;
	if (arena_open(&s->kept, KEPT_MAX))
		return diag_fail(d, ERR_LIMIT, "no memory for the firmware's logs");
	int r = read_ccel(s, d);
	if (r)
		r = diag_wrap(d, r, "CCEL");
	if (!r) {
		r = read_boot_log(s, d);
		if (r)
			r = diag_wrap(d, r, "TPM event log");
	}
	s->have_logs = r == 0;
	if (r)
		arena_close(&s->kept);
	return r;
}

/* The firmware's records, then ours. */
static int tdx_log(struct attester_gcp *s, struct arena *a, const struct eventlog_event *own, size_t count, struct evidence *ev,
		   struct diag *d)
{
	struct tdx_event *list = arena_array(a, s->ccel_count + count, sizeof *list);
	struct runtime_event *events = arena_array(a, count, sizeof *events);
	if (!list || !events)
		return diag_fail(d, ERR_LIMIT, "no room for the event log");
	if (s->ccel_count > 0)
		memcpy(list, s->ccel_events, s->ccel_count * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		uint8_t *digest = arena_alloc(a, SHA384_LEN);
		if (!digest)
			return diag_fail(d, ERR_LIMIT, "no room for the event log");
		event_digest_sha384(own[i].name, own[i].payload, digest);
		list[s->ccel_count + i] = (struct tdx_event){.imr = EVENT_RTMR,
							     .type = EVENT_TYPE_RUNTIME,
							     .version = 1,
							     .digest = SPAN(digest, SHA384_LEN),
							     .name = own[i].name,
							     .payload = own[i].payload};
		events[i] = (struct runtime_event){.name = own[i].name, .payload = own[i].payload, .version = 1};
	}
	ev->log = list;
	ev->log_count = s->ccel_count + count;
	ev->events = events;
	ev->event_count = count;
	return 0;
}

static bool log_matches(const struct eventlog_event *own, size_t count, const uint8_t pcr[TPM_PCR_LEN])
{
	uint8_t reg[SHA256_LEN] = {0}, digest[SHA256_LEN];
	for (size_t i = 0; i < count; i++) {
		event_digest_sha256(own[i].name, own[i].payload, digest);
		sha256_2(SPAN_ARR(reg), SPAN_ARR(digest), reg);
	}
	return span_eq(SPAN_ARR(reg), SPAN(pcr, TPM_PCR_LEN));
}

static int tpm_evidence(struct arena *a, const struct tpm_quote *q, struct tpm_evidence *out, struct diag *d)
{
	struct pcr_value *values = arena_array(a, TPM_PCRS, sizeof *values);
	if (!values)
		return diag_fail(d, ERR_LIMIT, "no room for the PCR values");
	size_t n = 0;
	for (uint32_t i = 0; i < TPM_PCRS; i++)
		if (q->pcrs & TPM_PCR_BIT(i))
			values[n++] =
				(struct pcr_value){.index = i, .algorithm = SPAN_LIT("sha256"), .value = SPAN(q->pcr[i], TPM_PCR_LEN)};
	out->message = q->message;
	out->signature = q->signature;
	out->ak_cert = q->ak_cert;
	out->pcrs = values;
	out->pcr_count = n;
	out->platform = TPM_PLATFORM_GCP;
	return 0;
}

/* An event may be measured while this runs, between the TPM's quote and the copy of the list, or between TDX quote and TPM quote. Nobody
 * would accept such evidence, so all of it is made again. */
static int gather(struct attester_gcp *s, struct arena *a, const uint8_t report_data[64], struct evidence *ev, struct tpm_quote *quote,
		  struct diag *d)
{
	const struct eventlog_event *before, *own;
	size_t before_count, count;
	for (int try = 0; try < LOG_TRIES; try++) {
		uint8_t qualifying[SHA256_LEN];
		int r = eventlog_copy(s->log, a, &before, &before_count, d);
		if (!r)
			r = tdx_quote(s->tdx, a, report_data, &ev->quote, d);
		if (r)
			return r;
		sha256(ev->quote, qualifying);
		r = tpm_quote(s->tpm, a, quoted_pcrs(s), qualifying, quote, d);
		if (!r)
			r = eventlog_copy(s->log, a, &own, &count, d);
		if (r)
			return r;
		if (count == before_count && log_matches(own, count, quote->pcr[EVENT_PCR]))
			return tdx_log(s, a, own, count, ev, d);
	}
	return diag_fail(d, ERR_IO, "PCR %d is not what this program measured", EVENT_PCR);
}

static int attest_locked(struct attester_gcp *s, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d)
{
	struct evidence ev = {.variant = VARIANT_GCP_TDX, .config = s->vm_config};
	struct tpm_quote quote;
	int r = read_logs(s, d);
	if (!r)
		r = gather(s, a, report_data, &ev, &quote, d);
	if (!r)
		r = tpm_evidence(a, &quote, &ev.tpm, d);
	if (r)
		return r;
	ev.tpm.log = s->boot_events;
	ev.tpm.log_count = s->boot_count;
	memcpy(ev.report_data, report_data, sizeof ev.report_data);
	*container = evidence_encode(a, &ev, 0, d);
	return container->p ? 0 : ERR_LIMIT;
}

static int gcp_attest(void *self, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d)
{
	struct attester_gcp *s = self;
	pthread_mutex_lock(&s->lock);
	int r = attest_locked(s, a, report_data, container, d);
	pthread_mutex_unlock(&s->lock);
	return r ? diag_wrap(d, r, "attestation of this machine") : 0;
}

static int gcp_vm_config(void *self, struct arena *a, struct span *out, struct diag *d)
{
	const struct attester_gcp *s = self;
	*out = arena_dup(a, s->vm_config);
	return out->p ? 0 : diag_fail(d, ERR_LIMIT, "no room for vm_config");
}

struct attester attester_gcp_init(struct attester_gcp *s)
{
	pthread_mutex_init(&s->lock, NULL);
	s->have_logs = false;
	return (struct attester){.attest = gcp_attest, .vm_config = gcp_vm_config, .self = s};
}

/* An enclave in debug mode has no measurements, which guests write as a hash of zeros (attestation 5.6). */
static void nitro_image_hash(const uint8_t pcr[3 * NSM_PCR_LEN], uint8_t hash[SHA256_LEN])
{
	static const uint8_t zero[3 * NSM_PCR_LEN];
	if (memcmp(pcr, zero, sizeof zero) == 0)
		memset(hash, 0, SHA256_LEN);
	else
		sha256(SPAN(pcr, sizeof zero), hash);
}

static int nitro_vm_config(void *self, struct arena *a, struct span *out, struct diag *d)
{
	struct attester_nitro *s = self;
	uint8_t pcr[3 * NSM_PCR_LEN], hash[SHA256_LEN], text[128];
	struct wr w = wr_to(text, sizeof text);
	for (unsigned i = 0; i < 3; i++) {
		int r = nsm_device_pcr(s->nsm, i, pcr + (size_t)i * NSM_PCR_LEN, d);
		if (r)
			return diag_wrap(d, r, "PCR %u", i);
	}
	nitro_image_hash(pcr, hash);
	wr_str(&w, "{\"os_image_hash\":\"");
	wr_hex(&w, SPAN_ARR(hash));
	wr_str(&w, "\"}");
	*out = arena_dup(a, wr_span(&w));
	return out->p ? 0 : diag_fail(d, ERR_LIMIT, "no room for vm_config");
}

static int nitro_attest(void *self, struct arena *a, const uint8_t report_data[64], struct span *container, struct diag *d)
{
	struct attester_nitro *s = self;
	struct evidence ev = {.variant = VARIANT_NITRO};
	const struct eventlog_event *own;
	size_t count;
	int r = nsm_device_attest(s->nsm, a, report_data, &ev.quote, d);
	if (!r)
		r = nitro_vm_config(s, a, &ev.config, d);
	if (!r)
		r = eventlog_copy(s->log, a, &own, &count, d);
	if (r)
		return diag_wrap(d, r, "attestation of this enclave");
	struct runtime_event *events = arena_array(a, count, sizeof *events);
	if (!events)
		return diag_fail(d, ERR_LIMIT, "no room for the event log");
	for (size_t i = 0; i < count; i++)
		events[i] = (struct runtime_event){.name = own[i].name, .payload = own[i].payload, .version = 1};
	ev.events = events;
	ev.event_count = count;
	memcpy(ev.report_data, report_data, sizeof ev.report_data);
	*container = evidence_encode(a, &ev, 0, d);
	return container->p ? 0 : ERR_LIMIT;
}

struct attester attester_nitro_init(struct attester_nitro *s)
{
	return (struct attester){.attest = nitro_attest, .vm_config = nitro_vm_config, .self = s};
}
