/* ukms verify-evidence: shows what evidence proves, or the step that refused it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rd.h"
#include "base/text.h"
#include "kms/tool/tool.h"
#include "kms/verbs.h"

enum { ARENA_SIZE = 512 * 1024 * 1024, OUT_SIZE = 32 * 1024 * 1024 };

static const char usage_text[] = "usage: ukms verify-evidence FILE --kind KIND [--now SECONDS] [OPTION...]\n"
				 "       ukms verify-evidence --batch\n"
				 "\n"
				 "Without --now the evidence is taken apart and nothing is verified. Times are\n"
				 "seconds since the epoch. --batch reads one JSON request per line and writes one\n"
				 "answer per line.\n"
				 "  --kind KIND           versioned-attestation, quote-and-event-log,\n"
				 "                        ratls-certificate, dcap-quote, nitro-cose-sign1,\n"
				 "                        tpm-quote-json, tpms-attest, snp-report, ccel,\n"
				 "                        binary_bios_measurements, dstack-event-log-json,\n"
				 "                        trust-anchor, intermediate-certificate,\n"
				 "                        framed-nsm-response, formula-table, json\n"
				 "  --json                one line of JSON instead of a line per field\n"
				 "  --collateral FILE     DCAP collateral, JSON\n"
				 "  --root-sgx FILE, --root-gcp FILE, --root-nitro FILE\n"
				 "                        another trust anchor, DER or PEM\n"
				 "  --ark PRODUCT=FILE    another AMD root: Milan, Genoa or Turin\n"
				 "  --ask FILE, --vcek FILE\n"
				 "                        what AMD's key distribution service would have answered\n"
				 "  --http URL=FILE       a document that would have been fetched\n"
				 "  --profile aug|jan     the rules of August 2026 (default) or January 2026\n"
				 "  --relax RULE          leave one rule out, by name\n"
				 "  --vm-config TEXT      the configuration of the request\n"
				 "  --expect-report-data HEX, --expect-qualifying-data HEX\n"
				 "  --runtime-events FILE, --event-log FILE, --quote FILE\n";

/* The answer as lines "name.name: value". */
static void print_flat(const struct json *j, char *path, size_t len, size_t cap)
{
	if (j->type != JSON_OBJECT && j->type != JSON_ARRAY) {
		struct span v = j->type == JSON_STRING ? j->str : j->raw;
		printf("%.*s: %.*s\n", (int)len, path, SPAN_FMT(v));
		return;
	}
	size_t i = 0;
	for (const struct json *k = j->kids; k; k = k->next, i++) {
		const char *dot = len ? "." : "";
		int n = j->type == JSON_OBJECT ? snprintf(path + len, cap - len, "%s%.*s", dot, SPAN_FMT(k->key))
					       : snprintf(path + len, cap - len, "%s%zu", dot, i);
		if (n > 0 && (size_t)n < cap - len)
			print_flat(k, path, len + (size_t)n, cap);
	}
}

/* An answer that says no more than that there is none. */
static void refuse(struct tool *t, const char *why)
{
	t->out = (struct out){.w = wr_to(t->out.w.p, OUT_SIZE)};
	out_open(&t->out, NULL);
	if (t->req.id.n)
		out_raw(&t->out, "id", t->req.id);
	out_text(&t->out, "result", SPAN_LIT("reject"));
	out_text(&t->out, "stage", SPAN_LIT("io"));
	out_text(&t->out, "error", SPAN_STR(why));
	out_close(&t->out);
}

/* One line of JSON. What else Unicode calls the end of a line stands in strings only, and is escaped: some readers cut at it. */
static void print_line(struct span answer)
{
	static const struct {
		const char *bytes, *escaped;
	} ends[] = {{"\xc2\x85", "\\u0085"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}};
	struct rd r = rd_from(answer), plain = r;
	while (r.left) {
		uint8_t c = rd_peek(&r);
		size_t k = c == 0xc2 || c == 0xe2 ? 0 : 3;
		while (k < 3 && !span_starts(SPAN(r.p, r.left), ends[k].bytes))
			k++;
		if (k == 3) {
			rd_skip(&r, 1);
			continue;
		}
		struct span before = rd_bytes(&plain, plain.left - r.left);
		fwrite(before.p, 1, before.n, stdout);
		fputs(ends[k].escaped, stdout);
		rd_skip(&r, strlen(ends[k].bytes));
		plain = r;
	}
	struct span rest = rd_rest(&plain);
	fwrite(rest.p, 1, rest.n, stdout);
	putchar('\n');
	fflush(stdout);
}

static int finish(struct tool *t, bool json)
{
	int e = tool_answer(t);
	const struct json *j;
	char path[512];
	if (!wr_ok(&t->out.w)) {
		refuse(t, "the answer is too long");
		e = ERR_LIMIT;
	}
	if (json)
		print_line(wr_span(&t->out.w));
	else if (json_parse(t->a, wr_span(&t->out.w), &j, NULL) == 0)
		print_flat(j, path, 0, sizeof path);
	fflush(stdout);
	return e ? 1 : 0;
}

static void start(struct tool *t, struct arena *a, uint8_t *buf)
{
	*t = (struct tool){.a = a, .out = {.w = wr_to(buf, OUT_SIZE)}};
}

static int batch(struct arena *a, uint8_t *buf)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	struct tool t;
	while ((n = getline(&line, &cap, stdin)) > 0) {
		start(&t, a, buf);
		t.batch = true;
		if (strspn(line, " \t\r\n") == (size_t)n)
			continue;
		int e = request_from_json(a, SPAN(line, (size_t)n), &t.req, &t.diag);
		if (e) {
			refuse(&t, t.diag.text);
			print_line(wr_span(&t.out.w));
		} else {
			finish(&t, true);
		}
		arena_reset(a);
	}
	free(line);
	return 0;
}

static int single(struct arena *a, uint8_t *buf, int argc, char **argv)
{
	struct tool t;
	bool json = false;
	start(&t, a, buf);
	for (int i = 1; i < argc; i++) {
		char name[64];
		int e = 0;
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
			continue;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			t.req.file = SPAN_STR(argv[i]);
			continue;
		}
		snprintf(name, sizeof name, "%s", argv[i] + 2);
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		if (i + 1 == argc)
			e = diag_fail(&t.diag, ERR_INPUT, "%s wants a value", argv[i]);
		else
			e = request_set(&t.req, a, name, SPAN_STR(argv[i + 1]), &t.diag);
		if (e) {
			fprintf(stderr, "ukms: %s\n%s", t.diag.text, usage_text);
			return 2;
		}
		i++;
	}
	if (t.req.file.n == 0 || t.req.kind.n == 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	return finish(&t, json);
}

int verb_verify_evidence(int argc, char **argv)
{
	struct arena a;
	uint8_t *buf = malloc(OUT_SIZE);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage_text, stdout);
		free(buf);
		return 0;
	}
	if (!buf || arena_open(&a, ARENA_SIZE) != 0) {
		free(buf);
		fputs("ukms: no memory\n", stderr);
		return 1;
	}
	int status = argc == 2 && strcmp(argv[1], "--batch") == 0 ? batch(&a, buf) : single(&a, buf, argc, argv);
	arena_close(&a);
	free(buf);
	return status;
}
