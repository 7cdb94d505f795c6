#include "tests/unit/test.h"

#include <unistd.h>

#include "base/text.h"
#include "kms/rpc/admin_auth.h"

static uint8_t block[1 << 20];
static struct arena a;
static struct config c;

static bool allowed(const char *token, const char *authorization)
{
	struct http_request req = {.x_admin_token = SPAN_STR(token), .authorization = SPAN_STR(authorization), .arena = &a};
	return admin_allowed(&c, &req);
}

static bool basic(const char *pair)
{
	char header[256];
	a = arena_over(block, sizeof block);
	memset(block, 0, sizeof block);
	snprintf(header, sizeof header, "basic %s", base64_encode_in(&a, SPAN_STR(pair)));
	return allowed("", header);
}

static int setup(void **state)
{
	(void)state;
	a = arena_over(block, sizeof block);
	config_defaults(&c);
	return 0;
}

static void the_token_opens_in_every_form(void **state)
{
	(void)state;
	c.admin_auth_token = "sesame";
	assert_true(allowed("sesame", ""));
	assert_true(allowed("", "Bearer sesame"));
	assert_true(basic("anyuser:sesame"));
	assert_true(basic("sesame:"));
	assert_false(allowed("", ""));
	assert_false(allowed("sesam", ""));
	assert_false(allowed("", "Bearer sesame "));
	assert_false(allowed("", "Bearer"));
	assert_false(allowed("", "sesame"));
	assert_false(basic("sesame"));
	assert_false(basic("sesame:x"));
	assert_false(allowed("", "Basic ###"));
}

static void no_token_configured_opens_nothing(void **state)
{
	(void)state;
	struct diag d;
	assert_false(allowed("", ""));
	assert_false(allowed("", "Bearer "));
	assert_false(basic(":"));
	assert_int_equal(admin_check_config(&c, &d), ERR_CONFIG);
	c.admin_no_auth = true;
	assert_true(allowed("", ""));
	assert_int_equal(admin_check_config(&c, &d), 0);
}

static void htpasswd_lines_with_bcrypt(void **state)
{
	(void)state;
	char path[] = "/tmp/ukms-htpasswd-XXXXXX";
	int fd = mkstemp(path);
	/* A published test value of bcrypt: password U*U. */
	static const char lines[] = "other:$apr1$x$y\nadmin:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\nplain:U*U\n";
	assert_true(fd >= 0 && write(fd, lines, sizeof lines - 1) == (ssize_t)sizeof lines - 1);
	close(fd);
	c.admin_htpasswd_file = path;
	assert_true(basic("admin:U*U"));
	assert_false(basic("admin:U*V"));
	assert_false(basic("admin:"));
	assert_false(basic("plain:U*U"));
	assert_false(basic("nobody:U*U"));
	assert_false(basic(":U*U"));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_token_opens_in_every_form, setup),
		cmocka_unit_test_setup(no_token_configured_opens_nothing, setup),
		cmocka_unit_test_setup(htpasswd_lines_with_bcrypt, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
