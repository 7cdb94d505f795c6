#include "tests/unit/test.h"

#include "kms/client/proxy.h"

static uint8_t block[1 << 16];
static struct arena arena;
static const char *const *variables; /* "NAME=value", NULL terminated */

static char *env(const char *name)
{
	size_t n = strlen(name);
	for (const char *const *v = variables; *v; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return (char *)(uintptr_t)*v + n + 1;
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	arena = arena_over(block, sizeof block);
	return 0;
}

static int read_from(const char *const *v, struct http_proxies *out, struct diag *d)
{
	variables = v;
	return http_proxies_read(out, &arena, env, d);
}

/* "host:port" of the proxy for this URL, "" for none */
static const char *via(const struct http_proxies *p, const char *target)
{
	struct url u;
	struct diag d = {0};
	if (url_parse(&arena, target, &u, &d))
		fail_msg("%s: %s", target, d.text);
	const struct url *proxy = http_proxy_for(p, &u);
	return proxy ? arena_fmt(&arena, "%s:%u", proxy->host, proxy->port) : "";
}

static void each_scheme_has_its_variable(void **state)
{
	(void)state;
	static const struct {
		const char *variables[5], *http, *https;
	} cases[] = {
		{{NULL}, "", ""},
		{{"HTTP_PROXY=http://a:1", NULL}, "a:1", ""},
		{{"http_proxy=http://a:1", NULL}, "a:1", ""},
		{{"HTTPS_PROXY=http://b:2", NULL}, "", "b:2"},
		{{"https_proxy=http://b:2", NULL}, "", "b:2"},
		{{"ALL_PROXY=http://c:3", NULL}, "c:3", "c:3"},
		{{"all_proxy=http://c:3", "HTTPS_PROXY=http://b:2", NULL}, "c:3", "b:2"},
		{{"HTTP_PROXY=http://a:1", "http_proxy=http://d:4", NULL}, "a:1", ""},
		{{"HTTP_PROXY=", "ALL_PROXY=", NULL}, "", ""},
		{{"HTTP_PROXY=", "ALL_PROXY=c", NULL}, "c:80", "c:80"},
		{{"HTTP_PROXY=A.Example:3128", NULL}, "a.example:3128", ""},
		{{"HTTP_PROXY=HTTP://a/", NULL}, "a:80", ""},
		{{"HTTP_PROXY=[::1]:8", NULL}, "::1:8", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_proxies p;
		struct diag d = {0};
		assert_int_equal(read_from(cases[i].variables, &p, &d), 0);
		assert_string_equal(via(&p, "http://x.example/"), cases[i].http);
		assert_string_equal(via(&p, "https://x.example/"), cases[i].https);
		assert_string_equal(via(&p, "unix:/run/agent.sock"), "");
		assert_string_equal(via(&p, "vsock://3:9/"), "");
	}
	assert_string_equal(via(NULL, "http://x.example/"), "");
}

static void credentials_are_for_the_proxy(void **state)
{
	(void)state;
	struct http_proxies p;
	struct diag d = {0};
	assert_int_equal(read_from((const char *const[]){"HTTP_PROXY=us%65r:p%40ss@a:1", NULL}, &p, &d), 0);
	assert_string_equal(p.http.basic, "dXNlcjpwQHNz");
	assert_string_equal(p.http.shown, "http://a:1/");
}

static void what_is_no_proxy_is_named_and_not_shown(void **state)
{
	(void)state;
	static const struct {
		const char *variable, *text;
	} cases[] = {
		{"HTTPS_PROXY=https://u:secret@a", "HTTPS_PROXY: only proxies at http:// are supported"},
		{"all_proxy=socks5://u:secret@a", "all_proxy: only proxies at http:// are supported"},
		{"http_proxy=u:secret@a:x", "http_proxy: not the URL of a proxy"},
		{"HTTP_PROXY=http://u:secret@", "HTTP_PROXY: not the URL of a proxy"},
		{"HTTP_PROXY=secret secret", "HTTP_PROXY: not the URL of a proxy"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_proxies p;
		struct diag d = {0};
		assert_int_equal(read_from((const char *const[]){cases[i].variable, NULL}, &p, &d), ERR_CONFIG);
		assert_string_equal(d.text, cases[i].text);
	}
}

static void no_proxy_names_addresses_and_networks(void **state)
{
	(void)state;
	static const struct {
		const char *except, *target;
		bool direct;
	} cases[] = {
		{"NO_PROXY=example.com", "http://example.com/", true},
		{"NO_PROXY=example.com", "http://a.b.EXAMPLE.com:8/", true},
		{"NO_PROXY=.example.com", "http://example.com/", true},
		{"NO_PROXY=.Example.COM", "https://a.example.com/", true},
		{"NO_PROXY=example.com", "http://badexample.com/", false},
		{"NO_PROXY=example.com", "http://example.com.org/", false},
		{"NO_PROXY=a.example.com", "http://example.com/", false},
		{"no_proxy=x, example.com ,y", "http://example.com/", true},
		{"no_proxy=x y\texample.com", "http://example.com/", true},
		{"NO_PROXY=", "http://example.com/", false},
		{"NO_PROXY=,, ,", "http://example.com/", false},
		{"NO_PROXY=.", "http://example.com/", false},
		{"NO_PROXY=*", "http://example.com/", true},
		{"NO_PROXY=a,*", "http://10.0.0.1/", true},
		{"NO_PROXY=*.com", "http://example.com/", false},
		{"NO_PROXY=10.0.0.1", "http://10.0.0.1:8/", true},
		{"NO_PROXY=10.0.0.1", "http://10.0.0.10/", false},
		{"NO_PROXY=0.0.1", "http://10.0.0.1/", false},
		{"NO_PROXY=10.0.0.0/8", "http://10.255.1.2/", true},
		{"NO_PROXY=10.0.0.0/8", "http://11.0.0.1/", false},
		{"NO_PROXY=10.128.0.0/9", "http://10.127.0.1/", false},
		{"NO_PROXY=10.128.0.0/9", "http://10.129.0.1/", true},
		{"NO_PROXY=10.0.0.1/32", "http://10.0.0.1/", true},
		{"NO_PROXY=0.0.0.0/0", "http://10.0.0.1/", true},
		{"NO_PROXY=10.0.0.0/33", "http://10.0.0.1/", false},
		{"NO_PROXY=10.0.0.0/", "http://10.0.0.0/", false},
		{"NO_PROXY=10.0.0.0/-1", "http://10.0.0.0/", false},
		{"NO_PROXY=0.0.0.0/0", "http://[::1]/", false},
		{"NO_PROXY=::1", "http://[::1]:8/", true},
		{"NO_PROXY=2001:db8::/32", "http://[2001:db8:1::2]/", true},
		{"NO_PROXY=2001:db8::/32", "http://[2001:db9::2]/", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_proxies p;
		struct diag d = {0};
		arena = arena_over(block, sizeof block);
		assert_int_equal(read_from((const char *const[]){"ALL_PROXY=p:1", cases[i].except, NULL}, &p, &d), 0);
		if ((*via(&p, cases[i].target) == '\0') != cases[i].direct)
			fail_msg("%s: %s goes the wrong way", cases[i].except, cases[i].target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_scheme_has_its_variable, setup),
		cmocka_unit_test_setup(credentials_are_for_the_proxy, setup),
		cmocka_unit_test_setup(what_is_no_proxy_is_named_and_not_shown, setup),
		cmocka_unit_test_setup(no_proxy_names_addresses_and_networks, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
