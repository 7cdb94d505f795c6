#include <bearssl.h>

#include "base/wr.h"
#include "crypto/sig.h"
#include "crypto/x509.h"
#include "kms/attest/nsm.h"

enum { MAX_AGE_MS = 3600 * 1000, MAX_AHEAD_MS = 300 * 1000, ES384_LEN = 96 };

static void put_length(struct wr *w, size_t n)
{
	enum { BYTE_STRING = 0x40 };
	if (n < 24) {
		wr_u8(w, (uint8_t)(BYTE_STRING | n));
	} else if (n <= UINT8_MAX) {
		wr_u8(w, BYTE_STRING | 24);
		wr_u8(w, (uint8_t)n);
	} else if (n <= UINT16_MAX) {
		wr_u8(w, BYTE_STRING | 25);
		wr_u16be(w, (uint16_t)n);
	} else {
		wr_u8(w, BYTE_STRING | 26);
		wr_u32be(w, (uint32_t)n);
	}
}

/* SHA-384 of the Sig_structure (RFC 9052, 4.4): ["Signature1", protected, h'', payload]. */
static void signed_digest(const struct nsm_doc *doc, uint8_t out[48])
{
	uint8_t buf[24];
	br_sha384_context c;
	br_sha384_init(&c);
	struct wr w = wr_to(buf, sizeof buf);
	wr_u8(&w, 0x84);
	wr_u8(&w, 0x6a);
	wr_str(&w, "Signature1");
	put_length(&w, doc->protected_header.n);
	br_sha384_update(&c, w.p, w.len);
	br_sha384_update(&c, doc->protected_header.p, doc->protected_header.n);
	w = wr_to(buf, sizeof buf);
	put_length(&w, 0);
	put_length(&w, doc->payload.n);
	br_sha384_update(&c, w.p, w.len);
	br_sha384_update(&c, doc->payload.p, doc->payload.n);
	br_sha384_out(&c, out);
}

static int check_age(const struct nsm_doc *doc, int64_t now, struct diag *d)
{
	uint64_t now_ms = (uint64_t)now * 1000, made = doc->timestamp_ms;
	if (made < now_ms && now_ms - made > MAX_AGE_MS)
		return diag_fail(d, ERR_REFUSED, "NSM document is stale: %llu s old", (unsigned long long)((now_ms - made) / 1000));
	if (made > now_ms && made - now_ms > MAX_AHEAD_MS)
		return diag_fail(d, ERR_REFUSED, "NSM document is dated %llu s in the future",
				 (unsigned long long)((made - now_ms) / 1000));
	return 0;
}

int nsm_verify(struct arena *a, const struct nsm_doc *doc, struct span root_der, int64_t now, bool any_age, int64_t *expires,
	       struct diag *d)
{
	struct x509 root, leaf;
	struct x509_path path;
	int e = x509_parse(root_der, &root, d);
	if (e)
		return diag_wrap(d, e, "AWS Nitro root certificate");
	if (now < 0)
		return diag_fail(d, ERR_INPUT, "time before 1970");
	e = any_age ? 0 : check_age(doc, now, d);
	if (e)
		return e;
	e = x509_parse(doc->certificate, &leaf, d);
	if (e)
		return diag_wrap(d, e, "NSM certificate");
	/* The first entry is dropped unseen: it is the root, and the root is built in. */
	struct x509 *pool = arena_array(a, doc->cabundle_count, sizeof *pool);
	if (!pool)
		return diag_fail(d, ERR_LIMIT, "no memory left for the NSM certificates");
	size_t n = 0;
	for (size_t i = 1; i < doc->cabundle_count; i++)
		if (x509_parse(doc->cabundle[i], &pool[n], NULL) == 0)
			n++;
	const struct x509_policy policy = {
		.anchor = &root,
		.now = now,
		.purpose = x509_client_auth,
		.revocation = X509_REVOCATION_OFF,
	};
	e = x509_path_verify(&leaf, pool, n, &policy, &path, d);
	if (e)
		return diag_wrap(d, e, "NSM certificate chain");
	if (leaf.key.type != X509_KEY_P384)
		return diag_fail(d, ERR_REFUSED, "NSM certificate has no P-384 key");
	uint8_t digest[48];
	signed_digest(doc, digest);
	if (doc->signature.n != ES384_LEN || !ecdsa_verify_raw(SIG_P384, leaf.key.point, SPAN_ARR(digest), doc->signature))
		return diag_fail(d, ERR_CRYPTO, "COSE signature verification failed");
	*expires = path.expires;
	int64_t stale = (int64_t)(doc->timestamp_ms / 1000) + MAX_AGE_MS / 1000 + 1;
	if (!any_age && stale < *expires)
		*expires = stale;
	return 0;
}
