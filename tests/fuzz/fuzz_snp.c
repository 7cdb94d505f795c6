/* SEV-SNP evidence from outside: report, certificate entries, MrConfigV3 document, vm_config with its measurement document.
 *
 * Input: u16 lengths (little endian) of document and vm_config, u8 count of certificate entries and a u16 length for each; then report
 * (1184 bytes), document, vm_config, entries. */
#include "base/rd.h"
#include "kms/attest/snp.h"
#include "kms/attest/snp_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[1 << 20];
	static struct attest_ctx ctx;
	ctx.anchors = anchors_production;
	struct arena a = arena_over(block, sizeof block);
	struct rd r = rd_from(SPAN(data, size));
	size_t document_len = rd_u16le(&r), config_len = rd_u16le(&r), n = rd_u8(&r) % 4, len[4] = {0};
	for (size_t i = 0; i < n; i++)
		len[i] = rd_u16le(&r);
	struct span report = rd_bytes(&r, SNP_REPORT_LEN), document = rd_bytes(&r, document_len), config = rd_bytes(&r, config_len),
		    certs[4];
	for (size_t i = 0; i < n; i++)
		certs[i] = rd_bytes(&r, len[i]);

	struct snp_result out;
	struct diag d = {0};
	if (snp_verify(&ctx, &a, report, certs, n, document, 0, &out, &d) != 0 && d.text[0] == 0)
		__builtin_trap();

	/* The parts that a rule or a signature keeps the fuzzer away from. */
	struct mr_config_v3 c;
	struct snp_report parsed;
	struct span ask, vcek;
	mr_config_v3_parse(&a, document, &c, &d);
	if (n)
		snp_certs_unpack(&a, certs, n, &ask, &vcek, &d);
	if (snp_report_parse(report, &parsed, &d) == 0)
		snp_image_check(&a, &parsed, config, &d);
	arena_reset(&a);
	return 0;
}
