/* The protocol's vectors about evidence: containers, events, replay, identity. */
#include "tests/unit/vectors.h"

#include "base/wr.h"
#include "crypto/hash.h"
#include "kms/attest/evidence.h"
#include "kms/attest/replay.h"

static struct diag d;
static const struct attest_rules strict;

static struct evidence *decoded(struct span bytes)
{
	struct evidence *ev;
	if (evidence_decode(&vectors_arena, bytes, &strict, &ev, &d))
		fail_msg("%s", d.text);
	return ev;
}

static void discriminants(void **state)
{
	(void)state;
	const struct json *out = json_get(vector("scale-enum-discriminants-golden"), "output");
	static const struct {
		const char *name;
		uint64_t value;
	} all[] = {{"dstack_tdx", VARIANT_TDX},
		   {"dstack_gcp_tdx", VARIANT_GCP_TDX},
		   {"dstack_nitro_enclave", VARIANT_NITRO},
		   {"dstack_amd_sev_snp", VARIANT_SEV_SNP},
		   {"dstack_aws_nitro_tpm", VARIANT_NITRO_TPM},
		   {"platform_dstack", TPM_PLATFORM_DSTACK},
		   {"platform_gcp", TPM_PLATFORM_GCP},
		   {"platform_nitro_enclave", TPM_PLATFORM_NITRO},
		   {"platform_aws_ec2", TPM_PLATFORM_AWS_EC2}};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		uint64_t want = 99;
		assert_true(json_get_u64(out, all[i].name, &want));
		assert_int_equal(all[i].value, want);
	}
}

static void hashes_shorter_than_report_data_are_padded(void **state)
{
	(void)state;
	const struct json *v = vector("report-data-sha256-pad");
	uint8_t out[64] = {0};
	sha256_2(SPAN_LIT("app-data:"), vector_text(v, "input", "content_ascii"), out);
	assert_span_equal(SPAN_ARR(out), vector_hex(v, "output", "report_data"));
}

static size_t events_of(const struct json *list, struct runtime_event *out, size_t max)
{
	size_t n = 0;
	for (const struct json *k = list->kids; k && n < max; k = k->next, n++) {
		struct span hex;
		out[n] = (struct runtime_event){.version = 1};
		assert_true(json_get_str(k, "event", &out[n].name));
		assert_true(json_get_str(k, "payload", &hex));
		out[n].payload = hex_decode_in(&vectors_arena, hex);
	}
	return n;
}

static void registers_replay(void **state)
{
	(void)state;
	const struct json *v = vector("rtmr3-replay-fixture"), *p = vector("pcr14-replay-and-boottime");
	struct runtime_event ev[64];
	uint8_t out[64];
	size_t n = events_of(json_get(json_get(v, "input"), "runtime_events"), ev, 64), i = 0;
	for (const struct json *k = json_get(json_get(v, "output"), "event_digests_sha384")->kids; k; k = k->next, i++) {
		event_digest(&ev[i], SIG_SHA384, out);
		assert_span_equal(SPAN(out, 48), hex_decode_in(&vectors_arena, k->str));
	}
	assert_int_equal(i, n);
	events_replay(ev, n, SIG_SHA384, NULL, out);
	assert_span_equal(SPAN(out, 48), vector_hex(v, "output", "rtmr3"));
	events_replay(ev, n, SIG_SHA256, NULL, out);
	assert_span_equal(SPAN(out, 32), vector_hex(p, "output", "pcr14_sha256"));
	events_replay(ev, n, SIG_SHA384, "boot-mr-done", out);
	assert_span_equal(SPAN(out, 48), vector_hex(p, "output", "rtmr3_until_boot_mr_done"));
}

static void sink(void *self, const void *p, size_t n)
{
	wr_bytes(self, p, n);
}

static void version_2_events_hash_canonical_json(void **state)
{
	(void)state;
	static const char *const ids[] = {"event-v2-canonical-compo", "event-v2-canonical-empty", "event-v2-canonical-event"};
	for (size_t i = 0; i < 3; i++) {
		const struct json *v = vector(ids[i]);
		uint8_t text[256], out[64];
		struct wr w = wr_to(text, sizeof text);
		struct runtime_event e = {vector_text(v, "input", "event"), vector_hex(v, "input", "payload"), 2};
		event_canonical(&e, sink, &w);
		assert_span_equal(wr_span(&w), vector_text(v, "output", "preimage_utf8"));
		event_digest(&e, SIG_SHA384, out);
		assert_span_equal(SPAN(out, 48), vector_hex(v, "output", "sha384"));
	}
}

static void containers_of_version_1(void **state)
{
	(void)state;
	const struct json *v = vector("attestation-v1-msgpack");
	struct span bytes = vector_hex(v, "output", "bytes");
	struct evidence *ev = decoded(bytes);
	assert_int_equal(ev->variant, VARIANT_TDX);
	assert_span_equal(ev->quote, vector_hex(v, "input", "quote"));
	assert_int_equal(ev->log_count, 1);
	assert_span_equal(ev->log[0].name, SPAN_LIT("pod"));
	assert_span_equal(SPAN_ARR(ev->report_data), vector_hex(v, "input", "report_data"));
	assert_span_equal(evidence_encode(&vectors_arena, ev, 1, &d), bytes);

	v = vector("attestation-v1-msgpack-nitro");
	bytes = vector_hex(v, "output", "bytes");
	ev = decoded(bytes);
	assert_int_equal(ev->variant, VARIANT_NITRO);
	assert_span_equal(ev->quote, vector_hex(v, "input", "nsm_quote"));
	assert_span_equal(events_find(ev->events, ev->event_count, "app-id"), vector_hex(v, "input", "app_id"));
	assert_span_equal(evidence_encode(&vectors_arena, ev, 1, &d), bytes);
}

static void a_real_nitro_container(void **state)
{
	(void)state;
	const struct json *v = vector("attestation-v0-nitro-fixture");
	struct span bytes = vector_hex(v, "input", "bytes");
	struct evidence *ev = decoded(bytes);
	uint64_t n = 0;
	assert_true(json_get_u64(json_get(v, "output"), "nsm_doc_len", &n));
	assert_int_equal(ev->quote.n, n);
	assert_int_equal(ev->variant, VARIANT_NITRO);
	assert_span_equal(ev->config, vector_text(v, "output", "config"));
	assert_span_equal(SPAN_ARR(ev->report_data), vector_hex(v, "output", "report_data"));
	assert_span_equal(evidence_encode(&vectors_arena, ev, 0, &d), bytes);

	struct attest_ctx ctx = {.gcp = gcp_layout_production, .rules = {.relaxed = UINT32_MAX}};
	struct verified preview;
	struct boot_info b;
	struct span hex;
	const struct json *info = json_get(json_get(v, "output"), "app_info");
	assert_int_equal(attest_preview(&ctx, &vectors_arena, bytes, &preview, &d), 0);
	if (boot_info_derive(&vectors_arena, &preview, SPAN_LIT(""), false, &b, &d))
		fail_msg("%s", d.text);
	assert_true(json_get_str(info, "app_id", &hex));
	assert_span_equal(b.app_id, hex_decode_in(&vectors_arena, hex));
	assert_true(json_get_str(info, "compose_hash", &hex));
	assert_span_equal(b.compose_hash, hex_decode_in(&vectors_arena, hex));
	assert_span_equal(SPAN_ARR(b.mr_system), b.os_image_hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discriminants),           cmocka_unit_test(hashes_shorter_than_report_data_are_padded),
		cmocka_unit_test(registers_replay),        cmocka_unit_test(version_2_events_hash_canonical_json),
		cmocka_unit_test(containers_of_version_1), cmocka_unit_test(a_real_nitro_container),
	};
	return cmocka_run_group_tests(tests, vectors_open, NULL);
}
