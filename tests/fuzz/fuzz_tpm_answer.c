/* A TPM that answers whatever the input says: through tss2-sys, tss2-mu and what is parsed on top of them. Input: one octet that selects
 * the operation, then per command u16 length and the answer's body; the header is made here, with response code 0 unless the body is empty.
 */
#include <stdlib.h>
#include <string.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/rd.h"
#include "base/wr.h"
#include "drivers/tpm.h"

struct liar {
	TSS2_TCTI_CONTEXT_COMMON_V1 tcti; /* first: the TSS sees this */
	struct rd input;
	bool sessions; /* the command had an authorisation area */
};

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t n, const uint8_t *command)
{
	struct liar *l = (struct liar *)(void *)tcti;
	l->sessions = n > 1 && command[1] == 0x02;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *n, uint8_t *response, int32_t timeout)
{
	struct liar *l = (struct liar *)(void *)tcti;
	(void)timeout;
	if (!response) {
		*n = 4096;
		return TSS2_RC_SUCCESS;
	}
	struct wr w = wr_to(response, *n);
	struct rd body = rd_sub(&l->input, rd_u16be(&l->input));
	if (!rd_ok(&l->input))
		return TSS2_TCTI_RC_IO_ERROR;
	size_t len = body.left < 4000 ? body.left : 4000;
	wr_u16be(&w, len && l->sessions ? 0x8002 : 0x8001);
	wr_u32be(&w, (uint32_t)(10 + len));
	wr_u32be(&w, len ? 0 : TPM2_RC_FAILURE);
	wr_put(&w, rd_bytes(&body, len));
	*n = w.len;
	return wr_ok(&w) ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t block[1 << 16];
	static struct tpm tpm;
	struct diag d = {0};
	struct arena a = arena_over(block, sizeof block);
	struct liar l = {.tcti = {.version = 1, .transmit = transmit, .receive = receive}, .input = rd_from(SPAN(p, n))};
	uint8_t buffer[TPM_SEALED_MAX], secret[TPM_SECRET_MAX];
	struct tpm_quote quote;
	struct span out;
	uint64_t value;
	size_t len = 0;
	uint8_t op = rd_u8(&l.input);
	if (tpm_open_tcti(&tpm, &l, &d))
		abort();
	switch (op % 8) {
	case 0:
		(void)tpm_random(&tpm, secret, sizeof secret, &d);
		break;
	case 1:
		(void)tpm_pcr_read(&tpm, op / 8 % TPM_PCRS, secret, &d);
		break;
	case 2:
		if (tpm_nv_read(&tpm, &a, 0x01c10002, &out, &d) == 0 && out.n > TPM_NV_MAX)
			abort();
		break;
	case 3:
		(void)tpm_counter_read(&tpm, 0x01801102, &value, &d);
		break;
	case 4:
		if (tpm_seal(&tpm, 0x4005, SPAN_LIT("secret"), buffer, &len, &d) == 0 && len > sizeof buffer)
			abort();
		break;
	case 5: {
		struct span sealed = rd_bytes(&l.input, rd_u16be(&l.input));
		if (tpm_unseal(&tpm, 0x4005, sealed, secret, &len, &d) == 0 && (len == 0 || len > sizeof secret))
			abort();
		break;
	}
	case 6:
		memset(secret, 0, sizeof secret);
		if (tpm_quote(&tpm, &a, 0x4005, secret, &quote, &d) == 0 && (!quote.message.p || !quote.signature.p))
			abort();
		break;
	default:
		(void)tpm_ak_name_digest(&tpm, secret, &d);
		break;
	}
	tpm_close(&tpm);
	return 0;
}
