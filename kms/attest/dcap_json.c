/* TCB info and QE identity: signed JSON texts into structures (2.3). Every listed member is required once; unknown ones are ignored. */
#include "base/json.h"
#include "base/text.h"
#include "kms/attest/dcap_inner.h"

/* The first fault wins; after it every read yields an empty value. */
struct reading {
	struct arena *a;
	struct diag *d;
	int err;
};

static const char *const status_names[TCB_STATUSES] = {
	[TCB_UP_TO_DATE] = "UpToDate",
	[TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
	[TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
	[TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
	[TCB_OUT_OF_DATE] = "OutOfDate",
	[TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
	[TCB_REVOKED] = "Revoked",
};

const char *tcb_status_name(enum tcb_status s)
{
	return status_names[s];
}

static void spoil(struct reading *r, const char *key, const char *why)
{
	if (!r->err)
		r->err = diag_fail(r->d, ERR_INPUT, "member '%s' %s", key, why);
}

static const struct json *optional(struct reading *r, const struct json *j, const char *key, enum json_type type)
{
	size_t n = json_count(j, key);
	const struct json *m = json_get(j, key);
	if (n > 1)
		spoil(r, key, "is repeated");
	else if (m && m->type != type)
		spoil(r, key, "is of another type");
	return r->err ? NULL : m;
}

static const struct json *required(struct reading *r, const struct json *j, const char *key, enum json_type type)
{
	const struct json *m = optional(r, j, key, type);
	if (!m)
		spoil(r, key, "is missing");
	return m;
}

static struct span text(struct reading *r, const struct json *j, const char *key)
{
	const struct json *m = required(r, j, key, JSON_STRING);
	struct span s = m ? arena_dup(r->a, m->str) : SPAN(NULL, 0);
	if (m && !s.p)
		r->err = diag_fail(r->d, ERR_LIMIT, "collateral needs more memory than it may use");
	return s;
}

static uint64_t number(struct reading *r, const struct json *j, const char *key, uint64_t max)
{
	const struct json *m = required(r, j, key, JSON_NUMBER);
	uint64_t v = 0;
	if (m && (!json_u64(m, &v) || v > max))
		spoil(r, key, "is out of range");
	return r->err ? 0 : v;
}

/* Hex of exactly n bytes, or of any number when n is 0. */
static struct span hex(struct reading *r, const struct json *j, const char *key, size_t n)
{
	const struct json *m = required(r, j, key, JSON_STRING);
	if (!m)
		return SPAN(NULL, 0);
	struct span s = hex_decode_in(r->a, m->str);
	if (!s.p || (n && s.n != n))
		spoil(r, key, "is not hex of the right length");
	return r->err ? SPAN(NULL, 0) : s;
}

/* count objects of that size; the reading fails when the arena is full. */
static void *room(struct reading *r, size_t count, size_t size)
{
	void *p = r->err ? NULL : arena_array(r->a, count, size);
	if (!p && !r->err)
		r->err = diag_fail(r->d, ERR_LIMIT, "collateral needs more memory than it may use");
	return p;
}

/* tcbDate, tcbStatus, advisoryIDs */
static void verdict(struct reading *r, const struct json *level, struct tcb_verdict *out)
{
	(void)required(r, level, "tcbDate", JSON_STRING);
	struct span status = text(r, level, "tcbStatus");
	const struct json *ids = optional(r, level, "advisoryIDs", JSON_ARRAY);
	bool known = false;
	for (unsigned i = 0; i < TCB_STATUSES; i++) {
		if (span_is(status, status_names[i])) {
			out->status = (enum tcb_status)i;
			known = true;
		}
	}
	if (!known)
		spoil(r, "tcbStatus", "is no known status");
	if (!ids)
		return;
	struct span *id = room(r, ids->count, sizeof *id);
	size_t n = 0;
	for (const struct json *k = ids->kids; id && k; k = k->next) {
		if (k->type != JSON_STRING)
			spoil(r, "advisoryIDs", "holds something else than strings");
		id[n] = arena_dup(r->a, k->str);
		if (!id[n++].p && !r->err)
			r->err = diag_fail(r->d, ERR_LIMIT, "collateral needs more memory than it may use");
	}
	out->advisory = id;
	out->advisory_count = n;
}

static struct span components(struct reading *r, const struct json *list)
{
	uint8_t *svn = list ? room(r, list->count, 1) : NULL;
	size_t n = 0;
	for (const struct json *k = list ? list->kids : NULL; svn && k; k = k->next) {
		if (k->type != JSON_OBJECT)
			spoil(r, "components", "holds something else than objects");
		svn[n++] = (uint8_t)number(r, k, "svn", UINT8_MAX);
	}
	return SPAN(svn, n);
}

static void platform_level(struct reading *r, const struct json *j, struct tcb_level *out)
{
	const struct json *tcb = required(r, j, "tcb", JSON_OBJECT);
	out->sgx = components(r, required(r, tcb, "sgxtcbcomponents", JSON_ARRAY));
	out->tdx = components(r, optional(r, tcb, "tdxtcbcomponents", JSON_ARRAY));
	out->pce_svn = (uint16_t)number(r, tcb, "pcesvn", UINT16_MAX);
	verdict(r, j, &out->verdict);
}

/* tcbLevels of an enclave or module */
static const struct svn_level *svn_levels(struct reading *r, const struct json *j, uint64_t svn_max, size_t *count)
{
	const struct json *list = required(r, j, "tcbLevels", JSON_ARRAY);
	struct svn_level *level = list ? room(r, list->count, sizeof *level) : NULL;
	size_t n = 0;
	for (const struct json *k = list ? list->kids : NULL; level && k; k = k->next, n++) {
		level[n].isv_svn = (uint16_t)number(r, required(r, k, "tcb", JSON_OBJECT), "isvsvn", svn_max);
		verdict(r, k, &level[n].verdict);
	}
	*count = n;
	return level;
}

static void module_values(struct reading *r, const struct json *j, struct tdx_module *m)
{
	m->mr_signer = hex(r, j, "mrsigner", 48);
	m->attributes = hex(r, j, "attributes", 8);
	m->mask = hex(r, j, "attributesMask", 8);
}

static void modules(struct reading *r, const struct json *j, struct tcb_info *out)
{
	const struct json *m = json_get(j, "tdxModule");
	if (m && m->type == JSON_NULL && json_count(j, "tdxModule") == 1)
		m = NULL;
	else
		m = optional(r, j, "tdxModule", JSON_OBJECT);
	if (m) {
		out->has_module = true;
		module_values(r, m, &out->module);
	}
	const struct json *list = optional(r, j, "tdxModuleIdentities", JSON_ARRAY);
	if (!list)
		return;
	struct tdx_module *id = room(r, list->count, sizeof *id);
	size_t n = 0;
	for (const struct json *k = list->kids; id && k; k = k->next, n++) {
		id[n].id = text(r, k, "id");
		module_values(r, k, &id[n]);
		id[n].level = svn_levels(r, k, UINT8_MAX, &id[n].level_count);
	}
	out->identity = id;
	out->identity_count = n;
}

/* Lists in order of their bytes, a beginning before the longer list. */
static int compare_lists(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_levels(const struct tcb_level *a, const struct tcb_level *b, bool tdx)
{
	int c = compare_lists(a->sgx, b->sgx);
	if (!c)
		c = (a->pce_svn > b->pce_svn) - (a->pce_svn < b->pce_svn);
	return c || !tdx ? c : compare_lists(a->tdx, b->tdx);
}

/* Descending and stable. Documents have some twenty levels. */
static void sort_levels(struct reading *r, struct tcb_info *t)
{
	uint16_t *sorted = room(r, t->level_count, sizeof *sorted);
	bool tdx = span_is(t->id, "TDX") && t->version >= 3;
	for (size_t i = 0; sorted && i < t->level_count; i++) {
		size_t at = i;
		for (; at > 0 && compare_levels(&t->level[sorted[at - 1]], &t->level[i], tdx) < 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = (uint16_t)i;
	}
	t->sorted = sorted;
}

enum { LEVELS_MAX = 512 };

static int tcb_info(struct reading *r, const struct json *j, struct tcb_info *out)
{
	out->id = text(r, j, "id");
	out->version = (unsigned)number(r, j, "version", UINT8_MAX);
	out->issue_date = text(r, j, "issueDate");
	out->next_update = text(r, j, "nextUpdate");
	out->fmspc = hex(r, j, "fmspc", 0);
	(void)required(r, j, "pceId", JSON_STRING);
	(void)number(r, j, "tcbType", UINT32_MAX);
	(void)number(r, j, "tcbEvaluationDataNumber", UINT32_MAX);
	modules(r, j, out);
	const struct json *levels = required(r, j, "tcbLevels", JSON_ARRAY);
	if (levels && levels->count > LEVELS_MAX)
		spoil(r, "tcbLevels", "has too many levels");
	struct tcb_level *level = levels ? room(r, levels->count, sizeof *level) : NULL;
	size_t n = 0;
	for (const struct json *k = levels ? levels->kids : NULL; level && k; k = k->next, n++)
		platform_level(r, k, &level[n]);
	out->level = level;
	out->level_count = n;
	sort_levels(r, out);
	return r->err;
}

static int qe_identity(struct reading *r, const struct json *j, struct qe_identity *out)
{
	out->id = text(r, j, "id");
	out->version = (unsigned)number(r, j, "version", UINT8_MAX);
	out->issue_date = text(r, j, "issueDate");
	out->next_update = text(r, j, "nextUpdate");
	(void)number(r, j, "tcbEvaluationDataNumber", UINT32_MAX);
	struct rd misc = rd_from(hex(r, j, "miscselect", 4)), mask = rd_from(hex(r, j, "miscselectMask", 4));
	out->misc_select = rd_u32le(&misc);
	out->misc_mask = rd_u32le(&mask);
	out->attributes = hex(r, j, "attributes", 16);
	out->attributes_mask = hex(r, j, "attributesMask", 16);
	out->mr_signer = hex(r, j, "mrsigner", 32);
	out->isv_prod_id = (uint16_t)number(r, j, "isvprodid", UINT16_MAX);
	out->level = svn_levels(r, j, UINT16_MAX, &out->level_count);
	return r->err;
}

static int parse_object(struct arena *scratch, struct span text_, const struct json **j, struct diag *d)
{
	int e = json_parse_repeats(scratch, text_, j, d);
	if (e)
		return e;
	return (*j)->type == JSON_OBJECT ? 0 : diag_fail(d, ERR_INPUT, "not an object");
}

int tcb_info_parse(struct arena *a, struct arena *scratch, struct span text_, struct tcb_info *out, struct diag *d)
{
	struct reading r = {a, d, 0};
	const struct json *j;
	*out = (struct tcb_info){0};
	int e = parse_object(scratch, text_, &j, d);
	if (!e)
		e = tcb_info(&r, j, out);
	return e ? diag_wrap(d, e, "Failed to decode TcbInfo") : 0;
}

int qe_identity_parse(struct arena *a, struct arena *scratch, struct span text_, struct qe_identity *out, struct diag *d)
{
	struct reading r = {a, d, 0};
	const struct json *j;
	*out = (struct qe_identity){0};
	int e = parse_object(scratch, text_, &j, d);
	if (!e)
		e = qe_identity(&r, j, out);
	return e ? diag_wrap(d, e, "Failed to decode QeIdentity") : 0;
}
