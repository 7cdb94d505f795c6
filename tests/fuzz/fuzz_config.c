/* Configuration: the first byte picks TOML file, JSON file, measured JSON or .user-config. */
#include <stdlib.h>

#include "base/log.h"
#include "kms/config/config.h"
#include "kms/config/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct config c;
	struct diag d;
	const struct json *doc;
	if (size == 0)
		return 0;
	log_set_level(LOG_ERROR);
	struct span text = SPAN(data + 1, size - 1);
	if (arena_open(&a, 1 << 24))
		abort();
	config_defaults(&c);
	unsigned kind = data[0] % 4;
	if (kind == 3) {
		config_merge_user(&c, &a, text, &d);
	} else if ((kind == 0 ? toml_parse : json_parse)(&a, text, &doc, &d) == 0) {
		if (config_merge(&c, &a, kind == 2 ? CONFIG_MEASURED : CONFIG_FILE, "x", doc, &d) == 0)
			config_check(&c, &d);
	}
	arena_close(&a);
	return 0;
}
