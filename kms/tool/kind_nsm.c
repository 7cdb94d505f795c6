#include "base/text.h"
#include "kms/attest/rules.h"
#include "kms/tool/show.h"
#include "kms/wire/cbor_tree.h"

static int nsm(struct tool *t, struct span cose)
{
	struct nsm_doc *doc = arena_alloc(t->a, sizeof *doc);
	uint8_t want[64], hash[32];
	int64_t expires;
	bool debug;
	if (!doc)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_LIMIT, "no memory left"));
	int e = nsm_parse(t->a, cose, doc, &t->diag);
	if (e)
		return tool_fail(t, "decode", e);
	show_nsm_doc(t, NULL, doc, cose.n);
	if (!t->req.has_now)
		return 0;
	e = nsm_verify(t->a, doc, t->ctx.anchors.aws_nitro_root, (int64_t)t->req.now,
		       !attest_rule_holds(&t->ctx.rules, RULE_NITRO_FRESHNESS), &expires, &t->diag);
	if (!e && t->req.expect_report_data.n) {
		if (hex_decode(t->req.expect_report_data, want, sizeof want) != (int)sizeof want)
			return tool_fail(t, "io", diag_fail(&t->diag, ERR_INPUT, "the expected report data is not 64 bytes of hex"));
		e = nsm_check_user_data(doc, want, &t->diag);
	}
	if (!e)
		e = nsm_image_hash(doc, hash, &debug, &t->diag);
	return e ? tool_fail(t, "quote", e) : 0;
}

int kind_nsm(struct tool *t)
{
	return nsm(t, t->input);
}

/* One COSE_Sign1 with other bytes around it: an array of four whose protected header is {1: -35}. */
int kind_framed_nsm(struct tool *t)
{
	static const uint8_t head[] = {0x84, 0x44, 0xa1, 0x01, 0x38, 0x22};
	struct rd r = rd_from(t->input);
	if (t->req.has_cose) {
		rd_skip(&r, (size_t)t->req.cose_offset);
		struct span cose = rd_bytes(&r, (size_t)t->req.cose_len);
		if (!rd_ok(&r))
			return tool_fail(t, "decode", diag_fail(&t->diag, ERR_INPUT, "the frame is shorter than that"));
		return nsm(t, cose);
	}
	struct nsm_doc *doc = arena_alloc(t->a, sizeof *doc);
	if (!doc)
		return tool_fail(t, "io", diag_fail(&t->diag, ERR_LIMIT, "no memory left"));
	int e = diag_fail(&t->diag, ERR_INPUT, "no COSE_Sign1 in the frame");
	for (; r.left >= sizeof head; rd_skip(&r, 1)) {
		if (memcmp(r.p, head, sizeof head) != 0)
			continue;
		struct span cose = SPAN(r.p, cbt_length(t->a, SPAN(r.p, r.left)));
		if (cose.n == 0 || (e = nsm_parse(t->a, cose, doc, &t->diag)))
			continue;
		out_u64(&t->out, "cose_offset", t->input.n - r.left);
		return nsm(t, cose);
	}
	return tool_fail(t, "decode", e);
}
