#include <string.h>

#include "base/rd.h"
#include "crypto/der.h"
#include "crypto/sig.h"
#include "kms/attest/snp_inner.h"

enum { TABLE_ENTRY_LEN = 24, GUID_LEN = 16, HALF = 48, HALF_FIELD = 72 };

/* Kinds of the kernel's certificate table (GHCB specification, 4.1.8.1), as stored. */
static const uint8_t guid_ask[GUID_LEN] = {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82};
static const uint8_t guid_vcek[GUID_LEN] = {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
static const uint8_t guid_vlek[GUID_LEN] = {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1};
static const uint8_t guid_end[GUID_LEN];

/* 1.3.6.1.4.1.3704.1.3.x, SPLs, and .1.4, the chip id */
static const uint8_t oid_spl[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03};
static const uint8_t oid_chip[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x04};

int snp_cert_der(struct arena *a, struct span bytes, struct span *der, struct diag *d)
{
	if (!span_starts(bytes, "-----BEGIN")) {
		*der = bytes;
		return 0;
	}
	size_t n;
	int e = pem_chain(a, bytes, der, 1, &n, d);
	if (e)
		return e;
	return n == 1 ? 0 : diag_fail(d, ERR_INPUT, "PEM text without certificate");
}

static int take(struct span *slot, struct span value, const char *what, struct diag *d)
{
	if (slot->p)
		return diag_fail(d, ERR_INPUT, "SEV-SNP certificate table has two %s entries", what);
	*slot = value;
	return 0;
}

static int unpack_table(struct span table, struct span *ask, struct span *vcek, struct diag *d)
{
	struct rd r = rd_from(table);
	*ask = *vcek = (struct span){NULL, 0};
	for (;;) {
		struct span guid = rd_bytes(&r, GUID_LEN);
		uint32_t offset = rd_u32le(&r), length = rd_u32le(&r);
		if (!rd_ok(&r))
			return diag_fail(d, ERR_INPUT, "SEV-SNP certificate table has no end");
		if (memcmp(guid.p, guid_end, GUID_LEN) == 0)
			break;
		struct rd at = rd_from(table);
		rd_skip(&at, offset);
		struct span value = rd_bytes(&at, length);
		if (!rd_ok(&at))
			return diag_fail(d, ERR_INPUT, "SEV-SNP certificate table names bytes outside of it");
		int e = 0;
		if (memcmp(guid.p, guid_vlek, GUID_LEN) == 0)
			return diag_fail(d, ERR_REFUSED, "SEV-SNP certificate table has a VLEK, which is not accepted");
		if (memcmp(guid.p, guid_ask, GUID_LEN) == 0)
			e = take(ask, value, "ASK", d);
		else if (memcmp(guid.p, guid_vcek, GUID_LEN) == 0)
			e = take(vcek, value, "VCEK", d);
		if (e)
			return e;
	}
	if (!ask->p || !vcek->p)
		return diag_fail(d, ERR_INPUT, "SEV-SNP certificate table has no %s", ask->p ? "VCEK" : "ASK");
	return 0;
}

int snp_certs_unpack(struct arena *a, const struct span *certs, size_t n, struct span *ask, struct span *vcek, struct diag *d)
{
	int e = 0;
	if (n == 1) {
		e = unpack_table(certs[0], ask, vcek, d);
	} else if (n == 2) {
		*ask = certs[0];
		*vcek = certs[1];
	} else {
		e = diag_fail(d, ERR_INPUT, "SEV-SNP evidence has %zu certificates, not 0, 1 or 2", n);
	}
	if (e)
		return e;
	if ((e = snp_cert_der(a, *ask, ask, d)))
		return diag_wrap(d, e, "SEV-SNP ASK");
	if ((e = snp_cert_der(a, *vcek, vcek, d)))
		return diag_wrap(d, e, "SEV-SNP VCEK");
	return 0;
}

/* A VCEK is a function of a chip and a TCB, and says which in its extensions. AMD's always have them; those that are there must match
 * the report, so that an old TCB's leaked key cannot sign for a newer one. */
static int check_vcek_origin(const struct x509 *vcek, enum snp_product product, const struct snp_report *r, struct diag *d)
{
	const struct snp_product_info *p = &snp_products[product];
	struct span value;
	for (size_t i = 0; i < p->spls; i++) {
		uint8_t oid[sizeof oid_spl + 1];
		memcpy(oid, oid_spl, sizeof oid_spl);
		oid[sizeof oid_spl] = p->spl[i].oid;
		if (x509_extension(vcek, SPAN_ARR(oid), &value) == 0)
			continue;
		struct rd in = rd_from(value);
		uint64_t spl = der_u64(&in);
		if (!rd_done(&in) || spl != snp_tcb_byte(r->reported_tcb, p->spl[i].byte))
			return diag_fail(d, ERR_REFUSED, "SEV-SNP VCEK is for another TCB than the report's: %s", p->spl[i].name);
	}
	if (x509_extension(vcek, SPAN_ARR(oid_chip), &value) && !span_eq(value, SPAN(r->chip_id, p->chip_id_len)))
		return diag_fail(d, ERR_REFUSED, "SEV-SNP VCEK is for another chip than the report's");
	return 0;
}

/* 72 bytes little endian to 48 big endian; false if the value has more. */
static bool half_from(const uint8_t le[HALF_FIELD], uint8_t be[HALF])
{
	uint8_t above = 0;
	for (size_t i = HALF; i < HALF_FIELD; i++)
		above |= le[i];
	for (size_t i = 0; i < HALF; i++)
		be[i] = le[HALF - 1 - i];
	return above == 0;
}

static int check_report_signature(const struct snp_report *r, const struct x509_key *key, struct diag *d)
{
	uint8_t rs[2 * HALF], digest[64];
	sig_hash(SIG_SHA384, r->signed_part, digest);
	if (key->type != X509_KEY_P384 || !half_from(r->r_le, rs) || !half_from(r->s_le, rs + HALF) ||
	    !ecdsa_verify_raw(SIG_P384, key->point, SPAN(digest, sig_hash_len(SIG_SHA384)), SPAN_ARR(rs)))
		return diag_fail(d, ERR_CRYPTO, "SEV-SNP report signature is wrong");
	return 0;
}

int snp_chain_verify(const struct attest_ctx *ctx, enum snp_product product, struct span ask_der, struct span vcek_der,
		     const struct snp_report *r, struct diag *d)
{
	const struct span anchors[SNP_PRODUCTS] = {
		[SNP_GENOA] = ctx->anchors.amd_ark_genoa,
		[SNP_MILAN] = ctx->anchors.amd_ark_milan,
		[SNP_TURIN] = ctx->anchors.amd_ark_turin,
	};
	struct x509 ark, ask, vcek;
	int e;
	if (anchors[product].n == 0)
		return diag_fail(d, ERR_REFUSED, "no trust anchor for AMD %s", snp_products[product].name);
	if ((e = x509_parse(anchors[product], &ark, d)))
		return diag_wrap(d, e, "SEV-SNP ARK");
	if ((e = x509_parse(ask_der, &ask, d)))
		return diag_wrap(d, e, "SEV-SNP ASK");
	if ((e = x509_parse(vcek_der, &vcek, d)))
		return diag_wrap(d, e, "SEV-SNP VCEK");

	const struct {
		const struct x509 *cert, *issuer;
		const char *what;
	} links[] = {{&ark, &ark, "ARK is not self-signed"},
		     {&ask, &ark, "ASK is not signed by the ARK"},
		     {&vcek, &ask, "VCEK is not signed by the ASK"}};
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
		if (links[i].cert->sig.alg != X509_SIG_PSS_SHA384 || !x509_signature_ok(&links[i].cert->sig, &links[i].issuer->key))
			return diag_fail(d, ERR_CRYPTO, "SEV-SNP %s", links[i].what);
	if (!ark.is_ca || !ask.is_ca || vcek.is_ca)
		return diag_fail(d, ERR_REFUSED, "SEV-SNP certificates: ARK and ASK must be certificate authorities, the VCEK must not");

	if ((e = check_vcek_origin(&vcek, product, r, d)))
		return e;
	return check_report_signature(r, &vcek.key, d);
}
