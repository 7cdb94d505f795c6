#include "crypto/tls.h"

/* BearSSL hands out pointers to the vtable field, which is the first member. */
#define PEER(ctx) ((struct tls_peer *)(uintptr_t)(ctx))

static void refuse(struct tls_peer *p, enum err e, const char *why)
{
	if (p->refused)
		return;
	p->refused = true;
	diag_fail(&p->d, e, "%s", why);
}

static void start_chain(const br_x509_class **ctx, const char *server_name)
{
	(void)server_name;
	tls_peer_start(PEER(ctx));
}

static void start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct tls_peer *p = PEER(ctx);
	p->sent = true;
	p->at = NULL;
	p->left = length;
	if (length > TLS_PEER_BYTES - p->total) {
		refuse(p, ERR_LIMIT, "certificate chain too large");
		return;
	}
	p->total += length;
	if (p->index >= TLS_PEER_CERTS) {
		refuse(p, ERR_LIMIT, "too many certificates");
		return;
	}
	if (p->refused || (p->leaf_only && p->index > 0))
		return;
	p->at = p->room(p->self, length);
	if (!p->at)
		refuse(p, ERR_LIMIT, "no memory for the certificate");
	else
		p->cert[p->n++] = SPAN(p->at, length);
}

static void append(const br_x509_class **ctx, const unsigned char *buf, size_t len)
{
	struct tls_peer *p = PEER(ctx);
	if (len > p->left) {
		refuse(p, ERR_INTERNAL, "certificate longer than announced");
		p->at = NULL;
	}
	if (!p->at)
		return;
	memcpy(p->at, buf, len);
	p->at += len;
	p->left -= len;
}

static void end_cert(const br_x509_class **ctx)
{
	struct tls_peer *p = PEER(ctx);
	if (p->at && p->left != 0)
		refuse(p, ERR_INTERNAL, "certificate shorter than announced");
	p->index++;
}

static unsigned end_chain(const br_x509_class **ctx)
{
	struct tls_peer *p = PEER(ctx);
	if (!p->refused) {
		if (p->n == 0)
			refuse(p, ERR_INPUT, "empty certificate chain");
		else if (p->judge(p->self, p, &p->leaf, &p->d) != 0)
			p->refused = true;
		else if (!tls_public_key(&p->leaf.key, &p->key) || (p->ec_only && p->key.key_type != BR_KEYTYPE_EC))
			refuse(p, ERR_UNSUPPORTED, "kind of key not supported");
	}
	p->accepted = !p->refused;
	return p->accepted ? 0 : BR_ERR_X509_NOT_TRUSTED;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
	struct tls_peer *p = PEER(ctx);
	if (usages)
		*usages = BR_KEYTYPE_SIGN;
	return p->accepted ? &p->key : NULL;
}

static const br_x509_class tls_peer_class = {
	sizeof(struct tls_peer), start_chain, start_cert, append, end_cert, end_chain, get_pkey,
};

void tls_peer_start(struct tls_peer *p)
{
	p->vtable = &tls_peer_class;
	p->n = p->total = p->index = p->left = 0;
	p->sent = p->refused = p->accepted = false;
	p->at = NULL;
	diag_clear(&p->d);
}

bool tls_public_key(const struct x509_key *k, br_x509_pkey *out)
{
	switch (k->type) {
	case X509_KEY_P256:
	case X509_KEY_P384:
		out->key_type = BR_KEYTYPE_EC;
		out->key.ec.curve = k->type == X509_KEY_P256 ? BR_EC_secp256r1 : BR_EC_secp384r1;
		out->key.ec.q = (unsigned char *)(uintptr_t)k->point.p;
		out->key.ec.qlen = k->point.n;
		return true;
	case X509_KEY_RSA:
		out->key_type = BR_KEYTYPE_RSA;
		out->key.rsa.n = (unsigned char *)(uintptr_t)k->modulus.p;
		out->key.rsa.nlen = k->modulus.n;
		out->key.rsa.e = (unsigned char *)(uintptr_t)k->exponent.p;
		out->key.rsa.elen = k->exponent.n;
		return true;
	default:
		return false;
	}
}
