#include "kms/attest/tpm_quote.h"

#include "crypto/der.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "crypto/sig.h"

#include <bearssl.h>

enum { TPM_GENERATED_VALUE = 0xff544347, TPM_ST_ATTEST_QUOTE = 0x8018, TPM_ALG_RSASSA = 0x0014, TPM_ALG_ECDSA = 0x0018 };

int tpms_attest_parse(struct span message, struct tpms_attest *out, struct diag *d)
{
	struct rd r = rd_from(message);
	*out = (struct tpms_attest){0};
	out->magic = rd_u32be(&r);
	if (rd_ok(&r) && out->magic != TPM_GENERATED_VALUE)
		return diag_fail(d, ERR_INPUT, "TPM quote: invalid magic %08x", (unsigned)out->magic);
	out->type = rd_u16be(&r);
	if (rd_ok(&r) && out->type != TPM_ST_ATTEST_QUOTE)
		return diag_fail(d, ERR_INPUT, "TPM quote: invalid attest type %04x", out->type);
	out->signer = rd_bytes(&r, rd_u16be(&r));
	out->extra_data = rd_bytes(&r, rd_u16be(&r));
	out->clock = rd_u64be(&r);
	out->reset_count = rd_u32be(&r);
	out->restart_count = rd_u32be(&r);
	out->safe = rd_u8(&r);
	out->firmware_version = rd_u64be(&r);
	uint32_t n = rd_u32be(&r);
	if (n > TPM_SELECTIONS_MAX)
		return diag_fail(d, ERR_INPUT, "TPM quote: parse error: more than %d PCR selections", (int)TPM_SELECTIONS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		out->selections[i].hash = rd_u16be(&r);
		uint8_t size = rd_u8(&r);
		if (size > TPM_SELECT_BYTES_MAX)
			rd_fail(&r);
		out->selections[i].bits = rd_bytes(&r, size);
	}
	out->selection_count = n;
	out->pcr_digest = rd_bytes(&r, rd_u16be(&r));
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "TPM quote: parse error: the structure ends early");
	return 0;
}

struct span tpm_pcr(const struct tpm_evidence *t, uint32_t index)
{
	for (size_t i = 0; i < t->pcr_count; i++)
		if (t->pcrs[i].index == index)
			return t->pcrs[i].value;
	return SPAN(NULL, 0);
}

struct span tpm_boot_event(const struct tpm_evidence *t, uint32_t pcr, size_t n)
{
	for (size_t i = 0; i < t->log_count; i++)
		if (t->log[i].pcr == pcr && n-- == 0)
			return t->log[i].digest;
	return SPAN(NULL, 0);
}

static int check_selection(const struct tpm_evidence *t, const struct tpms_attest *q, bool any_bank, struct diag *d)
{
	static const char mismatch[] = "TPM quote: PCR selection mismatch";
	size_t at = 0;
	for (size_t s = 0; s < q->selection_count; s++) {
		struct span bits = q->selections[s].bits;
		for (uint32_t n = 0; n < bits.n * 8; n++) {
			if (!(bits.p[n / 8] >> n % 8 & 1))
				continue;
			if (at == t->pcr_count || t->pcrs[at].index != n)
				return diag_fail(d, ERR_REFUSED, mismatch);
			at++;
		}
	}
	if (at != t->pcr_count)
		return diag_fail(d, ERR_REFUSED, mismatch);
	for (size_t s = 0; !any_bank && s < q->selection_count; s++)
		if (q->selections[s].hash != TPM_ALG_SHA256)
			return diag_fail(d, ERR_REFUSED, "TPM quote: unsupported PCR bank %04x", q->selections[s].hash);
	return 0;
}

static int check_digest(const struct tpm_evidence *t, const struct tpms_attest *q, struct diag *d)
{
	uint8_t digest[SHA256_LEN];
	br_sha256_context c;
	br_sha256_init(&c);
	for (size_t i = 0; i < t->pcr_count; i++) {
		struct span v = t->pcrs[i].value;
		/* the digest alone does not say where one value ends */
		if (v.n != SHA256_LEN)
			return diag_fail(d, ERR_REFUSED, "TPM quote: the value of PCR %u has %zu bytes", (unsigned)t->pcrs[i].index, v.n);
		br_sha256_update(&c, v.p, v.n);
	}
	br_sha256_out(&c, digest);
	if (!span_eq(q->pcr_digest, SPAN_ARR(digest)))
		return diag_fail(d, ERR_REFUSED, "TPM quote: PCR digest mismatch");
	return 0;
}

static int check_log(const struct tpm_evidence *t, struct diag *d)
{
	for (size_t i = 0; i < t->pcr_count; i++) {
		uint8_t reg[SHA256_LEN] = {0};
		bool any = false;
		for (size_t k = 0; k < t->log_count; k++) {
			if (t->log[k].pcr != t->pcrs[i].index)
				continue;
			any = true;
			sha256_2(SPAN_ARR(reg), t->log[k].digest, reg);
		}
		if (any && !span_eq(SPAN_ARR(reg), t->pcrs[i].value))
			return diag_fail(d, ERR_REFUSED, "TPM event log: replay mismatch for PCR %u", (unsigned)t->pcrs[i].index);
	}
	return 0;
}

/* An EC key is a point on P-256 whatever curve its algorithm names, compressed or not (4.3, 6). */
static bool ec_point(const struct x509 *ak, uint8_t out[P256_POINT_LEN])
{
	static const uint8_t id_ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	struct rd outer = rd_from(ak->spki), r = der_open(&outer, DER_SEQUENCE), algorithm = der_open(&r, DER_SEQUENCE);
	struct span oid = der_take(&algorithm, DER_OID), point = der_bits(&r);
	if (!rd_done(&r) || !span_eq(oid, SPAN_ARR(id_ec_public_key)))
		return false;
	if (point.n == P256_COMPRESSED_LEN)
		return p256_decompress(point.p, out);
	if (point.n != P256_POINT_LEN || point.p[0] != 4)
		return false;
	memcpy(out, point.p, P256_POINT_LEN);
	return true;
}

static int check_signature(const struct tpm_evidence *t, const struct x509 *ak, struct diag *d)
{
	uint8_t digest[SHA256_LEN], rs[64], point[P256_POINT_LEN];
	struct rd r = rd_from(t->signature);
	uint16_t alg = rd_u16be(&r), hash = rd_u16be(&r);
	bool ok;
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "TPM quote: signature too short");
	if (hash != TPM_ALG_SHA256)
		return diag_fail(d, ERR_REFUSED, "TPM quote: unsupported hash algorithm %04x", hash);
	sha256(t->message, digest);
	if (ak->key.type == X509_KEY_RSA) {
		if (alg != TPM_ALG_RSASSA)
			return diag_fail(d, ERR_REFUSED, "TPM quote: signature algorithm %04x, expected RSASSA", alg);
		struct span sig = rd_bytes(&r, rd_u16be(&r));
		if (!rd_ok(&r))
			return diag_fail(d, ERR_INPUT, "TPM quote: signature too short");
		ok = rsa_verify_pkcs1(ak->key.modulus, ak->key.exponent, SIG_SHA256, SPAN_ARR(digest), sig);
	} else if (ec_point(ak, point)) {
		if (alg != TPM_ALG_ECDSA)
			return diag_fail(d, ERR_REFUSED, "TPM quote: signature algorithm %04x, expected ECDSA", alg);
		struct span rr = rd_bytes(&r, rd_u16be(&r)), ss = rd_bytes(&r, rd_u16be(&r));
		if (!rd_ok(&r))
			return diag_fail(d, ERR_INPUT, "TPM quote: failed to parse ECDSA signature: signature too short");
		/* one after the other, not padded (4.3, 7) */
		if (rr.n + ss.n != sizeof rs)
			return diag_fail(d, ERR_INPUT, "TPM quote: failed to parse ECDSA signature: %zu bytes", rr.n + ss.n);
		if (rr.n)
			memcpy(rs, rr.p, rr.n);
		if (ss.n)
			memcpy(rs + rr.n, ss.p, ss.n);
		ok = ecdsa_verify_raw(SIG_P256, SPAN_ARR(point), SPAN_ARR(digest), SPAN_ARR(rs));
	} else {
		return diag_fail(d, ERR_UNSUPPORTED, "TPM quote: the attestation key is neither RSA nor P-256");
	}
	if (!ok)
		return diag_fail(d, ERR_CRYPTO, "TPM quote: signature verification failed");
	return 0;
}

int tpm_quote_verify(const struct tpm_evidence *t, const struct x509 *ak, bool any_bank, struct tpms_attest *out, struct diag *d)
{
	int e = tpms_attest_parse(t->message, out, d);
	if (!e)
		e = check_selection(t, out, any_bank, d);
	if (!e)
		e = check_digest(t, out, d);
	if (!e)
		e = check_log(t, d);
	if (!e)
		e = check_signature(t, ak, d);
	return e;
}
