/* The certificate chain of a GCP attestation key: what is fetched, how often, and what refuses it. */
#include "tests/unit/attest.h"

#include "kms/attest/ak_chain.h"
#include "kms/attest/doc_cache.h"

struct net {
	size_t fetches;
	bool down, foreign_list;
};

static int get(void *self, struct arena *a, const char *url, int timeout_ms, struct fetched *out, struct diag *d)
{
	static const struct {
		const char *url, *file;
	} documents[] = {
		{"http://ca.test.invalid/inter.crt", EXTRA "gcp/inter.crt"},
		{"http://ca.test.invalid/root.crt", EXTRA "gcp/root.crt"},
		{"http://ca.test.invalid/inter.crl", EXTRA "gcp/inter.crl"},
		{"http://ca.test.invalid/root.crl", EXTRA "gcp/root.crl"},
	};
	struct net *n = self;
	(void)a;
	(void)timeout_ms;
	n->fetches++;
	if (n->down)
		return diag_fail(d, ERR_IO, "no route");
	out->status = 404;
	for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
		if (strcmp(url, documents[i].url) != 0)
			continue;
		out->status = 200;
		out->body = file(n->foreign_list && i == 2 ? documents[3].file : documents[i].file);
	}
	return 0;
}

static struct attest_ctx ctx_over(struct net *n)
{
	struct attest_ctx ctx = {.gcp = gcp_layout_production, .fetcher = {get, n}};
	ctx.anchors.google_ek_root = file(EXTRA "gcp/root_ca.der");
	return ctx;
}

static struct x509 ak_of(const char *path)
{
	struct x509 ak;
	struct diag d = {0};
	struct evidence *ev = decode(file(path));
	assert_int_equal(x509_parse(ev->tpm.ak_cert, &ak, &d), 0);
	return ak;
}

static int64_t must_pass(const struct attest_ctx *ctx, const struct x509 *ak, int64_t now)
{
	struct diag d = {0};
	int64_t expires = 0;
	if (ak_chain_verify(ctx, &arena, ak, now, &expires, &d))
		fail_msg("%s", d.text);
	return expires;
}

static void test_a_chain_is_fetched_once_and_then_remembered(void **state)
{
	(void)state;
	struct net n = {0};
	struct attest_ctx ctx = ctx_over(&n);
	struct x509 ak = ak_of(EXTRA "gcp-container/valid.v0.bin");
	assert_int_equal(doc_cache_open(&ctx.docs), 0);
	int64_t expires = must_pass(&ctx, &ak, VECTOR_NOW);
	assert_true(expires > VECTOR_NOW);
	size_t first = n.fetches;
	assert_true(first >= 3);
	n.down = true;
	assert_int_equal(must_pass(&ctx, &ak, VECTOR_NOW), expires);
	assert_int_equal(n.fetches, first);
	doc_cache_close(ctx.docs);
}

static void test_documents_are_fetched_again_when_they_have_expired(void **state)
{
	(void)state;
	struct net n = {0};
	struct attest_ctx ctx = ctx_over(&n);
	struct x509 ak = ak_of(EXTRA "gcp-container/valid.v0.bin");
	struct diag d = {0};
	assert_int_equal(doc_cache_open(&ctx.docs), 0);
	int64_t expires = must_pass(&ctx, &ak, VECTOR_NOW);
	n.down = true;
	assert_int_equal(ak_chain_verify(&ctx, &arena, &ak, expires, &expires, &d), ERR_IO);
	assert_says(&d, "failed to download");
	doc_cache_close(ctx.docs);
}

static void test_a_list_of_another_issuer_passes_and_is_not_kept(void **state)
{
	(void)state;
	struct net n = {.foreign_list = true};
	struct attest_ctx ctx = ctx_over(&n);
	struct x509 ak = ak_of(EXTRA "gcp-container/valid.v0.bin");
	struct span uri, body;
	assert_int_equal(doc_cache_open(&ctx.docs), 0);
	/* the root's list where the intermediate's should be: well signed, and silent about the key */
	must_pass(&ctx, &ak, VECTOR_NOW);
	assert_true(x509_crl_uri(&ak, 0, &uri));
	assert_false(doc_cache_get(ctx.docs, &arena, uri, VECTOR_NOW, &body));
	n.foreign_list = false;
	must_pass(&ctx, &ak, VECTOR_NOW);
	assert_true(doc_cache_get(ctx.docs, &arena, uri, VECTOR_NOW, &body));
	assert_span_equal(body, file(EXTRA "gcp/inter.crl"));
	doc_cache_close(ctx.docs);
}

static void test_without_a_network_the_error_names_the_address(void **state)
{
	(void)state;
	struct net n = {.down = true};
	struct attest_ctx ctx = ctx_over(&n);
	struct x509 ak = ak_of(EXTRA "gcp-container/valid.v0.bin");
	struct diag d = {0};
	int64_t expires;
	assert_int_equal(ak_chain_verify(&ctx, &arena, &ak, VECTOR_NOW, &expires, &d), ERR_IO);
	assert_says(&d, "http://ca.test.invalid/inter.crt: no route");
	ctx.fetcher.get = NULL;
	assert_int_equal(ak_chain_verify(&ctx, &arena, &ak, VECTOR_NOW, &expires, &d), ERR_IO);
}

static void test_the_real_google_intermediate_leads_to_the_built_in_root(void **state)
{
	(void)state;
	struct x509 root, inter;
	struct diag d = {0};
	struct span der, pem = file(SHARED "roots/gcp_ekak_intermediate_ca.pem");
	struct rd text = rd_from(pem);
	assert_int_equal(pem_next(&arena, &text, "CERTIFICATE", &der, &d), 1);
	assert_int_equal(x509_parse(der, &inter, &d), 0);
	assert_int_equal(x509_parse(anchors_production.google_ek_root, &root, &d), 0);
	assert_true(x509_signature_ok(&inter.sig, &root.key));
	assert_true(x509_signature_ok(&root.sig, &root.key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_chain_is_fetched_once_and_then_remembered),
		cmocka_unit_test(test_documents_are_fetched_again_when_they_have_expired),
		cmocka_unit_test(test_a_list_of_another_issuer_passes_and_is_not_kept),
		cmocka_unit_test(test_without_a_network_the_error_names_the_address),
		cmocka_unit_test(test_the_real_google_intermediate_leads_to_the_built_in_root),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
