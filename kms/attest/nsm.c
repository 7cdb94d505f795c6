#include "kms/attest/nsm.h"

#include "crypto/hash.h"
#include "kms/wire/cbor_tree.h"

enum { COSE_SIGN1_TAG = 18, COSE_ALG = 1, COSE_CRIT = 2, COSE_ES384 = -35 };

static bool is(const struct cbt *n, enum cbt_type type)
{
	return n && n->type == type;
}

/* The protected header: a map with integer keys, ES384, nothing critical but the algorithm itself. */
static int check_header(struct arena *a, struct span bytes, struct diag *d)
{
	const struct cbt *map;
	int e = cbt_parse(a, bytes, &map, d);
	if (e)
		return diag_wrap(d, e, "COSE protected header");
	if (map->type != CBT_MAP)
		return diag_fail(d, ERR_INPUT, "COSE protected header is not a map");
	for (const struct cbt *k = map->kids; k; k = k->next)
		if (k->key->type != CBT_UINT && k->key->type != CBT_NEGATIVE)
			return diag_fail(d, ERR_INPUT, "COSE protected header has a key that is no integer");
	const struct cbt *crit = cbt_get_int(map, COSE_CRIT), *alg = cbt_get_int(map, COSE_ALG);
	if (crit && crit->type != CBT_ARRAY)
		return diag_fail(d, ERR_INPUT, "COSE critical header list is not an array");
	for (const struct cbt *k = crit ? crit->kids : NULL; k; k = k->next)
		if (!(k->type == CBT_UINT && k->value == COSE_ALG) && !(k->type == CBT_TEXT && span_is(k->str, "alg")))
			return diag_fail(d, ERR_UNSUPPORTED, "Unsupported critical COSE header");
	if (!alg)
		return diag_fail(d, ERR_INPUT, "COSE protected header names no algorithm");
	if (!is(alg, CBT_NEGATIVE) || alg->value != (uint64_t)(-1 - COSE_ES384))
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported COSE algorithm, only ES384 is");
	return 0;
}

static int wrong_type(struct diag *d, const char *member)
{
	return diag_fail(d, ERR_INPUT, "NSM document: %s is missing or of a wrong type", member);
}

static int read_pcrs(const struct cbt *map, struct nsm_doc *out, struct diag *d)
{
	if (!is(map, CBT_MAP))
		return wrong_type(d, "pcrs");
	if (map->count == 0)
		return diag_fail(d, ERR_INPUT, "No PCRs in the NSM document");
	if (map->count > NSM_PCRS_MAX)
		return diag_fail(d, ERR_LIMIT, "NSM document: more than %d PCRs", (int)NSM_PCRS_MAX);
	for (const struct cbt *k = map->kids; k; k = k->next) {
		if (k->key->type != CBT_UINT || k->type != CBT_BYTES)
			return wrong_type(d, "an entry of pcrs");
		if (k->str.n != NSM_PCR_LEN)
			return diag_fail(d, ERR_INPUT, "PCR %llu length mismatch: %zu, not %d", (unsigned long long)k->key->value, k->str.n,
					 (int)NSM_PCR_LEN);
		out->pcrs[out->pcr_count++] = (struct nsm_pcr){k->key->value, k->str};
	}
	return 0;
}

static int read_cabundle(const struct cbt *list, struct nsm_doc *out, struct diag *d)
{
	if (!is(list, CBT_ARRAY))
		return wrong_type(d, "cabundle");
	if (list->count > NSM_CABUNDLE_MAX)
		return diag_fail(d, ERR_LIMIT, "NSM document: more than %d certificates", (int)NSM_CABUNDLE_MAX);
	for (const struct cbt *k = list->kids; k; k = k->next) {
		if (k->type != CBT_BYTES)
			return wrong_type(d, "an entry of cabundle");
		out->cabundle[out->cabundle_count++] = k->str;
	}
	return 0;
}

static int read_optional(const struct cbt *map, const char *name, struct nsm_optional *out, struct diag *d)
{
	const struct cbt *n = cbt_get(map, name);
	if (!n || (n->type == CBT_SIMPLE && n->value == CBT_NULL))
		return 0;
	if (n->type != CBT_BYTES)
		return wrong_type(d, name);
	*out = (struct nsm_optional){true, n->str};
	return 0;
}

static int read_payload(struct arena *a, struct nsm_doc *out, struct diag *d)
{
	const struct cbt *map;
	int e = cbt_parse(a, out->payload, &map, d);
	if (e)
		return diag_wrap(d, e, "NSM document");
	if (map->type != CBT_MAP)
		return diag_fail(d, ERR_INPUT, "NSM document is not a map");
	for (const struct cbt *k = map->kids; k; k = k->next) {
		if (k->key->type != CBT_TEXT)
			return diag_fail(d, ERR_INPUT, "NSM document has a key that is no text");
		if (out->member_count < sizeof out->member_names / sizeof out->member_names[0])
			out->member_names[out->member_count++] = k->key->str;
	}
	const struct cbt *n = cbt_get(map, "module_id");
	if (!is(n, CBT_TEXT))
		return wrong_type(d, "module_id");
	out->module_id = n->str;
	n = cbt_get(map, "digest");
	if (!is(n, CBT_TEXT))
		return wrong_type(d, "digest");
	out->digest = n->str;
	if (!span_is(out->digest, "SHA384"))
		return diag_fail(d, ERR_UNSUPPORTED, "Unsupported digest algorithm in the NSM document, only SHA384 is");
	n = cbt_get(map, "timestamp");
	if (!is(n, CBT_UINT))
		return wrong_type(d, "timestamp");
	out->timestamp_ms = n->value;
	const struct cbt *pcrs = cbt_get(map, "pcrs"), *alias = cbt_get(map, "nitrotpm_pcrs");
	if (pcrs && alias)
		return diag_fail(d, ERR_INPUT, "NSM document has both pcrs and nitrotpm_pcrs");
	e = read_pcrs(pcrs ? pcrs : alias, out, d);
	if (e)
		return e;
	n = cbt_get(map, "certificate");
	if (!is(n, CBT_BYTES))
		return wrong_type(d, "certificate");
	out->certificate = n->str;
	e = read_cabundle(cbt_get(map, "cabundle"), out, d);
	if (!e)
		e = read_optional(map, "public_key", &out->public_key, d);
	if (!e)
		e = read_optional(map, "user_data", &out->user_data, d);
	if (!e)
		e = read_optional(map, "nonce", &out->nonce, d);
	return e;
}

int nsm_parse(struct arena *a, struct span bytes, struct nsm_doc *out, struct diag *d)
{
	*out = (struct nsm_doc){0};
	if (bytes.n > NSM_DOC_MAX)
		return diag_fail(d, ERR_LIMIT, "COSE_Sign1 is longer than %d bytes", (int)NSM_DOC_MAX);
	const struct cbt *top;
	int e = cbt_parse(a, bytes, &top, d);
	if (e)
		return diag_wrap(d, e, "Failed to decode COSE_Sign1");
	if (top->type == CBT_TAGGED && top->value == COSE_SIGN1_TAG)
		top = top->kids;
	if (top->type != CBT_ARRAY || top->count != 4)
		return diag_fail(d, ERR_INPUT, "COSE_Sign1 is not an array of four");
	const struct cbt *protected = top->kids, *payload = protected->next->next, *signature = payload->next;
	if (!is(protected, CBT_BYTES) || !is(payload, CBT_BYTES) || !is(signature, CBT_BYTES))
		return diag_fail(d, ERR_INPUT, "COSE_Sign1: protected header, payload or signature is not a byte string");
	out->protected_header = protected->str;
	out->payload = payload->str;
	out->signature = signature->str;
	e = check_header(a, out->protected_header, d);
	return e ? e : read_payload(a, out, d);
}

struct span nsm_pcr(const struct nsm_doc *doc, uint64_t index)
{
	for (size_t i = 0; i < doc->pcr_count; i++)
		if (doc->pcrs[i].index == index)
			return doc->pcrs[i].value;
	return SPAN(NULL, 0);
}

int nsm_check_user_data(const struct nsm_doc *doc, const uint8_t report_data[64], struct diag *d)
{
	if (!doc->user_data.present)
		return diag_fail(d, ERR_REFUSED, "NSM document does not contain user_data");
	if (!span_eq(doc->user_data.bytes, SPAN(report_data, 64)))
		return diag_fail(d, ERR_REFUSED, "NSM user_data does not match report_data");
	return 0;
}

int nsm_image_hash(const struct nsm_doc *doc, uint8_t out[32], bool *debug, struct diag *d)
{
	uint8_t all[3 * NSM_PCR_LEN];
	unsigned any = 0;
	for (unsigned i = 0; i < 3; i++) {
		struct span v = nsm_pcr(doc, i);
		if (!v.p)
			return diag_fail(d, ERR_REFUSED, "PCR %u not found", i);
		memcpy(all + i * NSM_PCR_LEN, v.p, NSM_PCR_LEN);
	}
	for (size_t i = 0; i < sizeof all; i++)
		any |= all[i];
	*debug = any == 0;
	sha256(SPAN_ARR(all), out);
	return 0;
}
