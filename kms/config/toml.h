/* Upstream's configuration files: the part of TOML 1.0 that they use, read into the same tree as JSON.
 *
 * Understood: comments, [table] and [a.b] headers, bare, quoted and dotted keys, basic and literal strings on one line, decimal integers,
 * booleans, arrays of these on one or more lines, inline tables. Refused by name: multi-line strings, floats, dates, other bases, arrays of
 * tables. A key or table given twice is refused. */
#ifndef UKMS_KMS_CONFIG_TOML_H
#define UKMS_KMS_CONFIG_TOML_H

#include "base/json.h"

/* The root is an object; integers are JSON_NUMBER with their text in raw. ERR_INPUT "line N: ...", ERR_LIMIT. */
int toml_parse(struct arena *a, struct span text, const struct json **out, struct diag *d);

#endif
