/* The collateral cache and PCCS client, against a table of answers made from the vectors. */
#include "tests/unit/test.h"

#include <pthread.h>

#include "base/json.h"
#include "base/text.h"
#include "base/wr.h"
#include "kms/attest/collateral_inner.h"

#define REAL  "tests/vectors/attestation/dcap-real/tdx_v4_uptodate/"
#define SYN   "tests/vectors/attestation/dcap-synthetic/"
#define INTEL "https://api.trustedservices.intel.com"

enum { REAL_NOW = 1752919234 - 86400, SYN_NOW = 1772323200 };

/* A PCCS in memory. */
struct stand_in {
	const struct json *bundle;
	const char *base, *broken_base; /* broken_base answers, with documents that do not verify */
	bool down, indented;
	int requests;
	char last[2048];
	pthread_mutex_t lock;
};

static struct arena files;

static struct span whole_file(const char *path)
{
	struct span f = test_file(path), kept = arena_dup(&files, f);
	free((void *)f.p);
	return kept;
}

static struct span member(const struct stand_in *s, const char *key)
{
	struct span text = {0};
	(void)json_get_str(s->bundle, key, &text);
	return text;
}

static void put_header(struct wr *w, const char *name, struct span pem)
{
	wr_fmt(w, "%s: ", name);
	for (size_t i = 0; i < pem.n; i++)
		wr_fmt(w, pem.p[i] == '\n' || pem.p[i] == ' ' || pem.p[i] == '+' ? "%%%02X" : "%c", pem.p[i]);
	wr_str(w, "\r\n");
}

static struct span signed_answer(struct arena *a, const struct stand_in *s, const char *name, const char *key, bool broken)
{
	char sig_key[64];
	snprintf(sig_key, sizeof sig_key, "%s_signature", key);
	struct span text = member(s, key), sig = member(s, sig_key);
	size_t cap = text.n * 2 + 1024;
	struct wr w = wr_to(arena_alloc(a, cap), cap);
	wr_fmt(&w, "{\"%s\":", name);
	for (size_t i = 0; i < text.n; i++) {
		wr_u8(&w, text.p[i]);
		if (s->indented && text.p[i] == ',' && i + 1 < text.n && text.p[i + 1] == '"')
			wr_str(&w, "\n  ");
	}
	wr_fmt(&w, ",\"signature\":\"%.*s\"}", SPAN_FMT(broken ? SPAN_LIT("00") : sig));
	assert_true(wr_ok(&w));
	return wr_span(&w);
}

static int stand_in_get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	struct stand_in *s = self;
	const struct {
		const char *prefix, *chain_header, *chain, *crl, *signed_name, *signed_key;
	} table[] = {
		{"/sgx/certification/v4/rootcacrl", NULL, NULL, NULL, NULL, NULL},
		{"/sgx/certification/v4/pckcrl?ca=platform&encoding=der", "sgx-pck-crl-issuer-chain", "pck_crl_issuer_chain", "pck_crl",
		 NULL, NULL},
		{"/tdx/certification/v4/tcb?fmspc=B0C06F000000", "TCB-Info-Issuer-Chain", "tcb_info_issuer_chain", NULL, "tcbInfo",
		 "tcb_info"},
		{"/tdx/certification/v4/tcb?fmspc=00906EA10000", "TCB-Info-Issuer-Chain", "tcb_info_issuer_chain", NULL, "tcbInfo",
		 "tcb_info"},
		{"/sgx/certification/v4/tcb?fmspc=00906EA10000", "SGX-TCB-Info-Issuer-Chain", "tcb_info_issuer_chain", NULL, "tcbInfo",
		 "tcb_info"},
		{"/tdx/certification/v4/qe/identity?update=standard", "SGX-Enclave-Identity-Issuer-Chain", "qe_identity_issuer_chain", NULL,
		 "enclaveIdentity", "qe_identity"},
		{"/sgx/certification/v4/qe/identity?update=standard", "SGX-Enclave-Identity-Issuer-Chain", "qe_identity_issuer_chain", NULL,
		 "enclaveIdentity", "qe_identity"},
		{"/sgx/certification/v4/pckcert?qeid=", "SGX-PCK-Certificate-Issuer-Chain", "pck_crl_issuer_chain", "pck_certificate_chain",
		 NULL, NULL},
	};
	assert_true(timeout_ms > 0);
	pthread_mutex_lock(&s->lock);
	s->requests++;
	snprintf(s->last, sizeof s->last, "%s", url);
	pthread_mutex_unlock(&s->lock);
	bool broken = s->broken_base && strncmp(url, s->broken_base, strlen(s->broken_base)) == 0;
	*out = (struct fetched){.status = 404};
	if (s->down)
		return diag_fail(d, ERR_IO, "connection refused");
	if (strcmp(url, "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der") == 0) {
		*out = (struct fetched){.status = 200, .body = hex_decode_in(a, member(s, "root_ca_crl"))};
		return 0;
	}
	if (!broken && strncmp(url, s->base, strlen(s->base)) != 0)
		return 0;
	const char *path = url + strlen(broken ? s->broken_base : s->base);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (strncmp(path, table[i].prefix, strlen(table[i].prefix)) != 0)
			continue;
		size_t cap = 16384;
		struct wr w = wr_to(arena_alloc(a, cap), cap);
		wr_str(&w, "Content-Type: application/json\r\n");
		if (table[i].chain_header)
			put_header(&w, table[i].chain_header, member(s, table[i].chain));
		assert_true(wr_ok(&w));
		out->status = 200;
		out->headers = wr_span(&w);
		if (i == 0)
			out->body = strcmp(s->base, INTEL) == 0 ? SPAN_LIT("not for Intel") : member(s, "root_ca_crl");
		else if (table[i].crl && strcmp(table[i].crl, "pck_crl") == 0)
			out->body = hex_decode_in(a, member(s, "pck_crl"));
		else if (table[i].crl)
			out->body = member(s, table[i].crl);
		else
			out->body = signed_answer(a, s, table[i].signed_name, table[i].signed_key, broken);
		return 0;
	}
	return 0;
}

static void stand_in_open(struct stand_in *s, const char *collateral)
{
	struct diag d;
	*s = (struct stand_in){.base = "https://pccs.phala.network", .lock = PTHREAD_MUTEX_INITIALIZER};
	assert_int_equal(json_parse(&files, whole_file(collateral), &s->bundle, &d), 0);
}

static struct collateral_cache *open_cache(struct stand_in *s, const char *root, struct collateral_config cfg)
{
	struct collateral_cache *cc;
	struct diag d = {0};
	cfg.root_der = whole_file(root);
	cfg.fetcher = (struct fetcher){stand_in_get, s};
	if (collateral_cache_open(&cfg, &cc, &d))
		fail_msg("%s", d.text);
	return cc;
}

static struct collateral_cache *open_real(struct stand_in *s, struct collateral_config cfg)
{
	stand_in_open(s, REAL "collateral.json");
	return open_cache(s, "tests/vectors/attestation/roots/intel_sgx_root_ca.der", cfg);
}

static int verify(struct collateral_cache *cc, const char *quote, int64_t now, struct diag *d)
{
	struct dcap_result r;
	uint8_t *block = malloc(1 << 18);
	struct arena a = arena_over(block, 1 << 18);
	struct span q = test_file(quote);
	int e = dcap_verify_cached(&a, q, cc, now, NULL, &r, d);
	free((void *)q.p);
	free(block);
	return e;
}

#define assert_verifies(cc, quote, now)                                                                                                    \
	do {                                                                                                                               \
		struct diag why_ = {0};                                                                                                    \
		if (verify(cc, quote, now, &why_))                                                                                         \
			fail_msg("%s:%d: refused: %s", __FILE__, __LINE__, why_.text);                                                     \
	} while (0)

static void assert_refused(struct collateral_cache *cc, const char *quote, int64_t now, const char *sentence)
{
	struct diag why = {0};
	assert_int_not_equal(verify(cc, quote, now, &why), 0);
	if (!strstr(why.text, sentence))
		fail_msg("refused with '%s' instead of '%s'", why.text, sentence);
}

static void asks_once_and_then_serves_from_memory_through_an_outage(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	assert_int_equal(s.requests, 4);
	s.down = true;
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	assert_verifies(cc, REAL "quote.bin", REAL_NOW + 86400);
	assert_int_equal(s.requests, 4);
	/* the first document expires one second later */
	assert_refused(cc, REAL "quote.bin", REAL_NOW + 86401, "connection refused");
	collateral_cache_close(cc);
}

static void a_failing_platform_is_not_asked_for_again_at_once(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	s.down = true;
	assert_refused(cc, REAL "quote.bin", REAL_NOW, "connection refused");
	int asked = s.requests;
	assert_refused(cc, REAL "quote.bin", REAL_NOW, "connection refused");
	assert_int_equal(s.requests, asked);
	collateral_cache_close(cc);
}

static void tries_endpoints_in_order_and_takes_only_what_verifies(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_config cfg = {
		.endpoint = {"https://absent.invalid  https://broken.invalid/", "https://good.invalid/sgx/certification/v4/"},
		.endpoint_count = 2};
	struct collateral_cache *cc = open_real(&s, cfg);
	s.base = "https://good.invalid";
	s.broken_base = "https://broken.invalid";
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	collateral_cache_close(cc);
}

static void a_document_that_does_not_verify_is_no_answer(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc =
		open_real(&s, (struct collateral_config){.endpoint = {"https://broken.invalid"}, .endpoint_count = 1});
	s.broken_base = "https://broken.invalid";
	assert_refused(cc, REAL "quote.bin", REAL_NOW, "signature is invalid");
	collateral_cache_close(cc);
}

static void a_password_of_a_pccs_is_told_to_nobody(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc =
		open_real(&s, (struct collateral_config){.endpoint = {"https://user:secret@absent.invalid"}, .endpoint_count = 1});
	assert_refused(cc, REAL "quote.bin", REAL_NOW, "https://absent.invalid/sgx/certification/v4/");
	assert_refused(cc, REAL "quote.bin", REAL_NOW, "Failed to get https://absent.invalid/sgx/");
	collateral_cache_close(cc);
}

static void reads_documents_that_a_proxy_has_indented(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	s.indented = true;
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	collateral_cache_close(cc);
}

static void at_intel_the_root_crl_comes_from_its_distribution_point(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){.endpoint = {INTEL}, .endpoint_count = 1});
	s.base = INTEL;
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	assert_int_equal(s.requests, 4);
	collateral_cache_close(cc);
}

static void refreshes_daily_and_keeps_the_old_when_nothing_newer_is_to_be_had(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	int64_t then = REAL_NOW - 7 * 86400;
	assert_int_equal(collateral_refresh(cc, then, 3600), 3600);
	assert_verifies(cc, REAL "quote.bin", then);
	assert_int_equal(s.requests, 4);
	(void)collateral_refresh(cc, then + 3600, 3600);
	assert_int_equal(s.requests, 4);
	(void)collateral_refresh(cc, then + 86400, 3600);
	assert_int_equal(s.requests, 8);
	s.down = true;
	assert_int_equal(collateral_refresh(cc, then + 2 * 86400, 3600), 60);
	assert_true(s.requests > 8);
	assert_verifies(cc, REAL "quote.bin", then + 2 * 86400);
	collateral_cache_close(cc);
}

static void takes_what_is_newer_and_never_what_was_issued_before(void **state)
{
	(void)state;
	static const char newer[] = SYN "tcb_issue_date_equals_now/collateral.json", older[] = SYN "tdx_module_missing/collateral.json",
			  quote[] = SYN "tcb_issue_date_equals_now/quote.bin";
	struct stand_in s, other;
	/* newer than what is at hand */
	stand_in_open(&s, older);
	stand_in_open(&other, newer);
	struct collateral_cache *cc = open_cache(&s, SYN "root_ca.der", (struct collateral_config){0});
	assert_refused(cc, quote, SYN_NOW, "tdxModule");
	s.bundle = other.bundle;
	(void)collateral_refresh(cc, SYN_NOW + 86400, 3600);
	assert_verifies(cc, quote, SYN_NOW + 86400);
	collateral_cache_close(cc);
	/* older than that: not taken, although it is genuine and still valid */
	stand_in_open(&s, newer);
	stand_in_open(&other, older);
	cc = open_cache(&s, SYN "root_ca.der", (struct collateral_config){0});
	assert_verifies(cc, quote, SYN_NOW);
	s.bundle = other.bundle;
	int asked = s.requests;
	(void)collateral_refresh(cc, SYN_NOW + 86400, 3600);
	assert_true(s.requests > asked);
	assert_verifies(cc, quote, SYN_NOW + 86400);
	collateral_cache_close(cc);
}

static void asks_nobody_for_a_platform_that_intel_did_not_certify(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	assert_refused(cc, SYN "valid_tdx_v4/quote.bin", SYN_NOW, "PCK certificate chain");
	assert_int_equal(s.requests, 0);
	collateral_cache_close(cc);
}

static void the_operators_collateral_is_used_for_its_platform_while_it_is_valid(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_config cfg = {.bundle = whole_file(REAL "collateral.json"), .offline = true};
	struct collateral_cache *cc = open_real(&s, cfg);
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	assert_refused(cc, REAL "quote.bin", REAL_NOW + 86401, "offline");
	assert_refused(cc, "tests/vectors/attestation/dcap-real/sgx_v3_config_sw_hardening/quote.bin", REAL_NOW, "offline");
	assert_int_equal(s.requests, 0);
	collateral_cache_close(cc);
}

static void a_bundle_for_all_is_used_for_all(void **state)
{
	(void)state;
	struct stand_in s;
	struct collateral_config cfg = {.bundle = whole_file(REAL "collateral.json"), .bundle_for_all = true};
	struct collateral_cache *cc = open_real(&s, cfg);
	assert_verifies(cc, REAL "quote.bin", REAL_NOW);
	assert_refused(cc, REAL "quote.bin", REAL_NOW + 86401, "CrlExpired");
	assert_refused(cc, "tests/vectors/attestation/dcap-real/sgx_v3_config_sw_hardening/quote.bin", REAL_NOW, "Unsupported QE Identity");
	assert_int_equal(s.requests, 0);
	collateral_cache_close(cc);
}

static void asks_for_the_pck_chain_of_a_quote_that_carries_an_encrypted_ppid(void **state)
{
	(void)state;
	struct stand_in s;
	struct diag why = {0};
	stand_in_open(&s, SYN "cert_type_3_with_pck_chain/collateral.json");
	struct collateral_cache *cc = open_cache(&s, SYN "root_ca.der", (struct collateral_config){0});
	assert_verifies(cc, SYN "cert_type_3_with_pck_chain/quote.bin", SYN_NOW);
	assert_int_equal(s.requests, 5);
	assert_verifies(cc, SYN "cert_type_3_with_pck_chain/quote.bin", SYN_NOW);
	assert_int_equal(s.requests, 5);
	s.down = true;
	assert_verifies(cc, SYN "cert_type_3_with_pck_chain/quote.bin", SYN_NOW);
	/* another machine's, twice: the second is not asked for */
	assert_refused(cc, SYN "cert_type_2_with_pck_chain/quote.bin", SYN_NOW, "connection refused");
	assert_refused(cc, SYN "cert_type_2_with_pck_chain/quote.bin", SYN_NOW, "in vain a moment ago");
	assert_int_equal(s.requests, 6);
	assert_int_not_equal(verify(cc, SYN "cert_type_1_without_pck_chain/quote.bin", SYN_NOW, &why), 0);
	assert_non_null(strstr(why.text, "Unsupported DCAP PCK cert format"));
	collateral_cache_close(cc);
}

static void *verify_in_thread(void *cc)
{
	struct diag why = {0};
	for (int i = 0; i < 4; i++)
		if (verify(cc, REAL "quote.bin", REAL_NOW + i, &why)) {
			fprintf(stderr, "%s\n", why.text);
			return cc;
		}
	return NULL;
}

static void many_threads_ask_once(void **state)
{
	(void)state;
	enum { THREADS = 8 };
	struct stand_in s;
	struct collateral_cache *cc = open_real(&s, (struct collateral_config){0});
	pthread_t t[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, verify_in_thread, cc), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(s.requests, 4);
	collateral_cache_close(cc);
}

static void normalises_endpoints(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"https://a.b", "https://a.b"},
					       {"https://a.b///", "https://a.b"},
					       {"https://a.b/sgx/certification/v4/", "https://a.b"},
					       {"https://a.b/tdx/certification/v4", "https://a.b"},
					       {"https://a.b/x/tdx/certification/v4/sgx/certification/v4//", "https://a.b/x"}};
	char out[PCCS_URL_MAX];
	struct diag d;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(pccs_normalise(cases[i][0], out, &d), 0);
		assert_string_equal(out, cases[i][1]);
	}
	assert_int_equal(pccs_normalise("///", out, &d), ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_once_and_then_serves_from_memory_through_an_outage),
		cmocka_unit_test(a_failing_platform_is_not_asked_for_again_at_once),
		cmocka_unit_test(tries_endpoints_in_order_and_takes_only_what_verifies),
		cmocka_unit_test(a_document_that_does_not_verify_is_no_answer),
		cmocka_unit_test(a_password_of_a_pccs_is_told_to_nobody),
		cmocka_unit_test(reads_documents_that_a_proxy_has_indented),
		cmocka_unit_test(at_intel_the_root_crl_comes_from_its_distribution_point),
		cmocka_unit_test(refreshes_daily_and_keeps_the_old_when_nothing_newer_is_to_be_had),
		cmocka_unit_test(takes_what_is_newer_and_never_what_was_issued_before),
		cmocka_unit_test(asks_nobody_for_a_platform_that_intel_did_not_certify),
		cmocka_unit_test(the_operators_collateral_is_used_for_its_platform_while_it_is_valid),
		cmocka_unit_test(a_bundle_for_all_is_used_for_all),
		cmocka_unit_test(asks_for_the_pck_chain_of_a_quote_that_carries_an_encrypted_ppid),
		cmocka_unit_test(many_threads_ask_once),
		cmocka_unit_test(normalises_endpoints),
	};
	if (arena_open(&files, 16 << 20))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
