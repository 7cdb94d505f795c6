#include "image/predict.h"

#include <string.h>

#include "crypto/hash.h"
#include "drivers/eventlog.h"
#include "image/partition.h"
#include "image/pe.h"

static const struct span separator = {(const uint8_t *)"\0\0\0\0", 4};
static const struct span action_boot = {(const uint8_t *)"Calling EFI Application from Boot Option", 40};
static const struct span action_exit = {(const uint8_t *)"Exit Boot Services Invocation", 29};
static const struct span action_exited = {(const uint8_t *)"Exit Boot Services Returned with Success", 40};

static void extend256(uint8_t pcr[32], const uint8_t digest[32])
{
	sha256_2((struct span){pcr, 32}, (struct span){digest, 32}, pcr);
}

static void extend384(uint8_t mr[48], const uint8_t digest[48])
{
	sha384_2((struct span){mr, 48}, (struct span){digest, 48}, mr);
}

static void event256(uint8_t pcr[32], struct span data)
{
	uint8_t digest[32];
	sha256(data, digest);
	extend256(pcr, digest);
}

static void event384(uint8_t mr[48], struct span data)
{
	uint8_t digest[48];
	sha384(data, digest);
	extend384(mr, digest);
}

int predict(struct span uki, struct predicted *out, struct diag *d)
{
	*out = (struct predicted){0};
	int e = pe_authenticode(uki, &br_sha256_vtable, out->uki_sha256, d);
	if (!e)
		e = pe_authenticode(uki, &br_sha384_vtable, out->uki_sha384, d);
	if (e)
		return e;
	uint8_t gpt[GPT_EVENT_LEN];
	partition_event(gpt);
	sha256(SPAN_ARR(gpt), out->gpt_sha256);
	sha384(SPAN_ARR(gpt), out->gpt_sha384);

	event256(out->google_pcr2, separator);
	extend256(out->google_pcr2, out->gpt_sha256);
	extend256(out->google_pcr2, out->uki_sha256);

	event384(out->google_rtmr1, action_boot);
	event384(out->google_rtmr1, separator);
	extend384(out->google_rtmr1, out->gpt_sha384);
	extend384(out->google_rtmr1, out->uki_sha384);
	event384(out->google_rtmr1, action_exit);
	event384(out->google_rtmr1, action_exited);

	event256(out->ovmf_pcr4, action_boot);
	event256(out->ovmf_pcr4, separator);
	extend256(out->ovmf_pcr4, out->uki_sha256);

	event256(out->ovmf_pcr5, separator);
	extend256(out->ovmf_pcr5, out->gpt_sha256);
	event256(out->ovmf_pcr5, action_exit);
	event256(out->ovmf_pcr5, action_exited);
	return 0;
}

static void measure(struct predicted_boot *b, const char *name, struct span payload)
{
	uint8_t d256[32], d384[48];
	event_digest_sha256(SPAN_STR(name), payload, d256);
	event_digest_sha384(SPAN_STR(name), payload, d384);
	extend256(b->pcr14, d256);
	extend384(b->rtmr3, d384);
}

void predict_boot(struct span compose, struct span app_id, struct predicted_boot *out)
{
	static const struct span none = {(const uint8_t *)"", 0};
	uint8_t gpu_policy[32];
	*out = (struct predicted_boot){0};
	sha256(compose, out->compose_hash);
	sha256(SPAN_LIT("{}"), gpu_policy);
	measure(out, "system-preparing", none);
	measure(out, "app-id", app_id.n ? app_id : (struct span){out->compose_hash, 20});
	measure(out, "compose-hash", SPAN_ARR(out->compose_hash));
	measure(out, "gpu-policy-hash", SPAN_ARR(gpu_policy));
	measure(out, "instance-id", none);
	measure(out, "boot-mr-done", none);
	measure(out, "key-provider", SPAN_LIT("{\"name\":\"tpm\",\"id\":\"\"}"));
	measure(out, "storage-fs", SPAN_LIT("ext4"));
	measure(out, "system-ready", none);
}

void predict_aggregated(const uint8_t pcr0[32], const uint8_t boot_pcr[32], const uint8_t pcr14[32], uint8_t out[32])
{
	uint8_t all[96];
	memcpy(all, pcr0, 32);
	memcpy(all + 32, boot_pcr, 32);
	memcpy(all + 64, pcr14, 32);
	sha256(SPAN_ARR(all), out);
}
