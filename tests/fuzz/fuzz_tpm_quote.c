/* TPM quotes in a GCP container: TPMS_ATTEST, TPMT_SIGNATURE, PCR values and event log. Input: u16 lengths (little endian) of message,
 * signature and certificate, u8 counts of PCR values and log entries; then message, signature, certificate, 4+32 bytes per entry. */
#include "base/rd.h"
#include "kms/attest/tpm_quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_from(SPAN(data, size));
	struct pcr_value values[256];
	struct boot_event log[256];
	struct tpm_evidence t = {.pcrs = values, .log = log};
	struct tpms_attest q;
	struct x509 ak;
	struct diag d = {0};
	size_t message = rd_u16le(&r), signature = rd_u16le(&r), cert = rd_u16le(&r);
	t.pcr_count = rd_u8(&r);
	t.log_count = rd_u8(&r);
	t.message = rd_bytes(&r, message);
	t.signature = rd_bytes(&r, signature);
	t.ak_cert = rd_bytes(&r, cert);
	for (size_t i = 0; i < t.pcr_count; i++) {
		values[i].index = rd_u32le(&r);
		values[i].value = rd_bytes(&r, 32);
	}
	for (size_t i = 0; i < t.log_count; i++) {
		log[i].pcr = rd_u32le(&r);
		log[i].digest = rd_bytes(&r, 32);
	}
	if (tpms_attest_parse(t.message, &q, &d) && d.text[0] == 0)
		__builtin_trap();
	if (x509_parse(t.ak_cert, &ak, &d))
		ak = (struct x509){.key.type = X509_KEY_P256};
	tpm_quote_verify(&t, &ak, size & 1, &q, &d);
	return 0;
}
