/* The enclave image over the vector of image specification 8.4. */
#include "tests/unit/test.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "image/eif.h"

static void assert_hex(struct span got, const char *hex)
{
	uint8_t want[64];
	int n = hex_decode(SPAN_STR(hex), want, sizeof want);
	assert_true(n > 0);
	assert_span_equal(got, ((struct span){want, (size_t)n}));
}

static const struct eif vector = {
	.kernel = {(const uint8_t *)"KERNEL", 6},
	.cmdline = {(const uint8_t *)"console=ttyS0", 13},
	.metadata = {(const uint8_t *)"{}", 2},
	.ramdisk = {(const uint8_t *)"RAMDISK", 7},
};

static void test_file_is_the_specified_one(void **state)
{
	(void)state;
	uint8_t file[624], h[32];
	struct diag d = {0};
	struct wr w = wr_to(file, sizeof file);
	assert_int_equal(eif_size(&vector), sizeof file);
	assert_int_equal(eif_write(&vector, &w, &d), 0);
	assert_true(wr_ok(&w));
	assert_hex((struct span){file + 544, 4}, "614be848");
	sha256(wr_span(&w), h);
	assert_hex(SPAN_ARR(h), "3d1782e71112e348f140db8fba58b4584a9710cc6c6f54a97f7a0070f6fa2054");
}

static void test_registers_are_the_specified_ones(void **state)
{
	(void)state;
	struct eif_pcrs p;
	eif_predict(&vector, &p);
	assert_hex(SPAN_ARR(p.pcr0), "61cc551e3d26a462d15d144634bdca168f5acd798acb4a28a2b7cd78d5dccfed25535e076abb001831be198acb57525d");
	assert_hex(SPAN_ARR(p.pcr2), "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a");
	assert_hex(SPAN_ARR(p.os_image_hash), "42e438d30ccf23291fffbeac51c460f6c67a8f96b0e39e041cbeee0b3ee878f8");
}

static void test_image_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	uint8_t file[623];
	struct diag d = {0};
	struct wr w = wr_to(file, sizeof file);
	assert_int_equal(eif_write(&vector, &w, &d), ERR_LIMIT);
	assert_int_equal(w.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_is_the_specified_one),
		cmocka_unit_test(test_registers_are_the_specified_ones),
		cmocka_unit_test(test_image_that_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
