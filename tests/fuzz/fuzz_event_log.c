/* The old form's JSON event log, and vm_config with a checksum file, as a request carries them. */
#include "kms/attest/evidence.h"
#include "kms/attest/vm_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[16 << 20];
	struct arena a = arena_over(block, sizeof block);
	struct span in = SPAN(data, size);
	const struct tdx_event *events;
	struct vm_config cfg;
	struct diag d = {0};
	size_t n;
	if (tdx_events_parse_json(&a, in, &events, &n, &d) && d.text[0] == 0)
		__builtin_trap();
	for (int unwrap = 0; unwrap < 2; unwrap++)
		if (vm_config_parse(&a, in, unwrap, &cfg, &d) == 0 && cfg.gcp.present)
			release_bind(cfg.os_image_hash, cfg.gcp.checksum_file, cfg.gcp.measurement, "measurement.gcp.cbor", &d);
	return 0;
}
