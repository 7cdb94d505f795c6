/* The Authenticode digest, over the vector of image specification 8.4 and files that tools would disagree about. */
#include "tests/unit/test.h"

#include "image/pe.h"

enum { PE_LEN = 1024 };

static void le16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void le32(uint8_t *p, uint32_t v)
{
	le16(p, v & 0xffff);
	le16(p + 2, v >> 16);
}

static void vector(uint8_t f[PE_LEN])
{
	memset(f, 0, PE_LEN);
	memcpy(f, "MZ", 2);
	le32(f + 0x3c, 0x40);
	memcpy(f + 0x40, "PE\0\0", 4);
	le16(f + 0x44, 0x8664);
	le16(f + 0x46, 1);
	le16(f + 0x54, 240);
	le16(f + 0x56, 0x22);
	le16(f + 0x58, 0x20b);
	le32(f + 0x68, 0x1000);
	le32(f + 0x6c, 0x1000);
	le32(f + 0x78, 0x1000);
	le32(f + 0x7c, 0x200);
	le32(f + 0x90, 0x2000);
	le32(f + 0x94, 0x200);
	le32(f + 0x98, 0xdeadbeef);
	le16(f + 0x9c, 10);
	le32(f + 0xc4, 16);
	memcpy(f + 0x148, ".text", 5);
	le32(f + 0x150, 0x10);
	le32(f + 0x154, 0x1000);
	le32(f + 0x158, 0x200);
	le32(f + 0x15c, 0x200);
	le32(f + 0x16c, 0x60000020);
	memcpy(f + 0x200, "\xf4\xeb\xfd\x90", 4);
}

static int digest(const uint8_t *f, size_t n, uint8_t out[32], struct diag *d)
{
	return pe_authenticode((struct span){f, n}, &br_sha256_vtable, out, d);
}

static void test_digest_of_the_specified_vector(void **state)
{
	(void)state;
	uint8_t f[PE_LEN], h256[32], h384[48];
	struct diag d = {0};
	vector(f);
	assert_int_equal(digest(f, PE_LEN, h256, &d), 0);
	assert_span_equal(SPAN_ARR(h256), SPAN_LIT("\xee\xde\xfd\x59\x87\x4c\xb9\x7a\x2c\x0b\x8b\x66\x7e\xfa\xd2\x3b"
						   "\xdc\x87\x96\x67\xad\x85\xdc\x90\x8d\x28\x67\x58\x8a\x87\xfe\x7e"));
	assert_int_equal(pe_authenticode(SPAN_ARR(f), &br_sha384_vtable, h384, &d), 0);
	assert_span_equal(SPAN_ARR(h384), SPAN_LIT("\x7d\x02\x8b\x41\xbf\x7f\xac\x81\x98\xe8\xb4\xe4\xba\xb2\x1f\x7f"
						   "\x3e\x9a\xcd\xa9\xd4\xe5\xc8\xf6\xcf\x9a\xed\xa0\x47\x93\x43\xc3"
						   "\x27\xef\xc2\x88\x47\xb7\x23\x1c\x91\x10\xf5\x92\x81\x51\x7f\x41"));
}

static void test_only_checksum_and_certificate_entry_are_skipped(void **state)
{
	(void)state;
	uint8_t f[PE_LEN], want[32], got[32];
	struct diag d = {0};
	vector(f);
	assert_int_equal(digest(f, PE_LEN, want, &d), 0);
	for (size_t i = 0x98; i < 0x9c; i++)
		f[i] ^= 0xff;
	assert_int_equal(digest(f, PE_LEN, got, &d), 0);
	assert_span_equal(SPAN_ARR(got), SPAN_ARR(want));
	static const size_t hashed[] = {2, 0x93, 0x9c, 0xe7, 0xf0, 0x200, PE_LEN - 1};
	for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
		vector(f);
		f[hashed[i]] ^= 1;
		assert_int_equal(digest(f, PE_LEN, got, &d), 0);
		assert_memory_not_equal(got, want, 32);
	}
}

static void test_files_that_tools_disagree_about_are_refused(void **state)
{
	(void)state;
	uint8_t f[2 * PE_LEN] = {0}, h[32];
	struct diag d = {0};
	vector(f);
	assert_int_equal(digest(f, PE_LEN + 512, h, &d), ERR_UNSUPPORTED); /* bytes behind the last section */
	f[0xe8] = 1;                                                       /* a certificate table */
	assert_int_equal(digest(f, PE_LEN, h, &d), ERR_UNSUPPORTED);
	vector(f);
	le32(f + 0x158, 0x1f0); /* a length that is no multiple of 512 */
	assert_int_equal(digest(f, PE_LEN - 16, h, &d), ERR_UNSUPPORTED);
	vector(f);
	le32(f + 0x15c, 0x400); /* a gap before the section */
	assert_int_equal(digest(f, PE_LEN + 512, h, &d), ERR_UNSUPPORTED);
}

static void test_malformed_files_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint32_t value;
	} broken[] = {{0x00, 0},           {0x3c, 0xfffffff0}, {0x3c, 0x3f8},      {0x40, 0},       {0x46, 97},
		      {0x54, 100},         {0x58, 0x10b},      {0x94, 0x100},      {0x94, 0x10000}, {0x158, 0x400},
		      {0x158, 0xffffffff}, {0x15c, 0x100},     {0x15c, 0xffffff00}};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		uint8_t f[PE_LEN], h[32];
		struct diag d = {0};
		vector(f);
		le32(f + broken[i].at, broken[i].value);
		if (digest(f, PE_LEN, h, &d) != ERR_INPUT)
			fail_msg("%08x at %03zx was not refused as malformed: %s", broken[i].value, broken[i].at, d.text);
	}
	for (size_t n = 0; n < PE_LEN; n++) {
		uint8_t f[PE_LEN], h[32];
		struct diag d = {0};
		vector(f);
		uint8_t *cut = malloc(n + 1); /* so that the sanitizer sees a read behind the end */
		assert_non_null(cut);
		memcpy(cut, f, n);
		assert_int_not_equal(digest(cut, n, h, &d), 0);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_of_the_specified_vector),
		cmocka_unit_test(test_only_checksum_and_certificate_entry_are_skipped),
		cmocka_unit_test(test_files_that_tools_disagree_about_are_refused),
		cmocka_unit_test(test_malformed_files_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
