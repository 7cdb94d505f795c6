/* NSM documents: COSE_Sign1 around CBOR, and CBOR alone. */
#include "kms/attest/nsm.h"
#include "kms/wire/cbor_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every item's encoding lies inside its parent's. */
static void walk(const struct cbt *n)
{
	for (const struct cbt *k = n->kids; k; k = k->next) {
		if (k->raw.p < n->raw.p || k->raw.p + k->raw.n > n->raw.p + n->raw.n)
			__builtin_trap();
		walk(k);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[4 << 20];
	struct arena a = arena_over(block, sizeof block);
	struct span in = SPAN(data, size);
	static struct nsm_doc doc;
	const struct cbt *tree;
	uint8_t hash[32];
	int64_t expires;
	bool debug;
	struct diag d = {0};
	if (cbt_parse(&a, in, &tree, &d) == 0)
		walk(tree);
	if (nsm_parse(&a, in, &doc, &d)) {
		if (d.text[0] == 0)
			__builtin_trap();
		return 0;
	}
	nsm_image_hash(&doc, hash, &debug, &d);
	nsm_verify(&a, &doc, anchors_production.aws_nitro_root, 1766678659, true, &expires, &d);
	return 0;
}
