/* RPC messages: first byte picks message and encoding. What decodes is encoded and decodes again to the same bytes. */
#include <stdlib.h>

#include "base/rd.h"
#include "kms/wire/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message *const messages[] = {&message_get_app_key_request,
						 &message_app_id,
						 &message_sign_cert_request,
						 &message_get_kms_key_request,
						 &message_onboard_request,
						 &message_clear_image_cache_request,
						 &message_get_meta_response,
						 &message_kms_key_response,
						 &message_sign_cert_response,
						 &message_attestation_info_response,
						 &message_empty,
						 &message_public_key_response};
enum { MESSAGES = sizeof messages / sizeof messages[0] };

typedef int (*decoder)(const struct message *m, struct arena *a, struct span in, void *out, struct diag *d);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const decoder decoders[] = {message_from_json, message_from_proto, message_from_form};
	_Alignas(16) uint8_t one[MESSAGE_SIZE_MAX], two[MESSAGE_SIZE_MAX];
	struct arena a;
	struct diag d;
	if (size == 0)
		return 0;
	const struct message *m = messages[data[0] % MESSAGES];
	if (arena_open(&a, 1 << 22))
		abort();
	if (decoders[data[0] / MESSAGES % 3](m, &a, SPAN(data + 1, size - 1), one, &d) == 0) {
		struct span json = message_to_json(m, &a, one), proto = message_to_proto(m, &a, one);
		if (proto.p && message_from_proto(m, &a, proto, two, &d) == 0) {
			struct span again = message_to_proto(m, &a, two);
			if (again.p && !span_eq(again, proto))
				abort();
		}
		int e = json.p ? message_from_json(m, &a, json, two, &d) : ERR_LIMIT;
		if (e == 0) {
			struct span again = message_to_json(m, &a, two);
			if (again.p && !span_eq(again, json))
				abort();
		} else if (e != ERR_LIMIT) {
			abort();
		}
	}
	arena_close(&a);
	return 0;
}
