/* Paths, certificates and CRLs by the rules of section 2.5. */
#include "tests/unit/test.h"

#include "base/civil.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/der.h"
#include "crypto/sigmemo.h"
#include "crypto/x509.h"

enum { LISTS_MAX = 4 };

static struct arena arena, mark;
static const struct json *cases;

static struct span bytes(const struct json *j)
{
	struct span s = hex_decode_in(&arena, j->str);
	assert_non_null(s.p);
	return s;
}

struct loaded {
	struct x509 anchor, leaf, pool[X509_CHAIN_MAX];
	size_t pool_count;
	struct x509_crl crl[LISTS_MAX];
	const struct x509_crl *list[LISTS_MAX];
	struct x509_policy policy;
};

/* "", "parse" or "crl-parse" */
static const char *load(const struct json *j, struct loaded *l)
{
	struct diag d;
	struct span text = {0};
	*l = (struct loaded){0};
	assert_int_equal(x509_parse(bytes(json_get(j, "anchor")), &l->anchor, &d), 0);
	if (x509_parse(bytes(json_get(j, "leaf")), &l->leaf, &d))
		return "parse";
	for (const struct json *k = json_get(j, "pool")->kids; k; k = k->next)
		if (x509_parse(bytes(k), &l->pool[l->pool_count], &d) == 0)
			l->pool_count++;
	for (const struct json *k = json_get(j, "crls")->kids; k; k = k->next) {
		size_t n = l->policy.crl_count++;
		assert_true(n < LISTS_MAX);
		l->list[n] = &l->crl[n];
		if (x509_crl_parse(bytes(k), &l->crl[n], &d))
			return "crl-parse";
	}
	l->policy.anchor = &l->anchor;
	l->policy.crls = l->list;
	l->policy.now = strtoll((const char *)json_get(j, "now")->raw.p, NULL, 10);
	if (json_get(j, "limit")->raw.p[0] == '-')
		l->policy.max_intermediates = X509_NO_INTERMEDIATES;
	assert_true(json_get_str(j, "purpose", &text));
	l->policy.purpose = span_is(text, "serverAuth") ? x509_server_auth : span_is(text, "clientAuth") ? x509_client_auth : x509_tcg_aik;
	assert_true(json_get_str(j, "revocation", &text));
	l->policy.revocation = span_is(text, "off")        ? X509_REVOCATION_OFF
			       : span_is(text, "required") ? X509_REVOCATION_REQUIRED
							   : X509_REVOCATION_UNKNOWN_PASSES;
	return "";
}

static void decides_every_case_as_stated(void **state)
{
	(void)state;
	struct loaded l;
	size_t n = 0;
	for (const struct json *j = cases->kids; j; j = j->next, n++) {
		struct span title = {0}, expect = {0};
		struct diag d = {0};
		struct x509_path path;
		arena = mark;
		assert_true(json_get_str(j, "name", &title) && json_get_str(j, "expect", &expect));
		const char *got = load(j, &l);
		if (!*got)
			got = x509_path_verify(&l.leaf, l.pool, l.pool_count, &l.policy, &path, &d) ? d.text : "ok";
		if (!span_is(expect, got))
			fail_msg("%.*s: '%s' instead of '%.*s'", SPAN_FMT(title), got, SPAN_FMT(expect));
		if (span_is(expect, "ok")) { /* and it holds until path.expires, not longer */
			l.policy.now = path.expires - 1;
			assert_int_equal(x509_path_verify(&l.leaf, l.pool, l.pool_count, &l.policy, NULL, &d), 0);
			l.policy.now = path.expires;
			assert_int_not_equal(x509_path_verify(&l.leaf, l.pool, l.pool_count, &l.policy, NULL, &d), 0);
		}
	}
	assert_true(n > 100);
}

static const struct json *case_named(const char *name)
{
	struct span title = {0};
	for (const struct json *j = cases->kids; j; j = j->next)
		if (json_get_str(j, "name", &title) && span_is(title, name))
			return j;
	fail_msg("no case '%s'", name);
	return NULL;
}

static bool passes(struct loaded *l)
{
	struct diag d;
	return x509_path_verify(&l->leaf, l->pool, l->pool_count, &l->policy, NULL, &d) == 0;
}

/* Every bit of a certificate and of a list is covered: by the signature, or by strict decoding. */
static void refuses_every_flipped_bit(void **state)
{
	(void)state;
	struct loaded l;
	struct diag d;
	arena = mark;
	load(case_named("required: clean"), &l);
	assert_true(passes(&l));
	uint8_t *leaf = (uint8_t *)l.leaf.der.p, *list = (uint8_t *)l.crl[1].der.p;
	size_t leaf_len = l.leaf.der.n, list_len = l.crl[1].der.n;
	for (size_t i = 0; i < leaf_len; i++) {
		leaf[i] ^= (uint8_t)(1u << (i % 8));
		if (x509_parse(SPAN(leaf, leaf_len), &l.leaf, &d) == 0 && passes(&l))
			fail_msg("certificate with byte %zu changed passes", i);
		leaf[i] ^= (uint8_t)(1u << (i % 8));
	}
	assert_int_equal(x509_parse(SPAN(leaf, leaf_len), &l.leaf, &d), 0);
	for (size_t i = 0; i < list_len; i++) {
		list[i] ^= (uint8_t)(1u << (i % 8));
		if (x509_crl_parse(SPAN(list, list_len), &l.crl[1], &d) == 0 && passes(&l))
			fail_msg("list with byte %zu changed passes", i);
		list[i] ^= (uint8_t)(1u << (i % 8));
	}
	assert_int_equal(x509_crl_parse(SPAN(list, list_len), &l.crl[1], &d), 0);
	assert_true(passes(&l));
}

static void refuses_every_truncation_and_a_byte_behind(void **state)
{
	(void)state;
	struct loaded l;
	struct diag d;
	struct x509 c;
	struct x509_crl crl;
	arena = mark;
	load(case_named("required: clean"), &l);
	for (size_t n = 0; n < l.leaf.der.n; n++)
		assert_int_not_equal(x509_parse(SPAN(l.leaf.der.p, n), &c, &d), 0);
	for (size_t n = 0; n < l.crl[0].der.n; n++)
		assert_int_not_equal(x509_crl_parse(SPAN(l.crl[0].der.p, n), &crl, &d), 0);
	uint8_t *longer = arena_alloc(&arena, l.leaf.der.n + 1);
	memcpy(longer, l.leaf.der.p, l.leaf.der.n);
	assert_int_not_equal(x509_parse(SPAN(longer, l.leaf.der.n + 1), &c, &d), 0);
}

static void remembered_signatures_are_those_that_verified(void **state)
{
	(void)state;
	struct loaded l, other;
	struct diag d;
	struct sigmemo memo;
	arena = mark;
	load(case_named("issued by the anchor"), &l);
	load(case_named("expired anchor"), &other);
	sigmemo_init(&memo);
	struct x509_signed good = l.leaf.sig, changed = l.leaf.sig, marked = l.leaf.sig;
	uint8_t *text = arena_alloc(&arena, changed.tbs.n);
	memcpy(text, changed.tbs.p, changed.tbs.n);
	text[changed.tbs.n - 1] ^= 1;
	changed.tbs.p = text;
	assert_int_equal(sigmemo_identify(&arena, &marked, &d), 0);
	for (int round = 0; round < 2; round++) {
		assert_true(sigmemo_verify(&memo, &good, &l.anchor.key));
		assert_true(sigmemo_verify(&memo, &marked, &l.anchor.key));
		assert_false(sigmemo_verify(&memo, &changed, &l.anchor.key));
		assert_false(sigmemo_verify(&memo, &good, &other.anchor.key));
		assert_true(sigmemo_verify(NULL, &good, &l.anchor.key));
		assert_false(sigmemo_verify(NULL, &changed, &l.anchor.key));
	}
	/* a remembered verdict is told without looking at the text again */
	marked.tbs = changed.tbs;
	assert_true(sigmemo_verify(&memo, &marked, &l.anchor.key));
	assert_false(sigmemo_verify(&memo, &marked, &other.anchor.key));
}

static void a_hostile_pool_ends_soon(void **state)
{
	(void)state;
	struct loaded l;
	struct diag d;
	arena = mark;
	load(case_named("a loop of two"), &l);
	/* sixteen certificates that all claim each other's name: the number of paths is beyond counting */
	static uint8_t names[X509_CHAIN_MAX][4];
	for (size_t i = 0; i < X509_CHAIN_MAX; i++) {
		l.pool[i] = l.pool[0];
		l.pool[i].subject = l.pool[i].issuer = l.leaf.issuer;
		names[i][0] = (uint8_t)i;
		l.pool[i].spki = SPAN(names[i], 4);
	}
	assert_int_equal(x509_path_verify(&l.leaf, l.pool, X509_CHAIN_MAX, &l.policy, NULL, &d), ERR_REFUSED);
	assert_string_equal(d.text, "MaximumSignatureChecksExceeded");
}

static void reads_the_trust_anchors(void **state)
{
	(void)state;
	static const struct {
		const char *file, *cn, *crl;
		enum x509_key_type key;
	} roots[] = {
		{"aws_nitro_enclaves_root_g1.pem", "aws.nitro-enclaves", NULL, X509_KEY_P384},
		{"gcp_ekak_root_ca.pem", "EK/AK CA Root", NULL, X509_KEY_RSA},
		{"gcp_ekak_intermediate_ca.pem", "EK/AK CA Intermediate",
		 "http://privateca-content-62d71773-0000-21da-852e-f4f5e80d7778.storage.googleapis.com/032bf9d39db4fa06aade/crl.crl",
		 X509_KEY_RSA},
		{"amd_ark_milan.pem", "ARK-Milan", "https://kdsintf.amd.com/vcek/v1/Milan/crl", X509_KEY_RSA},
		{"amd_ark_turin.pem", "ARK-Turin", "https://kdsintf.amd.com/vcek/v1/Turin/crl", X509_KEY_RSA},
	};
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
		char path[256];
		struct x509 c;
		struct diag d = {0};
		struct span der, text, uri = {0};
		size_t n;
		arena = mark;
		snprintf(path, sizeof path, "tests/vectors/attestation/roots/%s", roots[i].file);
		struct span pem = test_file(path);
		assert_int_equal(pem_chain(&arena, pem, &der, 1, &n, &d), 0);
		assert_int_equal(n, 1);
		if (x509_parse(der, &c, &d))
			fail_msg("%s: %s", roots[i].file, d.text);
		assert_true(x509_common_name(c.subject, &text));
		assert_span_equal(text, SPAN_STR(roots[i].cn));
		assert_int_equal(c.key.type, roots[i].key);
		assert_true(c.is_ca);
		assert_int_equal(x509_crl_uri(&c, 0, &uri), roots[i].crl != NULL);
		if (roots[i].crl)
			assert_span_equal(uri, SPAN_STR(roots[i].crl));
		if (span_eq(c.issuer, c.subject))
			assert_true(x509_signature_ok(&c.sig, &c.key));
		free((void *)pem.p);
	}
}

static void reads_pem_as_upstream_does(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		size_t count;
	} texts[] = {
		{"", 0, 0},
		{"no block here", 0, 0},
		{"text\n-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\nmore", 0, 1},
		{"-----BEGIN CERTIFICATE-----\r\nAA\r\nEC\r\n-----END CERTIFICATE-----\r\n-----BEGIN CERTIFICATE-----\nAwQ=\n-----END "
		 "CERTIFICATE-----",
		 0, 2},
		{"-----BEGIN CERTIFICATE-----AAEC-----END CERTIFICATE----------BEGIN CERTIFICATE-----AAEC-----END CERTIFICATE-----", 0, 2},
		{"-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n", 0, 0},
		{"-----BEGIN CERTIFICATE-----\nAAEC\n", ERR_INPUT, 0},
		{"-----BEGIN CERTIFICATE-----\nAA*C\n-----END CERTIFICATE-----\n", ERR_INPUT, 0},
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct span der[4];
		struct diag d;
		size_t n;
		arena = mark;
		assert_int_equal(pem_chain(&arena, SPAN_STR(texts[i].text), der, 4, &n, &d), texts[i].result);
		assert_int_equal(n, texts[i].count);
		if (n)
			assert_span_equal(der[0], SPAN_LIT("\0\1\2"));
	}
}

static void der_is_strict(void **state)
{
	(void)state;
	static const struct span bad[] = {
		SPAN_LIT("\x02"),               /* no length */
		SPAN_LIT("\x02\x02\x01"),       /* cut off */
		SPAN_LIT("\x02\x81\x01\x01"),   /* length in long form without need */
		SPAN_LIT("\x02\x80\x01\0\0"),   /* indefinite */
		SPAN_LIT("\x1f\x02\x01\x00"),   /* high tag number */
		SPAN_LIT("\x02\x84\0\0\0\1\1"), /* leading zeros in the length */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct rd r = rd_from(bad[i]);
		(void)der_any(&r, NULL, NULL);
		assert_false(rd_ok(&r));
	}
	static const struct {
		struct span der;
		bool ok;
	} integers[] = {{SPAN_LIT("\x02\x01\x00"), true},      {SPAN_LIT("\x02\x02\x00\x80"), true}, {SPAN_LIT("\x02\x02\x00\x7f"), false},
			{SPAN_LIT("\x02\x02\xff\x80"), false}, {SPAN_LIT("\x02\x00"), false},        {SPAN_LIT("\x02\x01\xff"), true}};
	for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
		struct rd r = rd_from(integers[i].der);
		(void)der_integer(&r);
		assert_int_equal(rd_ok(&r), integers[i].ok);
	}
	struct rd negative = rd_from(SPAN_LIT("\x02\x01\xff"));
	(void)der_u64(&negative);
	assert_false(rd_ok(&negative));
}

static void reads_times(void **state)
{
	(void)state;
	static const struct {
		struct span der;
		int64_t t; /* -1: malformed */
	} times[] = {
		{SPAN_LIT("\x17\x0d"
			  "700101000000Z"),
		 0},
		{SPAN_LIT("\x17\x0d"
			  "491231235959Z"),
		 2524607999},
		{SPAN_LIT("\x17\x0d"
			  "500101000000Z"),
		 -631152000},
		{SPAN_LIT("\x18\x0f"
			  "21220708055723Z"),
		 4812933443},
		{SPAN_LIT("\x18\x0f"
			  "20240229120000Z"),
		 1709208000},
		{SPAN_LIT("\x18\x0f"
			  "20230229120000Z"),
		 -1},
		{SPAN_LIT("\x18\x0f"
			  "20230101240000Z"),
		 -1},
		{SPAN_LIT("\x17\x0b"
			  "7001010000Z"),
		 -1},
		{SPAN_LIT("\x17\x11"
			  "700101000000+0000"),
		 -1},
		{SPAN_LIT("\x18\x11"
			  "20230101000000.5Z"),
		 -1},
	};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		struct rd r = rd_from(times[i].der);
		int64_t t = der_time(&r);
		assert_int_equal(rd_ok(&r), times[i].t != -1);
		if (times[i].t != -1)
			assert_int_equal(t, times[i].t);
	}
	int64_t t;
	assert_true(rfc3339_parse(SPAN_LIT("2026-03-01T01:00:00.999+01:00"), &t));
	assert_int_equal(t, 1772323200);
	assert_true(rfc3339_parse(SPAN_LIT("2026-02-28t23:30:00-00:30"), &t));
	assert_int_equal(t, 1772323200);
	static const char *const bad[] = {"2026-03-01T00:00:00",   "2026-03-01T00:00:00+0100",  "2026-03-01",
					  "2026-3-01T00:00:00Z",   "2026-03-01T00:00:00.Z",     "2026-02-30T00:00:00Z",
					  "2026-03-01T00:00:00Z ", "2026-03-01T00:00:00+24:00", ""};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(rfc3339_parse(SPAN_STR(bad[i]), &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides_every_case_as_stated),
		cmocka_unit_test(refuses_every_flipped_bit),
		cmocka_unit_test(refuses_every_truncation_and_a_byte_behind),
		cmocka_unit_test(remembered_signatures_are_those_that_verified),
		cmocka_unit_test(a_hostile_pool_ends_soon),
		cmocka_unit_test(reads_the_trust_anchors),
		cmocka_unit_test(reads_pem_as_upstream_does),
		cmocka_unit_test(der_is_strict),
		cmocka_unit_test(reads_times),
	};
	struct diag d;
	static uint8_t block[4 << 20];
	arena = arena_over(block, sizeof block);
	struct span text = test_file("tests/vectors/x509/paths.json");
	if (json_parse(&arena, text, &cases, &d)) {
		fprintf(stderr, "%s\n", d.text);
		return 1;
	}
	mark = arena;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free((void *)text.p);
	return failed;
}
