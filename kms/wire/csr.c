#include "kms/wire/csr.h"

#include "crypto/der.h"
#include "crypto/hash.h"
#include "crypto/sig.h"
#include "kms/wire/scale.h"

const char csr_confirm_word[] = "please sign cert:";

static bool boolean(struct rd *r)
{
	uint8_t v = rd_u8(r);
	if (v > 1)
		rd_fail(r);
	return v == 1;
}

static struct csr_time optional_time(struct rd *r)
{
	struct csr_time t = {.set = boolean(r)};
	if (t.set)
		t.seconds = rd_u64le(r);
	return t;
}

/* confirm, pubkey and the part of the configuration that both versions have */
static int common(struct arena *a, struct rd *r, struct csr *out, struct diag *d)
{
	out->confirm = scale_str(r);
	out->pubkey = scale_bytes(r);
	if (boolean(r)) {
		struct span name = scale_str(r);
		out->org_name = name.n ? name : SPAN_LIT("");
	}
	out->subject = scale_str(r);
	out->alt_name_count = scale_count(r, 1);
	struct span *names = arena_array(a, out->alt_name_count, sizeof *names);
	if (!names)
		return diag_fail(d, ERR_LIMIT, "too many alternative names");
	for (size_t i = 0; i < out->alt_name_count; i++)
		names[i] = scale_str(r);
	out->alt_names = names;
	out->server_auth = boolean(r);
	out->client_auth = boolean(r);
	out->ext_quote = boolean(r);
	return 0;
}

int csr_decode_v1(struct arena *a, struct span bytes, struct csr *out, struct diag *d)
{
	struct rd r = rd_from(bytes);
	*out = (struct csr){0};
	int e = common(a, &r, out, d);
	if (e)
		return e;
	out->quote = scale_bytes(&r);
	out->event_log = scale_bytes(&r);
	return rd_done(&r) ? 0 : diag_fail(d, ERR_INPUT, "malformed or truncated SCALE, or bytes left over");
}

int csr_decode_v2(struct arena *a, struct span bytes, struct csr *out, struct diag *d)
{
	struct rd r = rd_from(bytes);
	*out = (struct csr){0};
	int e = common(a, &r, out, d);
	if (e)
		return e;
	out->ext_app_info = boolean(&r);
	out->not_before = optional_time(&r);
	out->not_after = optional_time(&r);
	out->attestation = rd_rest(&r);
	if (!rd_ok(&r))
		return diag_fail(d, ERR_INPUT, "malformed or truncated SCALE");
	if (out->attestation.n == 0)
		return diag_fail(d, ERR_INPUT, "Empty attestation bytes");
	return 0;
}

/* SEQUENCE { SEQUENCE { OID, parameters }, BIT STRING }; the parts that matter here. */
static bool parse_spki(struct span der, struct span *algorithm, struct span *curve, struct span *point)
{
	struct rd all = rd_from(der), spki = der_open(&all, DER_SEQUENCE), alg = der_open(&spki, DER_SEQUENCE);
	*algorithm = der_take(&alg, DER_OID);
	*curve = der_is(&alg, DER_OID) ? der_take(&alg, DER_OID) : SPAN(NULL, 0);
	*point = der_bits(&spki);
	return rd_done(&all) && rd_done(&spki) && rd_ok(&alg);
}

int csr_verify(const struct csr *csr, struct span bytes, struct span signature, struct diag *d)
{
	static const uint8_t ec_public_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	static const uint8_t prime256v1[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	struct span algorithm, curve, point;
	uint8_t digest[SHA256_LEN];
	if (!parse_spki(csr->pubkey, &algorithm, &curve, &point))
		return diag_fail(d, ERR_INPUT, "Failed to parse pubkey");
	if (!span_eq(algorithm, SPAN_ARR(ec_public_key)))
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported algorithm");
	sha256(bytes, digest);
	if (!span_eq(curve, SPAN_ARR(prime256v1)) || !ecdsa_verify_der(SIG_P256, point, SPAN_ARR(digest), signature))
		return diag_fail(d, ERR_CRYPTO, "Invalid signature");
	if (!span_is(csr->confirm, csr_confirm_word))
		return diag_fail(d, ERR_INPUT, "Invalid confirm word");
	return 0;
}
