/* The table of configuration keys. */
#ifndef UKMS_KMS_CONFIG_KEYS_H
#define UKMS_KMS_CONFIG_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_TEXT,
	CONFIG_BOOL,
	CONFIG_PORT,
	CONFIG_NUMBER,
	CONFIG_SECONDS,
	CONFIG_AUTH,
	CONFIG_LIST,
	CONFIG_NO_EFFECT /* known, and of no consequence here */
};

enum config_scope {
	CONFIG_ANYWHERE,
	CONFIG_PROCESS_ONLY, /* names a file of the host */
	CONFIG_SECRET        /* may come from .user-config: changes no decision */
};

struct config_key {
	const char *path;
	enum config_type type;
	enum config_scope scope;
	size_t offset;
	const char *text; /* default of a text */
	uint64_t number;  /* default of anything else */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
