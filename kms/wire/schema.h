/* How messages.c describes a message; shared by the three codecs. */
#ifndef UKMS_KMS_WIRE_SCHEMA_H
#define UKMS_KMS_WIRE_SCHEMA_H

#include "kms/wire/messages.h"

enum field_type {
	FIELD_BYTES,
	FIELD_STRING,
	FIELD_U32,
	FIELD_U64,
	FIELD_BOOL,
	FIELD_OPT_STRING,
	FIELD_OPT_U64,
	FIELD_MESSAGE, /* pointer to a sub-message */
	FIELD_STRINGS, /* struct list of struct span */
	FIELD_MESSAGES /* struct list of sub-messages */
};

struct field {
	const char *name;
	uint8_t number; /* 0: JSON only */
	uint8_t type;
	uint16_t offset;
	const struct message *sub;
};

enum { MESSAGE_FIELDS_MAX = 16 };

struct message {
	const char *name;
	const struct field *fields; /* ascending numbers, declaration order */
	size_t count;
	size_t size; /* of its struct */
	bool empty;  /* google.protobuf.Empty: JSON null, any input is accepted */
};

static inline const void *field_in(const void *msg, const struct field *f)
{
	return (const uint8_t *)msg + f->offset;
}

static inline void *field_out(void *msg, const struct field *f)
{
	return (uint8_t *)msg + f->offset;
}

#endif
