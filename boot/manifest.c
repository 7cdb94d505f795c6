#include "boot/manifest.h"

#include <bearssl.h>

#include "base/text.h"
#include "crypto/hash.h"

static int compose_version(const struct json *j, struct diag *d)
{
	const struct json *v = json_get(j, "manifest_version");
	uint64_t number = 0;
	if (!v || (v->type == JSON_STRING ? !parse_u64(v->str, &number) : !json_u64(v, &number)))
		return diag_fail(d, ERR_INPUT, "manifest_version must be a number");
	if (number < 1 || number > 3)
		return diag_fail(d, ERR_UNSUPPORTED, "manifest_version %llu is not known", (unsigned long long)number);
	return 0;
}

/* Absent, null, false, "", 0, [] and {} say nothing. */
static bool says_something(const struct json *v)
{
	if (!v || v->type == JSON_NULL || v->type == JSON_FALSE)
		return false;
	if (v->type == JSON_STRING)
		return v->str.n > 0;
	if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
		return v->count > 0;
	return !span_is(v->raw, "0");
}

/* A manifest that asks for these must not run as if it had not. */
static int refuse_unsupported(const struct json *j, struct diag *d)
{
	static const char *const none[] = {"key_provider_id", "swap_size",   "verity_volumes",
					   "port_policy",     "kms_enabled", "local_key_provider_enabled"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		if (says_something(json_get(j, none[i])))
			return diag_fail(d, ERR_UNSUPPORTED, "%s is not supported by this image", none[i]);

	struct span text;
	uint64_t version;
	if (!json_get_str(j, "key_provider", &text) || !span_is(text, "tpm"))
		return diag_fail(d, ERR_UNSUPPORTED, "key_provider must be \"tpm\"");
	if (json_get(j, "event_log_version") && (!json_get_u64(j, "event_log_version", &version) || version != 1))
		return diag_fail(d, ERR_UNSUPPORTED, "event_log_version must be 1");
	const struct json *requirements = json_get(j, "requirements");
	for (const struct json *r = requirements ? requirements->kids : NULL; r; r = r->next)
		if (says_something(r))
			return diag_fail(d, ERR_UNSUPPORTED, "requirements.%.*s is not supported by this image", SPAN_FMT(r->key));
	return 0;
}

static int init_scripts(const struct json *j, struct manifest *out, struct diag *d)
{
	const struct json *v = json_get(j, "init_script");
	if (!v || v->type == JSON_NULL)
		return 0;
	const struct json *script = v->type == JSON_ARRAY ? v->kids : v;
	for (; script; script = v->type == JSON_ARRAY ? script->next : NULL) {
		if (script->type != JSON_STRING || out->init_scripts == INIT_SCRIPTS_MAX)
			return diag_fail(d, ERR_INPUT, "init_script must be a text or at most %d texts", INIT_SCRIPTS_MAX);
		sha256(script->str, out->init_script_hash[out->init_scripts++]);
	}
	return 0;
}

static int storage_fs(const struct json *j, struct manifest *out, struct diag *d)
{
	const struct json *v = json_get(j, "storage_fs");
	out->storage_fs = "ext4";
	if (!v || v->type == JSON_NULL || (v->type == JSON_STRING && span_is(v->str, "ext4")))
		return 0;
	if (v->type != JSON_STRING || !span_is(v->str, "zfs"))
		return diag_fail(d, ERR_INPUT, "storage_fs must be \"ext4\" or \"zfs\"");
	out->storage_fs = "zfs";
	return 0;
}

static int read_compose(struct arena *a, struct span text, struct manifest *out, struct diag *d)
{
	const struct json *j;
	int e = json_parse(a, text, &j, d);
	if (!e && j->type != JSON_OBJECT)
		e = diag_fail(d, ERR_INPUT, "not a JSON object");
	if (!e)
		e = compose_version(j, d);
	if (!e)
		e = refuse_unsupported(j, d);
	if (!e)
		e = init_scripts(j, out, d);
	if (!e)
		e = storage_fs(j, out, d);
	if (e)
		return e;
	bool no_instance = false;
	const struct json *flag = json_get(j, "no_instance_id");
	if (flag && flag->type != JSON_NULL && !json_bool(flag, &no_instance))
		return diag_fail(d, ERR_INPUT, "no_instance_id must be true or false");
	out->has_instance = !no_instance;
	out->ukms = json_get(j, "ukms");
	sha256(text, out->compose_hash);
	sha256(SPAN_LIT("{}"), out->gpu_policy_hash);
	memcpy(out->app_id, out->compose_hash, sizeof out->app_id);
	return 0;
}

/* A hex member of exactly 20 bytes. *present is false if it is absent or empty. */
static int id_member(const struct json *j, const char *name, uint8_t out[20], bool *present, struct diag *d)
{
	const struct json *v = json_get(j, name);
	*present = says_something(v);
	if (!*present)
		return 0;
	if (v->type != JSON_STRING || v->str.n != 40 || hex_decode(v->str, out, 20) != 20)
		return diag_fail(d, ERR_INPUT, "%s must be 40 hex digits", name);
	return 0;
}

static int read_instance(struct arena *a, struct span text, struct manifest *out, struct diag *d)
{
	const struct json *j = NULL;
	bool present = false;
	int e = text.n > 0 ? json_parse(a, text, &j, d) : 0;
	if (!e)
		e = id_member(j, "app_id", out->app_id, &present, d);
	if (!e)
		e = id_member(j, "instance_id_seed", out->seed, &present, d);
	if (e || present || !out->has_instance)
		return e;
	return diag_fail(d, ERR_MISSING,
			 "no instance_id_seed, and app-compose.json does not set no_instance_id: every start would be another identity");
}

static int read_sys_config(struct arena *a, struct span text, struct manifest *out, struct diag *d)
{
	const struct json *j;
	int e = json_parse(a, text, &j, d);
	if (e)
		return e;
	const struct json *v = json_get(j, "vm_config");
	if (j->type != JSON_OBJECT || (v && v->type != JSON_STRING && v->type != JSON_NULL))
		return diag_fail(d, ERR_INPUT, "vm_config must be a text");
	if (v && v->type == JSON_STRING)
		out->vm_config = v->str;
	return 0;
}

int manifest_read(struct arena *a, const struct shared_files *files, struct manifest *out, struct diag *d)
{
	memset(out, 0, sizeof *out);
	int e = read_compose(a, files->compose, out, d);
	if (e)
		return diag_wrap(d, e, "app-compose.json");
	e = read_instance(a, files->instance_info, out, d);
	if (e)
		return diag_wrap(d, e, ".instance_info");
	e = read_sys_config(a, files->sys_config, out, d);
	if (e)
		return diag_wrap(d, e, ".sys-config.json");
	out->user_config = files->user_config;
	return 0;
}

void manifest_instance_id(const struct manifest *m, const uint8_t ak_digest[32], uint8_t out[20])
{
	uint8_t hash[32];
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_update(&c, m->seed, sizeof m->seed);
	br_sha256_update(&c, m->app_id, sizeof m->app_id);
	br_sha256_update(&c, ak_digest, 32);
	br_sha256_out(&c, hash);
	memcpy(out, hash, 20);
}
