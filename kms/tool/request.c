#include <stdio.h>

#include "kms/attest/rules.h"
#include "kms/tool/tool.h"

#define FIELD(name)                                                                                                                        \
	{                                                                                                                                  \
#name, offsetof(struct request, name)                                                                                      \
	}

/* Members that are text, or the name of a file. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	FIELD(file),      FIELD(kind), FIELD(collateral), FIELD(root_sgx), FIELD(root_gcp),           FIELD(root_nitro),
	FIELD(ask),       FIELD(vcek), FIELD(profile),    FIELD(quote),    FIELD(expect_report_data), FIELD(expect_qualifying_data),
	FIELD(vm_config),
};

static struct span *text_field(struct request *r, size_t i)
{
	return (struct span *)(void *)((uint8_t *)r + texts[i].offset);
}

/* NAME=FILE, cut at the last '=': addresses may have one, file names hardly. */
static bool pair(struct span value, struct span *name, struct span *file)
{
	size_t at = value.n;
	while (at > 0 && value.p[at - 1] != '=')
		at--;
	if (at == 0)
		return false;
	*name = SPAN(value.p, at - 1);
	*file = SPAN(value.p + at, value.n - at);
	return true;
}

static bool same_word(struct span s, const char *word)
{
	size_t n = strlen(word);
	if (s.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s.p[i] | 0x20) != (uint8_t)word[i])
			return false;
	return true;
}

static bool set_ark(struct request *r, struct span product, struct span file)
{
	struct span *to = same_word(product, "milan")   ? &r->ark_milan
			  : same_word(product, "genoa") ? &r->ark_genoa
			  : same_word(product, "turin") ? &r->ark_turin
							: NULL;
	if (to)
		*to = file;
	return to != NULL;
}

static bool add_http(struct request *r, struct span url, struct span file)
{
	if (r->http_count == TOOL_HTTP_MAX)
		return false;
	r->http[r->http_count++] = (struct tool_http){url, file};
	return true;
}

static bool set_now(struct request *r, uint64_t now)
{
	r->now = now;
	r->has_now = now <= INT64_MAX / 1000;
	return r->has_now;
}

static int set_json(struct request *r, struct arena *a, const struct json **to, struct span value, struct diag *d)
{
	(void)r;
	struct json *node = arena_alloc(a, sizeof *node);
	if (!node)
		return diag_fail(d, ERR_LIMIT, "no memory left");
	node->type = JSON_STRING;
	node->str = value;
	*to = node;
	return 0;
}

int request_set(struct request *r, struct arena *a, const char *name, struct span value, struct diag *d)
{
	struct span key, file;
	uint64_t now = 0;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (strcmp(name, texts[i].name) != 0)
			continue;
		*text_field(r, i) = value;
		return 0;
	}
	if (strcmp(name, "runtime_events") == 0)
		return set_json(r, a, &r->runtime_events, value, d);
	if (strcmp(name, "event_log") == 0)
		return set_json(r, a, &r->event_log, value, d);
	bool ok = false, known = true;
	if (strcmp(name, "now") == 0) {
		for (size_t i = 0; i < value.n && now < INT64_MAX / 100; i++)
			now = now * 10 + (uint64_t)(value.p[i] - '0');
		ok = value.n > 0 && strspn((const char *)value.p, "0123456789") == value.n && set_now(r, now);
	} else if (strcmp(name, "ark") == 0) {
		ok = pair(value, &key, &file) && set_ark(r, key, file);
	} else if (strcmp(name, "http") == 0) {
		ok = pair(value, &key, &file) && add_http(r, key, file);
	} else if (strcmp(name, "relax") == 0) {
		ok = attest_rule_relax(&r->relax, value);
	} else {
		known = false;
	}
	if (!known)
		return diag_fail(d, ERR_INPUT, "there is no option --%s", name);
	return ok ? 0 : diag_fail(d, ERR_INPUT, "--%s: wrong value", name);
}

static int wrong(struct diag *d, const char *member)
{
	return diag_fail(d, ERR_INPUT, "request: %s is malformed", member);
}

/* A member that is there and not null. */
static const struct json *member(const struct json *top, const char *name)
{
	const struct json *j = json_get(top, name);
	return j && j->type != JSON_NULL ? j : NULL;
}

static bool list_or_file(const struct json *j)
{
	return j->type == JSON_ARRAY || j->type == JSON_STRING;
}

/* "Milan=file", a list of such texts, or an object of files by product. */
static bool arks_from_json(struct request *r, const struct json *j)
{
	struct span key, file;
	if (j->type == JSON_STRING)
		return pair(j->str, &key, &file) && set_ark(r, key, file);
	bool named = j->type == JSON_OBJECT;
	if (!named && j->type != JSON_ARRAY)
		return false;
	for (const struct json *k = j->kids; k; k = k->next)
		if (k->type != JSON_STRING || (!named && !pair(k->str, &key, &file)) ||
		    !set_ark(r, named ? k->key : key, named ? k->str : file))
			return false;
	return true;
}

int request_from_json(struct arena *a, struct span line, struct request *out, struct diag *d)
{
	const struct json *top, *j;
	uint64_t n;
	*out = (struct request){0};
	int e = json_parse(a, line, &top, d);
	if (e)
		return diag_wrap(d, e, "request");
	if (top->type != JSON_OBJECT)
		return diag_fail(d, ERR_INPUT, "request: not an object");
	j = json_get(top, "id");
	if (j)
		out->id = j->raw;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		j = json_get(top, texts[i].name);
		if (!j || j->type == JSON_NULL)
			continue;
		/* a vm_config may come as the object that its text holds */
		if (j->type == JSON_OBJECT && text_field(out, i) == &out->vm_config)
			out->vm_config = j->raw;
		else if (j->type == JSON_STRING)
			*text_field(out, i) = j->str;
		else
			return wrong(d, texts[i].name);
	}
	j = json_get(top, "now");
	if (j && j->type != JSON_NULL && !(json_u64(j, &n) && set_now(out, n)))
		return wrong(d, "now");
	j = member(top, "ark");
	if (j && !arks_from_json(out, j))
		return wrong(d, "ark");
	j = member(top, "http_map");
	if (!j)
		j = member(top, "http_files");
	if (j && j->type != JSON_OBJECT)
		return wrong(d, "http_map");
	for (const struct json *k = j ? j->kids : NULL; k; k = k->next)
		if (k->type != JSON_STRING || !add_http(out, k->key, k->str))
			return wrong(d, "http_map");
	j = member(top, "cose_offset");
	out->has_cose = j != NULL;
	if (j && !(json_u64(j, &out->cose_offset) && json_get_u64(top, "cose_len", &out->cose_len)))
		return wrong(d, "cose_offset");
	out->runtime_events = member(top, "runtime_events");
	if (out->runtime_events && !list_or_file(out->runtime_events))
		return wrong(d, "runtime_events");
	out->event_log = member(top, "event_log");
	if (out->event_log && !list_or_file(out->event_log))
		return wrong(d, "event_log");
	return 0;
}
