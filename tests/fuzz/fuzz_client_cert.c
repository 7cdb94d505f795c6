/* A client's certificate chain through the X.509 engine class, as BearSSL drives it: input is the body of a TLS Certificate message.
 * Nothing is accepted, since the fuzzer cannot sign for the CA, unless it is the certificate itself that the CA signed (a seed). */
#include <stdlib.h>

#include "base/rd.h"
#include "crypto/tls.h"
#include "kms/server/client_cert.h"

#include "tests/fuzz/client_ca.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *blocks[TLS_PEER_CERTS];
static size_t block_count;

static void *room(void *self, size_t n)
{
	(void)self;
	if (block_count == TLS_PEER_CERTS)
		__builtin_trap();
	return blocks[block_count++] = malloc(n ? n : 1);
}

static int judge(void *self, const struct tls_peer *p, struct x509 *leaf, struct diag *d)
{
	(void)self;
	struct x509 ca;
	if (x509_parse(SPAN_ARR(client_ca), &ca, d) != 0)
		__builtin_trap();
	return client_cert_check(&ca, p->cert[0], CLIENT_CA_NOW, leaf, d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_peer p = {.room = room, .judge = judge, .leaf_only = (size & 1) != 0, .ec_only = true};
	struct rd r = rd_from(SPAN(data, size));
	tls_peer_start(&p);
	const br_x509_class *c = p.vtable;
	c->start_chain(&p.vtable, NULL);
	while (r.left > 0) {
		size_t n = rd_u24be(&r);
		c->start_cert(&p.vtable, (uint32_t)n);
		while (n > 0 && r.left > 0) {
			struct span part = rd_bytes(&r, n < 256 ? (n < r.left ? n : r.left) : r.left < 256 ? r.left : 256);
			c->append(&p.vtable, part.p, part.n);
			n -= part.n;
		}
		c->end_cert(&p.vtable);
	}
	unsigned err = c->end_chain(&p.vtable), usages = 0;
	const br_x509_pkey *k = c->get_pkey(&p.vtable, &usages);
	if ((err == 0) != p.accepted || p.accepted == p.refused || (k != NULL) != p.accepted)
		__builtin_trap();
	if (k && (k->key_type != BR_KEYTYPE_EC || usages != BR_KEYTYPE_SIGN || !span_eq(p.leaf.issuer, SPAN_ARR(client_ca_subject))))
		__builtin_trap();
	while (block_count > 0)
		free(blocks[--block_count]);
	return 0;
}
