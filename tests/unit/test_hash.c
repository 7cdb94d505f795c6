/* SHA-256 by the processor's instructions and in C: the published values, and each against the other. */
#include "tests/unit/test.h"

#include <bearssl.h>

#include "base/text.h"
#include "crypto/hash.h"

static const bool ways[] = {true, false}; /* sha256_portable_only */

static struct span digest(struct span in, bool portable, uint8_t out[SHA256_LEN])
{
	sha256_portable_only = portable;
	sha256(in, out);
	sha256_portable_only = false;
	return SPAN(out, SHA256_LEN);
}

static struct span from_hex(const char *text, uint8_t out[SHA256_LEN])
{
	assert_int_equal(hex_decode(SPAN_STR(text), out, SHA256_LEN), SHA256_LEN);
	return SPAN(out, SHA256_LEN);
}

/* FIPS 180-4, as published with the standard. */
static void examples_of_the_standard(void **state)
{
	(void)state;
	static uint8_t million[1000000];
	memset(million, 'a', sizeof million);
	const struct {
		struct span in;
		const char *want;
	} cases[] = {
		{SPAN_LIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{SPAN_LIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{SPAN_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{SPAN_ARR(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
	};
	uint8_t got[SHA256_LEN], want[SHA256_LEN];
	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
			assert_span_equal(digest(cases[i].in, ways[w], got), from_hex(cases[i].want, want));
}

/* CAVS 11.1, "SHA-256 Monte": every round hashes its three last results. */
static void monte_carlo_of_cavs(void **state)
{
	(void)state;
	static const char seed[] = "6d1e72ad03ddeb5de891e572e2396f8da015d899ef0e79503152d6010a3fe691";
	static const char *const checkpoints[] = {
		"e93c330ae5447738c8aa85d71a6c80f2a58381d05872d26bdd39f1fcd4f2b788",
		"2e78f8c8772ea7c9331d41ed3f9cdf27d8f514a99342ee766ee3b8b0d0b121c0",
		"d6a23dff1b7f2eddc1a212f8a218397523a799b07386a30692fd6fe9d2bf0944",
		"fb0099a964fad5a88cf12952f2991ce256a4ac3049f3d389c3b9e6c00e585db4",
	};
	for (size_t w = 0; w < 2; w++) {
		uint8_t m[4][SHA256_LEN], want[SHA256_LEN];
		from_hex(seed, m[2]);
		for (size_t j = 0; j < sizeof checkpoints / sizeof checkpoints[0]; j++) {
			memcpy(m[0], m[2], SHA256_LEN);
			memcpy(m[1], m[2], SHA256_LEN);
			for (int i = 0; i < 1000; i++) {
				digest(SPAN(m, 3 * SHA256_LEN), ways[w], m[3]);
				memmove(m[0], m[1], sizeof m[0] * 3);
			}
			assert_span_equal(SPAN_ARR(m[2]), from_hex(checkpoints[j], want));
		}
	}
}

static void both_agree_on_every_length_and_alignment(void **state)
{
	(void)state;
	uint8_t bytes[400], one[SHA256_LEN], other[SHA256_LEN];
	uint64_t x = 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < sizeof bytes; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t)x;
	}
	for (size_t shift = 0; shift < 16; shift++)
		for (size_t n = 0; n <= sizeof bytes - 16; n++)
			assert_span_equal(digest(SPAN(bytes + shift, n), true, one), digest(SPAN(bytes + shift, n), false, other));
}

static void split_input_and_saved_states_go_on_in_the_other_code(void **state)
{
	(void)state;
	uint8_t bytes[200], saved[32], got[SHA256_LEN], want[SHA256_LEN];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7);
	digest(SPAN_ARR(bytes), true, want);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		br_sha256_context c;
		br_sha256_init(&c);
		br_sha256_update(&c, bytes, cut);
		sha256_portable_only = true;
		br_sha256_update(&c, bytes + cut, sizeof bytes - cut);
		sha256_portable_only = false;
		br_sha256_out(&c, got);
		assert_span_equal(SPAN_ARR(got), SPAN_ARR(want));
	}
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_update(&c, bytes, 128);
	uint64_t count = br_sha256_state(&c, saved);
	sha256_portable_only = true;
	br_sha256_init(&c);
	br_sha256_set_state(&c, saved, count);
	br_sha256_update(&c, bytes + 128, sizeof bytes - 128);
	br_sha256_out(&c, got);
	sha256_portable_only = false;
	assert_span_equal(SPAN_ARR(got), SPAN_ARR(want));
}

/* The machine that runs this test decides which code is tested; it must not be the portable one by mistake. */
static void the_instructions_are_used_where_they_are(void **state)
{
	(void)state;
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[8192];
	bool has = false;
	assert_non_null(f);
	while (!has && fgets(line, sizeof line, f))
		has = strncmp(line, "flags", 5) == 0 && strstr(line, " sha_ni") && strstr(line, " ssse3");
	fclose(f);
	assert_int_equal(sha256_fast_here(), has);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_standard),
		cmocka_unit_test(monte_carlo_of_cavs),
		cmocka_unit_test(both_agree_on_every_length_and_alignment),
		cmocka_unit_test(split_input_and_saved_states_go_on_in_the_other_code),
		cmocka_unit_test(the_instructions_are_used_where_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
