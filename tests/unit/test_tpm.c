#include "tests/unit/swtpm.h"

#include <bearssl.h>

#include "crypto/hash.h"

enum { NV = 0x01801101, COUNTER = 0x01801102, POLICY = TPM_PCR_BIT(0) | TPM_PCR_BIT(2) | TPM_PCR_BIT(14) };

static void extend(unsigned pcr, uint8_t with)
{
	uint8_t digest[32];
	memset(digest, with, sizeof digest);
	assert_done(tpm_pcr_extend(&tpm, pcr, digest, &d));
}

static void random_differs(void **state)
{
	(void)state;
	uint8_t a[100], b[100];
	assert_done(tpm_random(&tpm, a, sizeof a, &d));
	assert_done(tpm_random(&tpm, b, sizeof b, &d));
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, a + 32, 32);
}

static void extend_is_sha256_of_old_and_digest(void **state)
{
	(void)state;
	uint8_t digest[32], before[32], after[32], want[32];
	memset(digest, 0x5a, sizeof digest);
	assert_done(tpm_pcr_read(&tpm, 14, before, &d));
	assert_done(tpm_pcr_extend(&tpm, 14, digest, &d));
	assert_done(tpm_pcr_read(&tpm, 14, after, &d));
	sha256_2(SPAN_ARR(before), SPAN_ARR(digest), want);
	assert_span_equal(SPAN_ARR(after), SPAN_ARR(want));
}

static void nv_keeps_bytes_of_more_than_one_chunk(void **state)
{
	(void)state;
	static uint8_t in[2000], block[8192];
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	struct arena a = arena_over(block, sizeof block);
	struct span out;
	assert_fails(tpm_nv_read(&tpm, &a, NV, &out, &d), ERR_MISSING, "NV index 0x01801101: TPM2_NV_ReadPublic: ");
	assert_done(tpm_nv_write(&tpm, NV, SPAN_ARR(in), &d));
	assert_done(tpm_nv_read(&tpm, &a, NV, &out, &d));
	assert_span_equal(out, SPAN_ARR(in));
	assert_fails(tpm_nv_write(&tpm, NV, SPAN(in, 10), &d), ERR_REFUSED, "has 2000 bytes, not 10");
	assert_done(tpm_nv_undefine(&tpm, NV, &d));
	assert_fails(tpm_nv_undefine(&tpm, NV, &d), ERR_MISSING, "NV index 0x01801101");
}

static void counter_never_goes_back(void **state)
{
	(void)state;
	uint64_t first, value;
	assert_fails(tpm_counter_read(&tpm, COUNTER, &value, &d), ERR_MISSING, "NV index 0x01801102");
	assert_done(tpm_counter_define(&tpm, COUNTER, &d));
	assert_done(tpm_counter_read(&tpm, COUNTER, &first, &d));
	assert_done(tpm_counter_define(&tpm, COUNTER, &d));
	assert_done(tpm_counter_read(&tpm, COUNTER, &value, &d));
	assert_int_equal(value, first);
	for (int i = 0; i < 3; i++)
		assert_done(tpm_counter_increment(&tpm, COUNTER, &d));
	swtpm_power_cycle(&sw, &tpm);
	assert_done(tpm_counter_read(&tpm, COUNTER, &value, &d));
	assert_int_equal(value, first + 3);
	assert_done(tpm_nv_undefine(&tpm, COUNTER, &d));
	assert_done(tpm_counter_define(&tpm, COUNTER, &d));
	assert_done(tpm_counter_read(&tpm, COUNTER, &value, &d));
	assert_true(value > first + 3);
	assert_done(tpm_nv_undefine(&tpm, COUNTER, &d));
}

static void an_ordinary_index_is_no_counter(void **state)
{
	(void)state;
	uint64_t value;
	uint8_t eight[8] = {0};
	assert_done(tpm_nv_write(&tpm, COUNTER, SPAN_ARR(eight), &d));
	assert_fails(tpm_counter_read(&tpm, COUNTER, &value, &d), ERR_REFUSED, "is no persistent counter");
	assert_fails(tpm_counter_define(&tpm, COUNTER, &d), ERR_REFUSED, "is no persistent counter");
	assert_fails(tpm_counter_increment(&tpm, COUNTER, &d), ERR_REFUSED, "is no persistent counter");
	assert_done(tpm_nv_undefine(&tpm, COUNTER, &d));
}

static void sealed_secret_opens_in_the_same_state_only(void **state)
{
	(void)state;
	static const unsigned bound[] = {0, 2, 14};
	uint8_t sealed[TPM_SEALED_MAX], secret[32], out[TPM_SECRET_MAX];
	size_t n, out_n;
	memset(secret, 0x77, sizeof secret);
	swtpm_power_cycle(&sw, &tpm);
	extend(2, 1);
	extend(14, 2);
	assert_done(tpm_seal(&tpm, POLICY, SPAN_ARR(secret), sealed, &n, &d));
	assert_done(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d));
	assert_span_equal(SPAN(out, out_n), SPAN_ARR(secret));
	extend(15, 9); /* not bound */
	assert_done(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d));
	extend(14, 3); /* the cap */
	assert_fails(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d), ERR_REFUSED,
		     "unseal: it was sealed while the PCRs had other");
	swtpm_power_cycle(&sw, &tpm);
	assert_fails(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d), ERR_REFUSED, "other values");
	extend(2, 1);
	extend(14, 2);
	assert_done(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d));
	assert_span_equal(SPAN(out, out_n), SPAN_ARR(secret));
	for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
		swtpm_power_cycle(&sw, &tpm);
		extend(2, 1);
		extend(14, 2);
		extend(bound[i], 4);
		assert_fails(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d), ERR_REFUSED, "other values");
	}
}

/* Whoever boots something else on this machine can seal to any PCR values, but not while the PCRs have them. */
static void a_secret_sealed_from_another_state_is_refused(void **state)
{
	(void)state;
	uint8_t good[TPM_SEALED_MAX], other[TPM_SEALED_MAX], mix[2 * TPM_SEALED_MAX], out[TPM_SECRET_MAX];
	size_t good_n, other_n, n;
	swtpm_power_cycle(&sw, &tpm);
	assert_done(tpm_seal(&tpm, POLICY, SPAN_LIT("foreign"), other, &other_n, &d));
	extend(14, 2);
	assert_done(tpm_seal(&tpm, POLICY, SPAN_LIT("genuine"), good, &good_n, &d));
	assert_fails(tpm_unseal(&tpm, POLICY, SPAN(other, other_n), out, &n, &d), ERR_REFUSED, "other values");
	/* the foreign object with the genuine statement of origin */
	assert_int_equal(good_n, other_n);
	size_t objects = 0;
	for (int i = 0; i < 2; i++)
		objects += 2 + ((size_t)good[objects] << 8 | good[objects + 1]);
	memcpy(mix, other, objects);
	memcpy(mix + objects, good + objects, good_n - objects);
	assert_fails(tpm_unseal(&tpm, POLICY, SPAN(mix, good_n), out, &n, &d), ERR_CRYPTO, "TPM2_CertifyCreation: ");
}

static void a_damaged_object_is_an_error(void **state)
{
	(void)state;
	uint8_t sealed[TPM_SEALED_MAX], bad[TPM_SEALED_MAX], out[TPM_SECRET_MAX];
	size_t n, out_n;
	assert_done(tpm_seal(&tpm, POLICY, SPAN_LIT("secret"), sealed, &n, &d));
	assert_fails(tpm_unseal(&tpm, POLICY, SPAN(sealed, n - 1), out, &out_n, &d), ERR_INPUT, "unseal: not a sealed object");
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, sealed, n);
		bad[i] ^= 1;
		diag_clear(&d);
		int r = tpm_unseal(&tpm, POLICY, SPAN(bad, n), out, &out_n, &d);
		if (r != ERR_CRYPTO && r != ERR_INPUT && r != ERR_REFUSED)
			fail_msg("byte %zu: %d %s", i, r, d.text);
	}
	assert_done(tpm_unseal(&tpm, POLICY, SPAN(sealed, n), out, &out_n, &d));
}

static void another_tpm_cannot_unseal(void **state)
{
	(void)state;
	static struct swtpm sw2;
	static struct tpm tpm2;
	uint8_t sealed[TPM_SEALED_MAX], out[TPM_SECRET_MAX];
	size_t n, out_n;
	swtpm_power_cycle(&sw, &tpm);
	assert_done(tpm_seal(&tpm, POLICY, SPAN_LIT("secret"), sealed, &n, &d));
	swtpm_create(&sw2);
	assert_done(tpm_open_tcti(&tpm2, &sw2, &d));
	assert_fails(tpm_unseal(&tpm2, POLICY, SPAN(sealed, n), out, &out_n, &d), ERR_CRYPTO, "unseal: TPM2_Load: ");
	tpm_close(&tpm2);
	swtpm_destroy(&sw2);
}

static void a_dead_tpm_is_an_io_error(void **state)
{
	(void)state;
	static struct swtpm sw2;
	static struct tpm tpm2;
	uint8_t out[32];
	swtpm_create(&sw2);
	assert_done(tpm_open_tcti(&tpm2, &sw2, &d));
	sw2.cut_command = TPM2_CC_PCR_Read;
	assert_fails(tpm_pcr_read(&tpm2, 0, out, &d), ERR_IO, "read PCR 0: TPM2_PCR_Read: ");
	sw2.cut_command = 0;
	assert_done(tpm_pcr_read(&tpm2, 0, out, &d));
	tpm_close(&tpm2);
	swtpm_destroy(&sw2);
}

static void no_attestation_key_names_the_missing_index(void **state)
{
	(void)state;
	static uint8_t block[8192];
	uint8_t qualifying[32] = {0};
	struct tpm_quote q;
	struct arena a = arena_over(block, sizeof block);
	assert_fails(tpm_quote(&tpm, &a, POLICY, qualifying, &q, &d), ERR_MISSING, "TPM quote: attestation key (RSA): NV index 0x01c10001");
}

static void power_cuts_do_not_lock_the_attestation_key(void **state)
{
	(void)state;
	/* TPMT_PUBLIC of a restricted ECDSA key on P-256, without noDA, as in Google's NV index. */
	static const uint8_t template[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x00, 0x72, 0x00, 0x00, 0x00, 0x10,
					   0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00};
	static uint8_t block[65536];
	static const uint8_t qualifying[TPM_QUALIFYING_LEN] = {1};
	assert_done(tpm_nv_write(&tpm, 0x01c10003, SPAN_ARR(template), &d));
	assert_done(tpm_nv_write(&tpm, 0x01c10002, SPAN_LIT("certificate"), &d));
	for (int cut = 0; cut < 12; cut++) {
		struct arena a = arena_over(block, sizeof block);
		struct tpm_quote q;
		assert_done(tpm_quote(&tpm, &a, POLICY, qualifying, &q, &d));
		swtpm_power_cycle(&sw, &tpm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_differs),
		cmocka_unit_test(extend_is_sha256_of_old_and_digest),
		cmocka_unit_test(nv_keeps_bytes_of_more_than_one_chunk),
		cmocka_unit_test(counter_never_goes_back),
		cmocka_unit_test(an_ordinary_index_is_no_counter),
		cmocka_unit_test(sealed_secret_opens_in_the_same_state_only),
		cmocka_unit_test(a_secret_sealed_from_another_state_is_refused),
		cmocka_unit_test(a_damaged_object_is_an_error),
		cmocka_unit_test(another_tpm_cannot_unseal),
		cmocka_unit_test(a_dead_tpm_is_an_io_error),
		cmocka_unit_test(no_attestation_key_names_the_missing_index),
		cmocka_unit_test(power_cuts_do_not_lock_the_attestation_key),
	};
	return cmocka_run_group_tests(tests, swtpm_setup, swtpm_teardown);
}
