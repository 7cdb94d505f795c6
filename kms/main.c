/* The program: as PID 1 it is the operating system, otherwise argv[1] names a verb. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot/boot.h"
#include "kms/rpc/routes.h"
#include "kms/verbs.h"

static int verb_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("ukms " ROUTES_VERSION);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} verbs[] = {
	{"verify-evidence", verb_verify_evidence, "show what evidence proves, or the step that refused it"},
	{"serve", verb_serve, "serve the KMS as a process"},
	{"get-keys", verb_get_keys, "fetch the keys of the application that runs here"},
	{"--version", verb_version, "print the version"},
};

static int usage(FILE *to)
{
	fputs("usage: ukms VERB [OPTION...]\n\n", to);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		fprintf(to, "  %-18s %s\n", verbs[i].name, verbs[i].summary);
	return to == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
	if (getpid() == 1)
		boot_main();
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "ukms: no verb '%s'\n", argv[1]);
	return usage(stderr);
}
