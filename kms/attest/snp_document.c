/* The MrConfigV3 document. */
#include <bearssl.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "kms/attest/snp.h"

enum { DOCUMENT_VERSION = 3 };
static const char hash_tag[] = "dstack-mr-config-v3:"; /* its NUL is hashed too */

static const char *const providers[] = {"none", "local", "kms", "tpm"};

void mr_config_v3_hash(struct span text, uint8_t out[32])
{
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_update(&c, hash_tag, sizeof hash_tag);
	br_sha256_update(&c, text.p, text.n);
	br_sha256_out(&c, out);
}

static int hex_of(struct arena *a, const struct json *j, struct span *out, struct diag *d)
{
	if (j->type != JSON_STRING)
		return diag_fail(d, ERR_INPUT, "%.*s is not a string", SPAN_FMT(j->key));
	*out = hex_decode_in(a, j->str);
	return out->p ? 0 : diag_fail(d, ERR_INPUT, "%.*s is not hex", SPAN_FMT(j->key));
}

static int scripts_of(struct arena *a, const struct json *j, struct mr_config_v3 *out, struct diag *d)
{
	if (j->type != JSON_ARRAY)
		return diag_fail(d, ERR_INPUT, "init_script_hashes is not an array");
	if (j->count > SNP_SCRIPT_HASHES_MAX)
		return diag_fail(d, ERR_LIMIT, "init_script_hashes has more than %d members", SNP_SCRIPT_HASHES_MAX);
	out->has_init_scripts = true;
	for (const struct json *k = j->kids; k; k = k->next) {
		struct span *to = &out->init_script_hashes[out->init_script_count++];
		if (k->type != JSON_STRING || !(*to = hex_decode_in(a, k->str)).p)
			return diag_fail(d, ERR_INPUT, "init_script_hashes has a member that is not hex");
	}
	return 0;
}

static int member(struct arena *a, const struct json *j, struct mr_config_v3 *out, struct diag *d)
{
	const struct {
		const char *name;
		struct span *to;
		bool optional;
	} texts[] = {
		{"app_id", &out->app_id, true},
		{"compose_hash", &out->compose_hash, false},
		{"gpu_policy_hash", &out->gpu_policy_hash, true},
		{"key_provider_id", &out->key_provider_id, true},
		{"instance_id", &out->instance_id, true},
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (span_is(j->key, texts[i].name))
			return texts[i].optional && j->type == JSON_NULL ? 0 : hex_of(a, j, texts[i].to, d);
	if (span_is(j->key, "version")) {
		uint64_t v;
		return json_u64(j, &v) && v == DOCUMENT_VERSION ? 0 : diag_fail(d, ERR_INPUT, "version is not %d", DOCUMENT_VERSION);
	}
	if (span_is(j->key, "key_provider")) {
		for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++)
			if (j->type == JSON_STRING && span_is(j->str, providers[i]))
				out->key_provider = providers[i];
		return out->key_provider ? 0 : diag_fail(d, ERR_INPUT, "key_provider is unknown");
	}
	if (span_is(j->key, "init_script_hashes"))
		return j->type == JSON_NULL ? 0 : scripts_of(a, j, out, d);
	return diag_fail(d, ERR_INPUT, "unknown member %.*s", SPAN_FMT(j->key));
}

int mr_config_v3_parse(struct arena *a, struct span text, struct mr_config_v3 *out, struct diag *d)
{
	const struct json *root;
	memset(out, 0, sizeof *out);
	int e = json_parse(a, text, &root, d);
	if (!e && root->type != JSON_OBJECT)
		e = diag_fail(d, ERR_INPUT, "not an object");
	for (const struct json *j = e ? NULL : root->kids; j && !e; j = j->next)
		e = member(a, j, out, d);
	if (!e && (!json_get(root, "compose_hash") || !out->key_provider))
		e = diag_fail(d, ERR_INPUT, "%s is missing", out->key_provider ? "compose_hash" : "key_provider");
	return e ? diag_wrap(d, e, "mr_config") : 0;
}
