/* Client certificates as the server takes them: protocol 6.11 and 12.5. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/unit/serve.h"
#include "tests/unit/tls_client.h"

static struct arena arena;
static struct authority ca, impostor, stranger;
static struct p256_key server_key, key, other_key;
static struct span server_cert;
static struct serving v;

static void handle(void *ctx, const struct http_request *q, struct http_response *r)
{
	(void)ctx;
	r->status = 200;
	r->body = q->client_cert;
}

/* What a client with this chain and this key meets. */
struct outcome {
	bool in;
	int alert;
	struct span seen; /* the certificate that the handler was given */
};

static struct outcome try(const struct span *chain, size_t n, const struct p256_key *signer, bool leave_out)
{
	static struct tls_client c;
	static char answer[200000];
	struct outcome o = {0};
	c = (struct tls_client){.chain = chain, .chain_len = n, .key = signer, .leave_out = leave_out};
	tls_client_open(&c, &arena, v.port);
	o.in = tls_client_handshake(&c);
	if (o.in) {
		size_t total = tls_client_get(&c, "/", answer, sizeof answer);
		char *body = total > 0 ? strstr(answer, "\r\n\r\n") : NULL;
		o.seen = body ? SPAN(body + 4, total - (size_t)(body + 4 - answer)) : SPAN(NULL, 0);
	}
	o.alert = tls_client_alert(&c);
	tls_client_close(&c);
	return o;
}

static struct outcome try_leaf(const struct authority *au, const struct leaf_form *f)
{
	struct span leaf = make_leaf(&arena, au, &key, f);
	return try(&leaf, 1, &key, false);
}

static void is_let_in_with(struct outcome o, struct span cert)
{
	assert_true(o.in);
	assert_span_equal(o.seen, cert);
}

static void is_thrown_out(struct outcome o, int alert)
{
	assert_false(o.in);
	assert_int_equal(o.alert, alert);
	assert_int_equal(o.seen.n, 0);
}

enum { BAD_CERTIFICATE = 42, DECRYPT_ERROR = 51, UNEXPECTED_MESSAGE = 10 };

static void a_client_without_certificate_is_served(void **state)
{
	(void)state;
	is_let_in_with(try(NULL, 0, NULL, false), SPAN_LIT(""));
}

static void a_certificate_of_the_temp_ca_reaches_the_handler(void **state)
{
	(void)state;
	struct span leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){0});
	is_let_in_with(try(&leaf, 1, &key, false), leaf);
	leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){.client_auth = true, .server_auth = true, .dns = "a.b"});
	is_let_in_with(try(&leaf, 1, &key, false), leaf);
}

static void a_large_attestation_fits_and_a_huge_one_does_not(void **state)
{
	(void)state;
	struct span big = SPAN(arena_alloc(&arena, 300000), 60000);
	struct span leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){.attestation = big});
	is_let_in_with(try(&leaf, 1, &key, false), leaf);
	big.n = 270000;
	is_thrown_out(try_leaf(&ca, &(struct leaf_form){.attestation = big}), BAD_CERTIFICATE);
}

static void superfluous_certificates_are_dropped(void **state)
{
	(void)state;
	struct span chain[2] = {make_leaf(&arena, &ca, &key, &(struct leaf_form){0}), ca.cert};
	is_let_in_with(try(chain, 2, &key, false), chain[0]);
}

static void a_foreign_signature_ends_the_handshake(void **state)
{
	(void)state;
	is_thrown_out(try_leaf(&impostor, &(struct leaf_form){0}), BAD_CERTIFICATE);
	is_thrown_out(try_leaf(&stranger, &(struct leaf_form){0}), BAD_CERTIFICATE);
}

static void times_are_kept(void **state)
{
	(void)state;
	is_thrown_out(try_leaf(&ca, &(struct leaf_form){.not_before = -100, .not_after = -10}), BAD_CERTIFICATE);
	is_thrown_out(try_leaf(&ca, &(struct leaf_form){.not_before = 100, .not_after = 200}), BAD_CERTIFICATE);
}

static void a_ca_is_no_client(void **state)
{
	(void)state;
	is_thrown_out(try_leaf(&ca, &(struct leaf_form){.ca = true}), BAD_CERTIFICATE);
	is_thrown_out(try(&ca.cert, 1, &ca.key, false), BAD_CERTIFICATE);
}

static void server_auth_alone_is_not_for_clients(void **state)
{
	(void)state;
	is_thrown_out(try_leaf(&ca, &(struct leaf_form){.server_auth = true}), BAD_CERTIFICATE);
}

static void an_intermediate_is_refused(void **state)
{
	(void)state;
	struct authority sub = {.key = other_key};
	struct span sub_cert = make_leaf(&arena, &ca, &other_key, &(struct leaf_form){.ca = true});
	struct cert_name name = {.cn = SPAN_LIT("leaf")};
	sub.name = cert_name_der(&arena, &name);
	struct span chain[2] = {make_leaf(&arena, &sub, &key, &(struct leaf_form){0}), sub_cert};
	is_thrown_out(try(chain, 2, &key, false), BAD_CERTIFICATE);
}

static void serve_with_memory(struct serving *small, struct server_tls *show, size_t bytes)
{
	*show = (struct server_tls){.chain = &server_cert, .chain_len = 1, .client_ca = ca.cert};
	memcpy(show->key, server_key.scalar, 32);
	serving_start(
		small,
		&(struct server_config){
			.listen_fd = -1, .address = "127.0.0.1", .tls = show, .handler = handle, .limits = {.loops = 1, .memory = bytes}});
}

static struct span leaf_of_60000_bytes(void)
{
	return make_leaf(&arena, &ca, &key, &(struct leaf_form){.attestation = SPAN(arena_alloc(&arena, 60000), 60000)});
}

static void idle_clients_cannot_use_up_the_memory_for_certificates(void **state)
{
	(void)state;
	struct server_tls tls;
	struct serving small;
	serve_with_memory(&small, &tls, 150000);
	static struct tls_client c[4];
	struct span leaf = leaf_of_60000_bytes();
	for (int i = 0; i < 4; i++) {
		c[i] = (struct tls_client){.chain = &leaf, .chain_len = 1, .key = &key};
		tls_client_open(&c[i], &arena, small.port);
		assert_true(tls_client_handshake(&c[i]));
	}
	char byte;
	assert_int_equal(recv(c[0].fd, &byte, 1, 0), 0);
	for (int i = 0; i < 4; i++)
		tls_client_close(&c[i]);
	serving_stop(&small);
}

/* Sends ClientHello and the first record of the certificate, and stops. */
static void stall_in_the_certificate(struct tls_client *c)
{
	for (int records = 0; records < 2;) {
		size_t n;
		unsigned s = br_ssl_engine_current_state(&c->cc.eng);
		assert_int_equal(s & BR_SSL_CLOSED, 0);
		if (s & BR_SSL_SENDREC) {
			const uint8_t *record = br_ssl_engine_sendrec_buf(&c->cc.eng, &n);
			assert_int_equal(send(c->fd, record, n, MSG_NOSIGNAL), n);
			br_ssl_engine_sendrec_ack(&c->cc.eng, n);
			records++;
		} else {
			uint8_t *to = br_ssl_engine_recvrec_buf(&c->cc.eng, &n);
			ssize_t got = recv(c->fd, to, n, 0);
			assert_true(got > 0);
			br_ssl_engine_recvrec_ack(&c->cc.eng, (size_t)got);
		}
	}
}

static void handshakes_that_stop_cannot_keep_the_memory_for_certificates(void **state)
{
	(void)state;
	struct server_tls tls;
	struct serving small;
	serve_with_memory(&small, &tls, 300000);
	static struct tls_client c[3];
	struct span leaf = leaf_of_60000_bytes();
	for (int i = 0; i < 3; i++) {
		c[i] = (struct tls_client){.chain = &leaf, .chain_len = 1, .key = &key};
		tls_client_open(&c[i], &arena, small.port);
		if (i < 2)
			stall_in_the_certificate(&c[i]);
		usleep(i == 1 ? 1200000 : 0); /* the second of grace that everybody has */
	}
	assert_true(tls_client_handshake(&c[2]));
	char byte;
	ssize_t n = recv(c[0].fd, &byte, 1, 0);
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	for (int i = 0; i < 3; i++)
		tls_client_close(&c[i]);
	serving_stop(&small);
}

static void garbage_is_no_certificate(void **state)
{
	(void)state;
	struct span chain[] = {SPAN_LIT("not DER"), SPAN_LIT("\x30\x80"), SPAN_LIT("")};
	for (size_t i = 0; i < 3; i++)
		is_thrown_out(try(&chain[i], 1, &key, false), BAD_CERTIFICATE);
	struct span leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){0});
	uint8_t *longer = arena_alloc(&arena, leaf.n + 1);
	memcpy(longer, leaf.p, leaf.n);
	struct span trailing = SPAN(longer, leaf.n + 1);
	is_thrown_out(try(&trailing, 1, &key, false), BAD_CERTIFICATE);
}

static void a_stolen_certificate_is_worth_nothing(void **state)
{
	(void)state;
	struct span leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){0});
	is_thrown_out(try(&leaf, 1, &other_key, false), DECRYPT_ERROR);
}

static void a_missing_proof_of_possession_ends_the_handshake(void **state)
{
	(void)state;
	struct span leaf = make_leaf(&arena, &ca, &key, &(struct leaf_form){0});
	is_thrown_out(try(&leaf, 1, &key, true), UNEXPECTED_MESSAGE);
	/* The forged Finished is what a client without certificate would send: it is the missing message that is refused. */
	assert_true(attacker->signed_ && attacker->ccs);
}

static int setup(void **state)
{
	(void)state;
	arena_open(&arena, 64 << 20);
	make_authority(&arena, &ca, "Temp CA");
	make_authority(&arena, &impostor, "Temp CA");
	make_authority(&arena, &stranger, "Another CA");
	p256_generate(&server_key);
	p256_generate(&key);
	p256_generate(&other_key);
	server_cert = make_leaf(&arena, &stranger, &server_key, &(struct leaf_form){.dns = "localhost"});
	struct server_tls tls = {.chain = &server_cert, .chain_len = 1, .client_ca = ca.cert};
	memcpy(tls.key, server_key.scalar, 32);
	serving_start(&v, &(struct server_config){.listen_fd = -1, .address = "127.0.0.1", .tls = &tls, .handler = handle});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	serving_stop(&v);
	arena_close(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_without_certificate_is_served),
		cmocka_unit_test(a_certificate_of_the_temp_ca_reaches_the_handler),
		cmocka_unit_test(a_large_attestation_fits_and_a_huge_one_does_not),
		cmocka_unit_test(superfluous_certificates_are_dropped),
		cmocka_unit_test(a_foreign_signature_ends_the_handshake),
		cmocka_unit_test(times_are_kept),
		cmocka_unit_test(a_ca_is_no_client),
		cmocka_unit_test(server_auth_alone_is_not_for_clients),
		cmocka_unit_test(an_intermediate_is_refused),
		cmocka_unit_test(idle_clients_cannot_use_up_the_memory_for_certificates),
		cmocka_unit_test(handshakes_that_stop_cannot_keep_the_memory_for_certificates),
		cmocka_unit_test(garbage_is_no_certificate),
		cmocka_unit_test(a_stolen_certificate_is_worth_nothing),
		cmocka_unit_test(a_missing_proof_of_possession_ends_the_handshake),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
