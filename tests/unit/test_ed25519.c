/* Ed25519: the vectors of RFC 8032, 7.1, and what is no signature. */
#include "tests/unit/test.h"

#include "base/text.h"
#include "crypto/sig.h"

static uint8_t memory[8192];
static struct arena arena;

static struct span hex(const char *text)
{
	struct span s = hex_decode_in(&arena, SPAN_STR(text));
	assert_non_null(s.p);
	return s;
}

static const struct {
	const char *key, *message, *signature;
} vectors[] = {
	{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100"
	 "b"},
	{"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c0"
	 "0"},
	{"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40"
	 "a"},
};

static int setup(void **state)
{
	(void)state;
	arena = arena_over(memory, sizeof memory);
	return 0;
}

static void test_vectors_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(ed25519_verify(hex(vectors[i].key), hex(vectors[i].message), hex(vectors[i].signature)));
}

static void test_each_bit_of_a_signature_counts(void **state)
{
	(void)state;
	struct span key = hex(vectors[2].key), message = hex(vectors[2].message);
	uint8_t sig[64];
	memcpy(sig, hex(vectors[2].signature).p, sizeof sig);
	for (size_t bit = 0; bit < 512; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(ed25519_verify(key, message, SPAN_ARR(sig)));
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(ed25519_verify(key, message, SPAN_ARR(sig)));
}

static void test_another_message_or_key_does_not_verify(void **state)
{
	(void)state;
	struct span sig = hex(vectors[2].signature);
	assert_false(ed25519_verify(hex(vectors[2].key), hex("af83"), sig));
	assert_false(ed25519_verify(hex(vectors[2].key), hex("af8200"), sig));
	assert_false(ed25519_verify(hex(vectors[1].key), hex("af82"), sig));
}

/* S and S plus the order satisfy the same equation; only the one below it is a signature. */
static void test_the_second_half_is_below_the_order(void **state)
{
	(void)state;
	uint8_t sig[64];
	struct span order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
	memcpy(sig, hex(vectors[1].signature).p, sizeof sig);
	unsigned carry = 0;
	for (size_t i = 0; i < 32; i++) {
		carry += sig[32 + i] + (unsigned)order.p[i];
		sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(ed25519_verify(hex(vectors[1].key), hex("72"), SPAN_ARR(sig)));
}

static void test_what_is_no_point_is_no_key(void **state)
{
	(void)state;
	/* y = 2: no x on the curve */
	struct span key = hex("0200000000000000000000000000000000000000000000000000000000000000");
	assert_false(ed25519_verify(key, hex("72"), hex(vectors[1].signature)));
}

static void test_lengths_are_exact(void **state)
{
	(void)state;
	struct span key = hex(vectors[0].key), none = SPAN(NULL, 0), sig = hex(vectors[0].signature);
	assert_false(ed25519_verify(SPAN(key.p, 31), none, sig));
	assert_false(ed25519_verify(none, none, sig));
	assert_false(ed25519_verify(key, none, SPAN(sig.p, 63)));
	assert_false(ed25519_verify(key, none, none));
	assert_true(ed25519_verify(key, none, sig));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_vectors_verify, setup),
		cmocka_unit_test_setup(test_each_bit_of_a_signature_counts, setup),
		cmocka_unit_test_setup(test_another_message_or_key_does_not_verify, setup),
		cmocka_unit_test_setup(test_the_second_half_is_below_the_order, setup),
		cmocka_unit_test_setup(test_what_is_no_point_is_no_key, setup),
		cmocka_unit_test_setup(test_lengths_are_exact, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
