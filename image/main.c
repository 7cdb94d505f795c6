/* ukms-image: makes and audits release directories. Host side only. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "image/predict.h"
#include "image/pe.h"
#include "image/release.h"

static int failed(const struct diag *d)
{
	fprintf(stderr, "ukms-image: %s\n", d->text);
	return 1;
}

static int usage(void);

static void print_hex(const char *name, struct span s, const char *end)
{
	printf("  \"%s\": \"", name);
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", s.p[i]);
	printf("\"%s\n", end);
}

static int read_path(const char *path, struct span *out, struct diag *d)
{
	return path[0] == '/' ? release_read_file("", path + 1, out, d) : release_read_file(".", path, out, d);
}

static int verb_build(int argc, char **argv)
{
	static const struct option options[] = {
		{"name", required_argument, NULL, 'n'},
		{"version", required_argument, NULL, 'v'},
		{"cmdline", required_argument, NULL, 'c'},
		{"dev", no_argument, NULL, 'd'},
		{0},
	};
	struct diag d = {0};
	struct release r = {.name = "ukms", .version = UKMS_VERSION, .cmdline = ""};
	int o;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'n':
			r.name = optarg;
			break;
		case 'v':
			r.version = optarg;
			break;
		case 'c':
			r.cmdline = optarg;
			break;
		case 'd':
			r.dev = true;
			break;
		default:
			return usage();
		}
	}
	if (optind + 1 != argc)
		return usage();
	r.dir = argv[optind];
	return release_write(&r, &d) ? failed(&d) : 0;
}

static int verb_authenticode(int argc, char **argv)
{
	struct diag d = {0};
	struct span file;
	uint8_t h[32];
	if (argc != 2)
		return usage();
	int e = read_path(argv[1], &file, &d);
	if (!e)
		e = pe_authenticode(file, &br_sha256_vtable, h, &d);
	free((void *)file.p);
	if (e)
		return failed(&d);
	for (size_t i = 0; i < sizeof h; i++)
		printf("%02x", h[i]);
	putchar('\n');
	return 0;
}

static int verb_inspect(int argc, char **argv)
{
	struct diag d = {0};
	struct span digest, auth_hash = {0};
	if (argc != 2)
		return usage();
	if (release_check(argv[1], &d))
		return failed(&d);
	int e = release_read_file(argv[1], "digest.txt", &digest, &d);
	if (!e)
		e = release_read_file(argv[1], "auth_hash.txt", &auth_hash, &d);
	if (!e)
		printf("digest     %.*sauth hash  %.*s", SPAN_FMT(digest), SPAN_FMT(auth_hash));
	free((void *)digest.p);
	free((void *)auth_hash.p);
	return e ? failed(&d) : 0;
}

/* The registers after a boot of this image with this app-compose.json. */
static int verb_measure(int argc, char **argv)
{
	static const struct option options[] = {
		{"app-compose", required_argument, NULL, 'a'},
		{"app-id", required_argument, NULL, 'i'},
		{"pcr0", required_argument, NULL, '0'},
		{0},
	};
	/* image specification 2.7: the only value that verifiers accept */
	uint8_t pcr0[32] = {0x0c, 0xca, 0x9e, 0xc1, 0x61, 0xb0, 0x92, 0x88, 0x80, 0x2e, 0x5a, 0x11, 0x22, 0x55, 0xd2, 0x13,
			    0x40, 0xed, 0x5b, 0x79, 0x7f, 0x5f, 0xe2, 0x9c, 0xec, 0xcc, 0xfd, 0x8f, 0x67, 0xb9, 0xf8, 0x02};
	struct diag d = {0};
	struct span compose = {0}, uki;
	uint8_t id[20];
	struct span app_id = {id, 0};
	const char *compose_path = NULL;
	int o;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'a')
			compose_path = optarg;
		else if (o == 'i' && hex_decode(SPAN_STR(optarg), id, sizeof id) == (int)sizeof id)
			app_id.n = sizeof id;
		else if (o != '0' || hex_decode(SPAN_STR(optarg), pcr0, sizeof pcr0) != (int)sizeof pcr0)
			return usage();
	}
	if (optind + 1 != argc)
		return usage();
	int e = read_path(argv[optind], &uki, &d);
	if (e)
		return failed(&d);
	if (!compose_path) {
		static uint8_t text[4096];
		struct wr w = wr_to(text, sizeof text);
		e = release_measurements(uki, &w, &d);
		free((void *)uki.p);
		if (e)
			return failed(&d);
		fwrite(w.p, 1, w.len, stdout);
		return 0;
	}
	struct predicted p;
	struct predicted_boot b;
	uint8_t google[32], ovmf[32];
	e = read_path(compose_path, &compose, &d);
	if (!e)
		e = predict(uki, &p, &d);
	free((void *)uki.p);
	if (e) {
		free((void *)compose.p);
		return failed(&d);
	}
	predict_boot(compose, app_id, &b);
	free((void *)compose.p);
	predict_aggregated(pcr0, p.google_pcr2, b.pcr14, google);
	predict_aggregated(pcr0, p.ovmf_pcr4, b.pcr14, ovmf);
	puts("{");
	print_hex("compose_hash", SPAN_ARR(b.compose_hash), ",");
	print_hex("pcr0", SPAN_ARR(pcr0), ",");
	print_hex("google_pcr2", SPAN_ARR(p.google_pcr2), ",");
	print_hex("ovmf_pcr4", SPAN_ARR(p.ovmf_pcr4), ",");
	print_hex("pcr14", SPAN_ARR(b.pcr14), ",");
	print_hex("rtmr3", SPAN_ARR(b.rtmr3), ",");
	print_hex("mr_aggregated_google", SPAN_ARR(google), ",");
	print_hex("mr_aggregated_ovmf", SPAN_ARR(ovmf), "");
	puts("}");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} verbs[] = {
	{"build", verb_build, "build [--name NAME] [--version V] [--cmdline TEXT] [--dev] DIR   make a release from DIR/BOOTX64.EFI"},
	{"inspect", verb_inspect,
	 "inspect DIR                                  check that every file of a release follows from its disk.raw"},
	{"authenticode", verb_authenticode, "authenticode FILE                            the digest by which firmware measures FILE"},
	{"measure", verb_measure, "measure [--app-compose FILE [--app-id HEX] [--pcr0 HEX]] UKI    predicted registers, as JSON"},
};

static int usage(void)
{
	fputs("usage:\n", stderr);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		fprintf(stderr, "  ukms-image %s\n", verbs[i].usage);
	return 2;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	return usage();
}
