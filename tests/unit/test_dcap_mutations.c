/* Every byte of a quote and its collateral that anything depends on, changed; every truncation; items exchanged. */
#include "tests/unit/test.h"

#include "base/text.h"
#include "kms/attest/dcap_inner.h"

#define CASE "tests/vectors/attestation/dcap-synthetic/valid_tdx_v4/"

enum { NOW = 1772323200 };

static struct arena arena, kept;
static struct span quote, root;
static struct collateral_items items;
static const struct collateral *good;

static struct span copy_of(const char *path)
{
	struct span f = test_file(path), c = arena_dup(&kept, f);
	free((void *)f.p);
	return c;
}

static int set_up(void **state)
{
	(void)state;
	struct diag d;
	quote = copy_of(CASE "quote.bin");
	root = copy_of("tests/vectors/attestation/dcap-synthetic/root_ca.der");
	if (collateral_items_parse(&kept, copy_of(CASE "collateral.json"), &items, &d))
		return -1;
	return collateral_make(&kept, &items, root, &good, &d);
}

static int verify(struct span q, const struct collateral *c, struct diag *d)
{
	struct dcap_result r;
	return dcap_verify(&arena, q, c, NOW, NULL, &r, d);
}

static int verify_items(const struct collateral_items *in, struct diag *d)
{
	const struct collateral *c;
	arena_reset(&arena);
	int e = collateral_make(&arena, in, root, &c, d);
	return e ? e : verify(quote, c, d);
}

static void the_unchanged_case_passes(void **state)
{
	(void)state;
	struct diag d = {0};
	arena_reset(&arena);
	if (verify(quote, good, &d) || verify_items(&items, &d))
		fail_msg("%s", d.text);
}

/* Where changes are allowed to go unnoticed: the type of the outer certification data, which nothing reads, and the PEM text, whose
 * certificates have their own test. */
static bool unread(const struct quote *q, size_t i)
{
	size_t outer_type = (size_t)(q->attestation_key.p - quote.p) + 64;
	size_t pem = (size_t)(q->cert_data.p - quote.p);
	return i == outer_type || i == outer_type + 1 || i >= pem;
}

static void refuses_a_quote_with_any_byte_changed(void **state)
{
	(void)state;
	struct quote q;
	struct diag d;
	assert_int_equal(quote_parse(quote, &q, &d), 0);
	uint8_t *p = (uint8_t *)quote.p;
	for (size_t i = 0; i < q.used; i++) {
		if (unread(&q, i))
			continue;
		arena_reset(&arena);
		p[i] ^= (uint8_t)(1u << (i % 8));
		int e = verify(quote, good, &d);
		p[i] ^= (uint8_t)(1u << (i % 8));
		if (!e)
			fail_msg("quote with byte %zu changed passes", i);
	}
	the_unchanged_case_passes(NULL);
}

static void refuses_a_truncated_quote_and_ignores_padding(void **state)
{
	(void)state;
	struct quote q;
	struct diag d;
	assert_int_equal(quote_parse(quote, &q, &d), 0);
	for (size_t n = 0; n < q.used; n++) {
		arena_reset(&arena);
		assert_int_not_equal(verify(SPAN(quote.p, n), good, &d), 0);
	}
	assert_int_equal(verify(SPAN(quote.p, q.used), good, &d), 0);
}

static void refuses_the_leaf_and_intermediate_with_any_bit_changed(void **state)
{
	(void)state;
	struct span ders[X509_CHAIN_MAX];
	struct quote q;
	struct diag d;
	size_t n;
	assert_int_equal(quote_parse(quote, &q, &d), 0);
	assert_int_equal(pem_chain(&kept, q.cert_data, ders, X509_CHAIN_MAX, &n, &d), 0);
	for (size_t k = 0; k < 2; k++) {
		uint8_t *p = (uint8_t *)ders[k].p;
		for (size_t i = 0; i < ders[k].n; i++) {
			arena_reset(&arena);
			p[i] ^= (uint8_t)(1u << (i % 8));
			char *text =
				arena_fmt(&arena,
					  "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n%s\n"
					  "-----END CERTIFICATE-----\n",
					  base64_encode_in(&arena, ders[0]), base64_encode_in(&arena, ders[1]));
			struct dcap_result r;
			int e = dcap_verify_chain(&arena, quote, good, SPAN_STR(text), NOW, NULL, &r, &d);
			p[i] ^= (uint8_t)(1u << (i % 8));
			if (!e)
				fail_msg("certificate %zu with byte %zu changed passes", k, i);
		}
	}
}

static void refuses_collateral_with_any_byte_changed(void **state)
{
	(void)state;
	static const struct {
		size_t member;
		const char *name;
	} signed_items[] = {
		{offsetof(struct collateral_items, root_ca_crl), "root_ca_crl"},
		{offsetof(struct collateral_items, pck_crl), "pck_crl"},
		{offsetof(struct collateral_items, tcb_info), "tcb_info"},
		{offsetof(struct collateral_items, tcb_info_signature), "tcb_info_signature"},
		{offsetof(struct collateral_items, qe_identity), "qe_identity"},
		{offsetof(struct collateral_items, qe_identity_signature), "qe_identity_signature"},
	};
	struct diag d;
	for (size_t k = 0; k < sizeof signed_items / sizeof signed_items[0]; k++) {
		struct span s = *(const struct span *)((const char *)&items + signed_items[k].member);
		uint8_t *p = (uint8_t *)s.p;
		for (size_t i = 0; i < s.n; i++) {
			p[i] ^= (uint8_t)(1u << (i % 8));
			int e = verify_items(&items, &d);
			p[i] ^= (uint8_t)(1u << (i % 8));
			if (!e)
				fail_msg("%s with byte %zu changed passes", signed_items[k].name, i);
		}
	}
	the_unchanged_case_passes(NULL);
}

static void refuses_items_missing_extended_or_exchanged(void **state)
{
	(void)state;
	struct diag d;
	struct span *const members[] = {
		&items.root_ca_crl,        &items.pck_crl,     &items.tcb_info_chain,        &items.tcb_info,
		&items.tcb_info_signature, &items.qe_identity, &items.qe_identity_signature, &items.qe_identity_chain};
	enum { MEMBERS = sizeof members / sizeof members[0] };
	for (size_t i = 0; i < MEMBERS; i++) {
		struct span was = *members[i];
		*members[i] = SPAN(was.p, was.n - 1);
		bool chain = members[i] == &items.tcb_info_chain || members[i] == &items.qe_identity_chain; /* ends in a line feed */
		assert_int_equal(verify_items(&items, &d) == 0, chain);
		*members[i] = SPAN(was.p, 0);
		assert_int_not_equal(verify_items(&items, &d), 0);
		uint8_t *longer = arena_alloc(&kept, was.n + 1);
		memcpy(longer, was.p, was.n);
		longer[was.n] = ' ';
		*members[i] = SPAN(longer, was.n + 1);
		assert_int_equal(verify_items(&items, &d) == 0, chain);
		*members[i] = was;
		for (size_t k = 0; k < MEMBERS; k++) {
			if (k == i || span_eq(*members[k], was))
				continue;
			/* the two lists are found by their issuer, in either place */
			bool lists = i < 2 && k < 2;
			struct span other = *members[k];
			*members[i] = other;
			*members[k] = was;
			assert_int_equal(verify_items(&items, &d) == 0, lists);
			*members[i] = was;
			*members[k] = other;
		}
	}
	the_unchanged_case_passes(NULL);
}

/* Steps are told apart: the first thing wrong in the order of 2.4 is what is reported. */
static void reports_the_first_fault_in_order(void **state)
{
	(void)state;
	struct diag d;
	struct collateral_items worse = items;
	static const char *const order[] = {"Failed to decode QeIdentity", "Failed to decode TcbInfo", "Failed to decode quote",
					    "Failed to parse the root CRL"};
	struct span q = quote;
	const struct collateral *c;
	for (size_t i = 0; i < 4; i++) {
		if (i == 0)
			worse.qe_identity = SPAN_LIT("{}");
		else if (i == 1)
			worse.tcb_info = SPAN_LIT("{}");
		else if (i == 2)
			q = SPAN(quote.p, 100);
		else
			worse.root_ca_crl = SPAN_LIT("0");
		arena_reset(&arena);
		assert_int_equal(collateral_make(&arena, &worse, root, &c, &d), 0);
		assert_int_not_equal(verify(q, c, &d), 0);
		if (!strstr(d.text, order[i]))
			fail_msg("'%s' instead of '%s'", d.text, order[i]);
	}
}

static void dstack_refuses_what_dcap_lets_pass(void **state)
{
	(void)state;
	struct quote q;
	struct diag d;
	uint8_t signer[48] = {0}, service[48] = {0}, attributes[8] = {0};
	assert_int_equal(quote_parse(quote, &q, &d), 0);
	q.td.mr_signer_seam = SPAN_ARR(signer);
	q.td.mr_service_td = SPAN_ARR(service);
	q.td.td_attributes = SPAN_ARR(attributes);
	assert_int_equal(dcap_check_dstack(&q, &d), 0);
	uint8_t *const each[] = {&signer[0], &signer[47], &service[0], &service[47], &attributes[0]};
	for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
		*each[i] = 1;
		assert_int_equal(dcap_check_dstack(&q, &d), ERR_REFUSED);
		*each[i] = 0;
	}
	q.body = QUOTE_BODY_SGX;
	assert_int_equal(dcap_check_dstack(&q, &d), ERR_REFUSED);
}

/* All 64 bits of td_attributes against 2.8, one at a time. */
static void judges_each_attribute_bit(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint8_t bytes[8] = {0};
		struct quote q = {.body = QUOTE_BODY_TD10};
		struct dcap_options o = {0};
		struct diag d = {0};
		bytes[3] = 0x10; /* SEPT_VE_DISABLE */
		bytes[bit / 8] |= (uint8_t)(1u << (bit % 8));
		q.td.td_attributes = SPAN_ARR(bytes);
		bool allowed = bit == 28 || bit == 30 || bit == 31 || bit == 39;
		const char *want = bit == 0 ? "Debug mode is enabled" : "Reserved bits in TD attributes are set";
		assert_int_equal(dcap_attributes_check(&q, &o, &d) == 0, allowed);
		if (!allowed)
			assert_string_equal(d.text, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_unchanged_case_passes),
		cmocka_unit_test(refuses_a_quote_with_any_byte_changed),
		cmocka_unit_test(refuses_a_truncated_quote_and_ignores_padding),
		cmocka_unit_test(refuses_the_leaf_and_intermediate_with_any_bit_changed),
		cmocka_unit_test(refuses_collateral_with_any_byte_changed),
		cmocka_unit_test(refuses_items_missing_extended_or_exchanged),
		cmocka_unit_test(reports_the_first_fault_in_order),
		cmocka_unit_test(dstack_refuses_what_dcap_lets_pass),
		cmocka_unit_test(judges_each_attribute_bit),
	};
	if (arena_open(&arena, 16 << 20) || arena_open(&kept, 16 << 20))
		return 1;
	return cmocka_run_group_tests(tests, set_up, NULL);
}
