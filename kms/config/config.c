#include "kms/config/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "kms/config/keys.h"
#include "kms/config/toml.h"

void config_defaults(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];
		void *to = (uint8_t *)c + k->offset;
		switch (k->type) {
		case CONFIG_TEXT:
			*(const char **)to = k->text;
			break;
		case CONFIG_BOOL:
			*(bool *)to = k->number != 0;
			break;
		case CONFIG_PORT:
			*(uint16_t *)to = (uint16_t)k->number;
			break;
		case CONFIG_NUMBER:
		case CONFIG_SECONDS:
			*(uint64_t *)to = k->number;
			break;
		case CONFIG_AUTH:
			*(enum config_auth *)to = CONFIG_AUTH_WEBHOOK;
			break;
		case CONFIG_LIST:
		case CONFIG_NO_EFFECT:
			break;
		}
	}
}

/* --- one value -------------------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct json *j)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_FALSE] = "false",  [JSON_TRUE] = "true",      [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a text", [JSON_ARRAY] = "a list", [JSON_OBJECT] = "a table",
	};
	return names[j->type];
}

struct reading {
	struct config *c;
	struct arena *a;
	enum config_source from;
	const char *where;
	struct diag *d;
};

static int expected(const struct reading *r, const char *path, const char *what, const struct json *j)
{
	if (j->type == JSON_STRING && j->str.n <= 64)
		return diag_fail(r->d, ERR_CONFIG, "%s: %s: expected %s, found \"%.*s\"", r->where, path, what, SPAN_FMT(j->str));
	if (j->type == JSON_NUMBER && j->raw.n <= 64)
		return diag_fail(r->d, ERR_CONFIG, "%s: %s: expected %s, found %.*s", r->where, path, what, SPAN_FMT(j->raw));
	return diag_fail(r->d, ERR_CONFIG, "%s: %s: expected %s, found %s", r->where, path, what, kind_of(j));
}

static char *text_of(struct arena *a, struct span s)
{
	return memchr(s.n ? (const void *)s.p : "", 0, s.n) ? NULL : (char *)arena_dup(a, s).p;
}

/* "2m": a number and one of s, m, h, d; or "never". */
static bool seconds_of(struct span s, uint64_t *out)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	if (span_is(s, "never")) {
		*out = 0;
		return true;
	}
	for (size_t i = 0; s.n > 1 && i < sizeof units / sizeof units[0]; i++)
		if (s.p[s.n - 1] == (uint8_t)units[i].unit && parse_u64(SPAN(s.p, s.n - 1), out) && *out > 0 && *out < 1000000) {
			*out *= units[i].seconds;
			return true;
		}
	return false;
}

static int list_of(const struct reading *r, const char *path, const struct json *j, struct config_list *l)
{
	if (j->type != JSON_ARRAY || j->count > CONFIG_LIST_MAX)
		return expected(r, path, "a list of at most 16 texts", j);
	l->count = 0;
	for (const struct json *k = j->kids; k; k = k->next) {
		const char *t = k->type == JSON_STRING ? text_of(r->a, k->str) : NULL;
		if (!t)
			return expected(r, path, "a list of texts", k);
		l->text[l->count++] = t;
	}
	return 0;
}

static int set(const struct reading *r, const struct config_key *k, const struct json *j)
{
	void *to = (uint8_t *)r->c + k->offset;
	uint64_t n;
	switch (k->type) {
	case CONFIG_TEXT:
		if (j->type != JSON_STRING || !(*(const char **)to = text_of(r->a, j->str)))
			return expected(r, k->path, "a text", j);
		return 0;
	case CONFIG_BOOL:
		return json_bool(j, to) ? 0 : expected(r, k->path, "true or false", j);
	case CONFIG_PORT:
		if (!json_u64(j, &n) || n > UINT16_MAX)
			return expected(r, k->path, "a port number from 0 to 65535", j);
		*(uint16_t *)to = (uint16_t)n;
		return 0;
	case CONFIG_NUMBER:
		return json_u64(j, to) ? 0 : expected(r, k->path, "a number that is not negative", j);
	case CONFIG_SECONDS:
		if (j->type != JSON_STRING || !seconds_of(j->str, to))
			return expected(r, k->path, "a time such as \"90s\", \"2m\", \"1h\" or \"never\"", j);
		return 0;
	case CONFIG_AUTH:
		if (j->type != JSON_STRING || (!span_is(j->str, "webhook") && !span_is(j->str, "dev")))
			return expected(r, k->path, "\"webhook\" or \"dev\"", j);
		*(enum config_auth *)to = span_is(j->str, "dev") ? CONFIG_AUTH_DEV : CONFIG_AUTH_WEBHOOK;
		return 0;
	case CONFIG_LIST:
		return list_of(r, k->path, j, to);
	case CONFIG_NO_EFFECT:
		return 0;
	}
	return diag_fail(r->d, ERR_INTERNAL, "%s: key of unknown type", k->path);
}

/* --- the document ----------------------------------------------------------------------------------------------------------------- */

static const struct config_key *find(struct span path)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (span_is(path, config_keys[i].path))
			return &config_keys[i];
	return NULL;
}

/* true if some key lies below path */
static bool is_table(struct span path)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const char *p = config_keys[i].path;
		if (strlen(p) > path.n && memcmp(p, path.p, path.n) == 0 && p[path.n] == '.')
			return true;
	}
	return false;
}

/* "known here: a, b": the names that may follow the table `path`. */
static const char *known(struct arena *a, struct span path)
{
	const char *list = "", *last = "";
	size_t last_n = 0;
	for (size_t i = 0; i < config_key_count; i++) {
		const char *p = config_keys[i].path;
		if (path.n) {
			if (strlen(p) <= path.n || memcmp(p, path.p, path.n) != 0 || p[path.n] != '.')
				continue;
			p += path.n + 1;
		}
		size_t n = strcspn(p, ".");
		if (n == last_n && memcmp(p, last, n) == 0)
			continue;
		last = p;
		last_n = n;
		list = arena_fmt(a, "%s%s%.*s", list, *list ? ", " : "", (int)n, p);
		if (!list)
			return "";
	}
	return list;
}

static int unknown(const struct reading *r, struct span table, const char *path)
{
	/* Upstream, too, takes no unknown key about trust. */
	bool strict = r->from == CONFIG_MEASURED || span_starts(table, "core.attestation");
	if (strict)
		return diag_fail(r->d, ERR_CONFIG, "%s: %s: unknown key; known here: %s", r->where, path, known(r->a, table));
	log_warn("config", "unknown key ignored file=%s key=%s", r->where, path);
	return 0;
}

static int table(const struct reading *r, struct span path, const struct json *j)
{
	for (const struct json *k = j->kids; k; k = k->next) {
		char *name = arena_fmt(r->a, "%.*s%s%.*s", SPAN_FMT(path), path.n ? "." : "", SPAN_FMT(k->key));
		if (!name)
			return diag_fail(r->d, ERR_LIMIT, "%s: configuration is too large", r->where);
		struct span full = SPAN_STR(name);
		const struct config_key *key = find(full);
		int e = 0;
		if (key && r->from == CONFIG_MEASURED && key->scope == CONFIG_PROCESS_ONLY)
			e = diag_fail(r->d, ERR_CONFIG, "%s: %s: a file path means nothing inside the image", r->where, name);
		else if (key)
			e = set(r, key, k);
		else if (is_table(full))
			e = k->type == JSON_OBJECT ? table(r, full, k) : expected(r, name, "a table", k);
		else
			e = unknown(r, path, name);
		if (e)
			return e;
	}
	return 0;
}

int config_merge(struct config *c, struct arena *a, enum config_source from, const char *where, const struct json *doc, struct diag *d)
{
	struct reading r = {c, a, from, where, d};
	if (doc->type != JSON_OBJECT)
		return diag_fail(d, ERR_CONFIG, "%s: expected a table, found %s", where, kind_of(doc));
	return table(&r, SPAN_LIT(""), doc);
}

static int user_table(const struct reading *r, struct span path, const struct json *j)
{
	for (const struct json *k = j->kids; k; k = k->next) {
		char *name = arena_fmt(r->a, "%.*s%s%.*s", SPAN_FMT(path), path.n ? "." : "", SPAN_FMT(k->key));
		if (!name)
			return diag_fail(r->d, ERR_LIMIT, "%s: configuration is too large", r->where);
		const struct config_key *key = find(SPAN_STR(name));
		int e;
		if (key && key->scope == CONFIG_SECRET)
			e = set(r, key, k);
		else if (!key && k->type == JSON_OBJECT && is_table(SPAN_STR(name)))
			e = user_table(r, SPAN_STR(name), k);
		else
			e = diag_fail(r->d, ERR_CONFIG, "%s: %s: may not be set here; policy belongs into the measured app-compose.json",
				      r->where, name);
		if (e)
			return e;
	}
	return 0;
}

int config_merge_user(struct config *c, struct arena *a, struct span text, struct diag *d)
{
	struct reading r = {c, a, CONFIG_MEASURED, ".user-config", d};
	const struct json *doc;
	if (text.n == 0)
		return 0;
	int e = json_parse(a, text, &doc, d);
	if (e)
		return diag_wrap(d, ERR_CONFIG, "%s", r.where);
	if (doc->type != JSON_OBJECT)
		return diag_fail(d, ERR_CONFIG, "%s: expected a table, found %s", r.where, kind_of(doc));
	return user_table(&r, SPAN_LIT(""), doc);
}

static bool is_hex32(const char *s)
{
	uint8_t out[32];
	return hex_decode(SPAN_STR(s), out, sizeof out) == 32;
}

/* Upstream leaves rpc.tls.* and core.cert_dir unlinked; here the certificates are those of cert_dir, so a different place is a mistake. */
static int in_cert_dir(const struct config *c, const char *key, const char *path, const char *name, struct diag *d)
{
	size_t n = strlen(c->cert_dir);
	while (n > 1 && c->cert_dir[n - 1] == '/')
		n--;
	if (!*path || (strncmp(path, c->cert_dir, n) == 0 && path[n] == '/' && strcmp(path + n + 1, name) == 0))
		return 0;
	return diag_fail(d, ERR_CONFIG, "%s: expected \"%.*s/%s\", as core.cert_dir says, found \"%s\"", key, (int)n, c->cert_dir, name,
			 path);
}

int config_check(const struct config *c, struct diag *d)
{
	const char *const roots[] = {c->root_tdx,       c->root_gcp_tpm,   c->root_aws_nitro, c->root_aws_nitro_tpm,
				     c->root_snp_milan, c->root_snp_genoa, c->root_snp_turin};
	static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
	bool level = false;
	int e;
	if ((e = in_cert_dir(c, "rpc.tls.key", c->rpc_tls_key, "rpc.key", d)) ||
	    (e = in_cert_dir(c, "rpc.tls.certs", c->rpc_tls_certs, "rpc.crt", d)) ||
	    (e = in_cert_dir(c, "rpc.tls.mutual.ca_certs", c->rpc_tls_ca_certs, "tmp-ca.crt", d)))
		return e;
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		level |= strcmp(c->log_level, levels[i]) == 0;
	if (!level)
		return diag_fail(d, ERR_CONFIG, "default.log_level: expected error, warn, info, debug or trace, found \"%s\"",
				 c->log_level);
	for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
		if (*roots[i] && !c->external_trust_anchors)
			return diag_fail(d, ERR_CONFIG,
					 "core.attestation.root_ca: replacement trust anchors need "
					 "core.attestation.insecure_allow_external_trust_anchors = true");
	if (*c->admin_token_hash && !is_hex32(c->admin_token_hash))
		return diag_fail(d, ERR_CONFIG, "core.admin_token_hash: expected 64 hex digits");
	if (c->auth_type == CONFIG_AUTH_WEBHOOK && strncmp(c->auth_webhook_url, "http://", 7) != 0 &&
	    strncmp(c->auth_webhook_url, "https://", 8) != 0)
		return diag_fail(d, ERR_CONFIG, "core.auth_api.webhook.url: expected an http:// or https:// URL");
	if (c->rpc_tls_mandatory)
		return diag_fail(d, ERR_CONFIG,
				 "rpc.tls.mutual.mandatory: guests without a certificate must reach GetTempCaCert; expected false");
	if (c->auth_timeout == 0 || c->auth_timeout > 50)
		return diag_fail(d, ERR_CONFIG, "core.auth_api.timeout: expected \"1s\" to \"50s\", since clients give up after 60 s");
	return 0;
}

/* --- files ------------------------------------------------------------------------------------------------------------------------ */

enum { FILE_MAX = 1 << 20 };

int config_slurp(struct arena *a, const char *path, struct span *out, struct diag *d)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return diag_fail(d, ERR_MISSING, "%s: %s", path, "cannot be opened");
	uint8_t *p = arena_alloc(a, FILE_MAX);
	size_t n = p ? fread(p, 1, FILE_MAX, f) : 0;
	bool bad = ferror(f) || !p || n == FILE_MAX;
	fclose(f);
	*out = SPAN(p, n);
	return bad ? diag_fail(d, ERR_LIMIT, "%s: cannot be read, or is larger than 1 MiB", path) : 0;
}

int config_read_file(struct config *c, struct arena *a, const char *path, struct diag *d)
{
	struct span text;
	const struct json *doc;
	int e = config_slurp(a, path, &text, d);
	if (e)
		return e;
	size_t n = strlen(path);
	bool json = n >= 5 && strcmp(path + n - 5, ".json") == 0;
	e = json ? json_parse(a, text, &doc, d) : toml_parse(a, text, &doc, d);
	if (e)
		return diag_wrap(d, ERR_CONFIG, "%s", path);
	return config_merge(c, a, CONFIG_FILE, path, doc, d);
}
