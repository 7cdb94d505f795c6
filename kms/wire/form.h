/* Fields of a query string. */
#ifndef UKMS_KMS_WIRE_FORM_H
#define UKMS_KMS_WIRE_FORM_H

#include "base/rd.h"

struct form_field {
	struct span name, value; /* as they stand in the query */
};

/* The next field of a query split on '&'; false at the end. A field without '=' has an empty value. */
bool form_next(struct rd *query, struct form_field *out);

#endif
