/* verify-evidence: one request, from the command line or from a line of --batch, to one answer. */
#ifndef UKMS_KMS_TOOL_TOOL_H
#define UKMS_KMS_TOOL_TOOL_H

#include "base/json.h"
#include "kms/attest/attest.h"
#include "kms/tool/out.h"

enum { TOOL_HTTP_MAX = 256 };

struct tool_http {
	struct span url, file;
};

struct request {
	struct span id; /* JSON text, echoed */
	struct span file, kind, collateral, root_sgx, root_gcp, root_nitro, ask, vcek, profile, vm_config, quote;
	struct span ark_milan, ark_genoa, ark_turin;
	struct span expect_report_data, expect_qualifying_data; /* hex */
	const struct json *runtime_events, *event_log;          /* an array, or the name of a file that holds one */
	bool has_cose;                                          /* where a frame holds its document, if the caller says so */
	uint64_t cose_offset, cose_len;
	struct tool_http http[TOOL_HTTP_MAX];
	size_t http_count;
	bool has_now;
	uint64_t now;
	struct attest_rules relax;
};

struct tool {
	struct request req;
	struct arena *a;
	struct out out;
	struct attest_ctx ctx;
	struct span input; /* contents of req.file */
	struct diag diag;
	struct diag collateral_fault; /* why ctx.collateral could not be made; told when a quote asks for it */
	bool batch;                   /* differential tests: see show_image() */
	const char *stage;            /* of what failed: decode, quote, report-data, app-info, os-image, io */
	const char *result;           /* set by a kind that knows better than accept, reject and parsed */
};

/* Reads a request from a JSON object. ERR_INPUT names the member. */
int request_from_json(struct arena *a, struct span line, struct request *out, struct diag *d);
/* Sets one member by name, as --name VALUE does; http and ark are NAME=FILE. ERR_INPUT. */
int request_set(struct request *r, struct arena *a, const char *name, struct span value, struct diag *d);

/* A whole file of at most 64 MiB. ERR_IO. */
int tool_read_file(struct arena *a, struct span path, struct span *out, struct diag *d);
/* A JSON text of evidence, which may unfold into 8 MiB. ERR_INPUT, ERR_LIMIT. */
int tool_json(struct tool *t, struct span text, const struct json **out);
/* A certificate, DER or PEM, as DER. ERR_INPUT, ERR_LIMIT. */
int tool_der(struct arena *a, struct span text, struct span *out, struct diag *d);
/* The same of a file. */
int tool_read_der(struct arena *a, struct span path, struct span *out, struct diag *d);

/* Answers t->req: writes one JSON object to t->out and returns 0 (accepted or parsed) or a negative error (refused). */
int tool_answer(struct tool *t);

/* Sets t->stage and returns e. */
int tool_fail(struct tool *t, const char *stage, int e);

/* The kinds; each writes its members and returns 0 or the error behind t->stage. */
int kind_attestation(struct tool *t);      /* versioned-attestation */
int kind_quote_and_events(struct tool *t); /* quote-and-event-log: the old form */
int kind_certificate(struct tool *t);      /* ratls-certificate */
int kind_dcap(struct tool *t);             /* dcap-quote */
int kind_nsm(struct tool *t);              /* nitro-cose-sign1 */
int kind_framed_nsm(struct tool *t);       /* framed-nsm-response */
int kind_tpm(struct tool *t);              /* tpm-quote-json */
int kind_tpms_attest(struct tool *t);      /* tpms-attest */
int kind_ccel(struct tool *t);             /* ccel */
int kind_tpm_log(struct tool *t);          /* binary_bios_measurements */
int kind_event_log(struct tool *t);        /* dstack-event-log-json */
int kind_anchor(struct tool *t);           /* trust-anchor, intermediate-certificate */
int kind_formula(struct tool *t);          /* formula-table */
int kind_json(struct tool *t);             /* json */
int kind_snp(struct tool *t);              /* snp-report */

/* Runtime events in the JSON form {event, payload: hex}; j is an array or the name of a file with one. */
int tool_runtime_events(struct tool *t, const struct json *j, const struct runtime_event **out, size_t *count);
/* Members that every evidence answer shares. */
void tool_put_events(struct out *o, const struct runtime_event *events, size_t count);

#endif
