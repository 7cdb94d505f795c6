#include "kms/rpc/admin_auth.h"

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/hash.h"
#include "kms/rpc/htpasswd.h"

/* Equal, in a time that depends on neither text: both are hashed first. */
static bool is_token(const struct config *c, struct span given)
{
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	if (!*c->admin_auth_token)
		return false;
	sha256(SPAN_STR(c->admin_auth_token), want);
	sha256(given, got);
	return equal_ct(want, got, sizeof got);
}

/* What follows the scheme, which is compared without regard to case. */
static bool scheme(struct span header, const char *name, struct span *rest)
{
	size_t n = strlen(name);
	if (header.n <= n || header.p[n] != ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((header.p[i] | 0x20) != name[i])
			return false;
	*rest = SPAN(header.p + n + 1, header.n - n - 1);
	return true;
}

static bool basic_allowed(const struct config *c, struct arena *a, struct span encoded)
{
	struct span pair = base64_decode_in(a, encoded);
	size_t colon = 0;
	if (!pair.p)
		return false;
	while (colon < pair.n && pair.p[colon] != ':')
		colon++;
	if (colon == pair.n)
		return false;
	struct span user = SPAN(pair.p, colon), password = SPAN(pair.p + colon + 1, pair.n - colon - 1);
	return is_token(c, password) || (password.n == 0 && is_token(c, user)) ||
	       (*c->admin_htpasswd_file && htpasswd_allows(a, c->admin_htpasswd_file, user, password));
}

bool admin_allowed(const struct config *c, const struct http_request *req)
{
	struct span rest;
	if (c->admin_no_auth || is_token(c, req->x_admin_token))
		return true;
	if (scheme(req->authorization, "bearer", &rest))
		return is_token(c, rest);
	return scheme(req->authorization, "basic", &rest) && basic_allowed(c, req->arena, rest);
}

int admin_check_config(const struct config *c, struct diag *d)
{
	if (*c->admin_auth_token || *c->admin_htpasswd_file || c->admin_no_auth)
		return 0;
	return diag_fail(
		d, ERR_CONFIG,
		"core.admin: needs auth_token (or DSTACK_KMS_ADMIN_TOKEN, ADMIN_API_TOKEN), htpasswd_file, or insecure_no_auth = true");
}
