#include "kms/rpc/htpasswd.h"

#include <stdio.h>
#if __has_include(<crypt.h>)
#include <crypt.h>
#else /* Debian's musl has the function but not the header */
struct crypt_data {
	int initialized;
	char buf[256];
};
char *crypt_r(const char *key, const char *salt, struct crypt_data *data);
#endif

#include "base/wipe.h"

enum { PASSWD_LINE_MAX = 1024, PASSWORD_MAX = 72 /* bcrypt looks at no more */ };

/* hash: NUL terminated */
static bool matches(struct arena *a, const char *hash, struct span password)
{
	struct crypt_data *state = arena_alloc(a, sizeof *state);
	char text[PASSWORD_MAX + 1] = {0};
	size_t n = strlen(hash);
	bool bcrypt = n == 60 && hash[0] == '$' && hash[1] == '2' && strchr("aby", hash[2]) && hash[3] == '$';
	if (!state || !bcrypt || password.n > PASSWORD_MAX || memchr(password.p, 0, password.n))
		return false;
	memcpy(text, password.p, password.n);
	const char *got = crypt_r(text, hash, state);
	bool same = got && strlen(got) == n && equal_ct(got, hash, n);
	wipe(text, sizeof text);
	wipe(state, sizeof *state);
	return same;
}

bool htpasswd_allows(struct arena *a, const char *path, struct span user, struct span password)
{
	char line[PASSWD_LINE_MAX];
	bool allowed = false;
	FILE *f = fopen(path, "r");
	if (!f || user.n == 0)
		goto done;
	while (!allowed && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = 0;
		size_t n = strcspn(line, ":");
		if (line[n] == ':' && span_eq(SPAN(line, n), user))
			allowed = matches(a, line + n + 1, password);
	}
done:
	if (f)
		fclose(f);
	return allowed;
}
