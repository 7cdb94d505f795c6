/* The app info extension 1.9: a MessagePack array of eight or nine members (protocol section 5.8). */
#ifndef UKMS_KMS_WIRE_APP_INFO_H
#define UKMS_KMS_WIRE_APP_INFO_H

#include "base/arena.h"
#include "base/err.h"

struct app_info {
	struct span app_id, compose_hash, instance_id, device_id, mr_system, mr_aggregated, os_image_hash, key_provider_info;
};

/* The eight-member form, which every reader takes. {NULL, 0} when the arena is full. */
struct span app_info_encode(struct arena *a, const struct app_info *i);
/* Either form; the ninth member (nil, or an array of bin) is checked and dropped. out borrows from bytes. ERR_INPUT. */
int app_info_decode(struct span bytes, struct app_info *out, struct diag *d);

#endif
