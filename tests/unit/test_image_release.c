/* disk.raw and the files around it, over the vectors of image specification 8.4. */
#include "tests/unit/test.h"

#include <unistd.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "image/esp.h"
#include "image/partition.h"
#include "image/predict.h"
#include "image/release.h"

static void assert_hex(struct span got, const char *hex)
{
	uint8_t want[512];
	int n = hex_decode(SPAN_STR(hex), want, sizeof want);
	assert_true(n > 0);
	assert_span_equal(got, ((struct span){want, (size_t)n}));
}

static void test_partition_event_is_the_specified_one(void **state)
{
	(void)state;
	uint8_t event[GPT_EVENT_LEN], h256[32], h384[48];
	partition_event(event);
	assert_hex((struct span){event, 92},
		   "4546492050415254000001005c00000026efe93a000000000100000000000000ffff1f00000000002200000000000000"
		   "deff1f000000000000c0acd500000040800000000000000002000000000000008000000080000000978aa9c6");
	sha256(SPAN_ARR(event), h256);
	sha384(SPAN_ARR(event), h384);
	assert_hex(SPAN_ARR(h256), "5a0feb7d2bb5bf78faf129cafc92acefe107bf54683cccfd1fb3339595419d9e");
	assert_hex(SPAN_ARR(h384), "50b4d2e08f99d9d547c5171ff0b59a9f703fa19a0862896f7847608ad3982a27bfb30a2236eaf04fa0ab69ecbc60e5b5");
}

static void test_measurement_file_is_the_specified_one(void **state)
{
	(void)state;
	uint8_t uki[32], cbor[GCP_MEASUREMENT_LEN], h[32];
	assert_int_equal(hex_decode(SPAN_LIT("9ab14a46f858662a89adc102d2a57a13f52f75c1769d65a4c34edbbfc8855f0f"), uki, sizeof uki), 32);
	release_gcp_measurement(uki, cbor);
	sha256(SPAN_ARR(cbor), h);
	assert_hex(SPAN_ARR(h), "f021c224b89a37f652d9824cdb71c8806233c589e93c320276242b76a990a41c");
}

/* image specification 8.4, "Runtime events": new list, version 1, after system-ready. */
static void test_boot_registers_are_the_specified_ones(void **state)
{
	(void)state;
	struct predicted_boot b;
	uint8_t pcr0[32], pcr2[32], mr[32];
	predict_boot(SPAN_LIT("{\"manifest_version\":2,\"name\":\"kms\",\"runner\":\"docker-compose\"}"), (struct span){NULL, 0}, &b);
	assert_hex(SPAN_ARR(b.compose_hash), "744d24636a160e623aee1153d419bdfee3108139366b33571f4ee6298742a36c");
	assert_hex(SPAN_ARR(b.pcr14), "1eb52e3b9a85ee047d50c8a6f1d254ec7ab17615ae90bf9b65d2991235ea094d");
	assert_hex(SPAN_ARR(b.rtmr3), "bde28cd1940120229c066adc25aca138483c378e0892ad78d3026c24a19714239e3f8e1b5696c997cdcb74be3271322b");
	hex_decode(SPAN_LIT("0cca9ec161b09288802e5a112255d21340ed5b797f5fe29cecccfd8f67b9f802"), pcr0, 32);
	hex_decode(SPAN_LIT("1f74355f18d9aab3a26faa060d2058726554207d040c63d25d501d97f5a41e0f"), pcr2, 32);
	predict_aggregated(pcr0, pcr2, b.pcr14, mr);
	assert_hex(SPAN_ARR(mr), "727ab538c5dbf11c0e0fe499f362877a71014de0cba4d0494bf6a5f475ad7ebc");
}

/* A PE file of the vector in 8.4. */
static struct span small_pe(void)
{
	static uint8_t f[1024];
	static const struct {
		uint16_t at;
		uint32_t v;
	} word[] = {{0x00, 0x5a4d},     {0x3c, 0x40},        {0x40, 0x4550},     {0x44, 0x18664}, {0x54, 0x2200f0}, {0x58, 0x20b},
		    {0x68, 0x1000},     {0x6c, 0x1000},      {0x78, 0x1000},     {0x7c, 0x200},   {0x90, 0x2000},   {0x94, 0x200},
		    {0x98, 0xdeadbeef}, {0x9c, 10},          {0xc4, 16},         {0x150, 0x10},   {0x154, 0x1000},  {0x158, 0x200},
		    {0x15c, 0x200},     {0x16c, 0x60000020}, {0x200, 0x90fdebf4}};
	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
		for (int b = 0; b < 4; b++)
			f[word[i].at + b] = (uint8_t)(word[i].v >> (8 * b));
	memcpy(f + 0x148, ".text", 5);
	return SPAN_ARR(f);
}

static void test_predicted_pcr2_is_the_specified_one(void **state)
{
	(void)state;
	struct predicted p;
	struct diag d = {0};
	uint8_t h[32];
	sha256(small_pe(), h);
	assert_hex(SPAN_ARR(h), "6f855c61448144c02dc1ca797051ac88b082fe610ab962ca013f91776e13d479");
	assert_int_equal(predict(small_pe(), &p, &d), 0);
	assert_hex(SPAN_ARR(p.google_pcr2), "8b892e784d260976771f4a0c457c4471f03101814d0c0aa21097764524c9d7a5");
}

static void test_disk_gives_its_file_back_and_notices_every_change(void **state)
{
	(void)state;
	struct diag d = {0};
	struct span uki;
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(disk_write(fileno(f), small_pe(), &d), 0);
	assert_int_equal(disk_read(fileno(f), &uki, &d), 0);
	assert_span_equal(uki, small_pe());
	free((void *)uki.p);
	/* master boot record, both partition tables, boot sector, table of clusters, directory, file, behind the file, the last sector */
	static const uint64_t places[] = {0x1be,    0x238,    0x40000000 - 0x4200, 0x10000b, 0x104008, 0x208000, 0x209000,
					  0x20a000, 0x20a400, 0x3fffffff};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		uint8_t byte;
		assert_int_equal(pread(fileno(f), &byte, 1, (off_t)places[i]), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fileno(f), &byte, 1, (off_t)places[i]), 1);
		/* a changed boot file is another disk, and a consistent one */
		int want = places[i] == 0x205800 ? 0 : ERR_REFUSED;
		int got = disk_read(fileno(f), &uki, &d);
		free((void *)uki.p);
		if (got != want)
			fail_msg("a change at %llx: %d, not %d (%s)", (unsigned long long)places[i], got, want, d.text);
		byte ^= 1;
		assert_int_equal(pwrite(fileno(f), &byte, 1, (off_t)places[i]), 1);
	}
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partition_event_is_the_specified_one),
		cmocka_unit_test(test_measurement_file_is_the_specified_one),
		cmocka_unit_test(test_boot_registers_are_the_specified_ones),
		cmocka_unit_test(test_predicted_pcr2_is_the_specified_one),
		cmocka_unit_test(test_disk_gives_its_file_back_and_notices_every_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
