#include "tests/unit/test.h"

#include "base/arena.h"
#include "base/text.h"
#include "drivers/nsm.h"

static struct diag d;

static struct span from_hex(const char *hex)
{
	static uint8_t bytes[4096];
	int n = hex_decode(SPAN_STR(hex), bytes, sizeof bytes);
	assert_true(n >= 0);
	return SPAN(bytes, (size_t)n);
}

static void takes_the_document_out(void **state)
{
	(void)state;
	struct span document;
	/* {"Attestation": {"document": h'010203'}} */
	if (nsm_answer_attestation(from_hex("a16b4174746573746174696f6ea168646f63756d656e7443010203"), &document, &d))
		fail_msg("%s", d.text);
	assert_span_equal(document, SPAN_LIT("\x01\x02\x03"));
}

static void takes_a_pcr_out(void **state)
{
	(void)state;
	uint8_t pcr[NSM_PCR_LEN], want[NSM_PCR_LEN];
	char text[256] = "a16b4465736372696265504352a2646c6f636bf564646174615830"; /* {"DescribePCR": {"lock": true, "data": 48 bytes}} */
	for (int i = 0; i < NSM_PCR_LEN; i++)
		strcat(text, "5a");
	memset(want, 0x5a, sizeof want);
	if (nsm_answer_pcr(from_hex(text), pcr, &d))
		fail_msg("%s", d.text);
	assert_span_equal(SPAN_ARR(pcr), SPAN_ARR(want));
	/* one byte less */
	text[strlen(text) - 2] = '\0';
	memcpy(strstr(text, "5830"), "582f", 4);
	assert_int_equal(nsm_answer_pcr(from_hex(text), pcr, &d), ERR_INPUT);
}

static void passes_the_error_on(void **state)
{
	(void)state;
	struct span document;
	/* {"Error": "InvalidOperation"} */
	assert_int_equal(nsm_answer_attestation(from_hex("a1654572726f7270496e76616c69644f7065726174696f6e"), &document, &d), ERR_IO);
	assert_string_equal(d.text, "NSM: Attestation: InvalidOperation");
}

static void anything_else_is_no_answer(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"a0",
		"f6",
		"6b4174746573746174696f6e",                                 /* a text */
		"a16b4174746573746174696f6ea0",                             /* no document */
		"a16947657452616e646f6da16672616e646f6d43010203",           /* the answer to another question */
		"a16b4174746573746174696f6ea168646f63756d656e7463616263",   /* document is text */
		"a16b4174746573746174696f6ea168646f63756d656e74430102",     /* cut */
		"a16b4174746573746174696f6ea168646f63756d656e744301020300", /* something behind it */
		"a16b4174746573746174696f6ea268646f63756d656e74430102036 8646f63756d656e7443010203",
		"a16b4174746573746174696f6ea168646f63756d656e745bffffffffffffffff01", /* a length beyond everything */
		"bf6b4174746573746174696f6ea168646f63756d656e7443010203ff",           /* indefinite */
		"a16b4174746573746174696f6ea2617881f668646f63756d656e7443010203",     /* nested value beside it */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char text[256];
		size_t n = 0;
		for (const char *p = bad[i]; *p; p++)
			if (*p != ' ')
				text[n++] = *p;
		text[n] = '\0';
		struct span document;
		if (nsm_answer_attestation(from_hex(text), &document, &d) != ERR_INPUT)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(d.text, "NSM: no answer to Attestation"));
		assert_null(document.p);
	}
}

static void a_missing_device_is_named(void **state)
{
	(void)state;
	struct nsm nsm;
	assert_int_equal(nsm_device_open(&nsm, "/nonexistent/nsm", &d), ERR_MISSING);
	assert_non_null(strstr(d.text, "open /nonexistent/nsm: "));
	nsm_device_close(&nsm);
	/* a device of another kind */
	assert_int_equal(nsm_device_open(&nsm, "/dev/null", &d), 0);
	uint8_t pcr[NSM_PCR_LEN];
	assert_int_equal(nsm_device_pcr(&nsm, 0, pcr, &d), ERR_IO);
	nsm_device_close(&nsm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_document_out),    cmocka_unit_test(takes_a_pcr_out),
		cmocka_unit_test(passes_the_error_on),       cmocka_unit_test(anything_else_is_no_answer),
		cmocka_unit_test(a_missing_device_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
