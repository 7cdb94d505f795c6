#include "kms/wire/app_info.h"

#include "kms/wire/msgpack.h"

enum { MEMBERS = 8, MEASUREMENT = 32 };

struct span app_info_encode(struct arena *a, const struct app_info *i)
{
	const struct span members[MEMBERS] = {i->app_id,    i->compose_hash,  i->instance_id,   i->device_id,
					      i->mr_system, i->mr_aggregated, i->os_image_hash, i->key_provider_info};
	size_t cap = 1;
	for (size_t k = 0; k < MEMBERS; k++)
		cap += members[k].n + 5;
	uint8_t *p = arena_alloc(a, cap);
	if (!p)
		return SPAN(NULL, 0);
	struct wr w = wr_to(p, cap);
	msgpack_put_array(&w, MEMBERS);
	for (size_t k = 0; k < MEMBERS; k++)
		msgpack_put_bin(&w, members[k]);
	return wr_ok(&w) ? wr_span(&w) : SPAN(NULL, 0);
}

int app_info_decode(struct span bytes, struct app_info *out, struct diag *d)
{
	struct rd r = rd_from(bytes);
	size_t n = msgpack_array(&r);
	struct span *const members[MEMBERS] = {&out->app_id,    &out->compose_hash,  &out->instance_id,   &out->device_id,
					       &out->mr_system, &out->mr_aggregated, &out->os_image_hash, &out->key_provider_info};
	if (n != MEMBERS && n != MEMBERS + 1)
		rd_fail(&r);
	for (size_t k = 0; k < MEMBERS; k++)
		*members[k] = msgpack_bin(&r);
	if (n == MEMBERS + 1 && !msgpack_nil(&r))
		for (size_t left = msgpack_array(&r); left && rd_ok(&r); left--)
			msgpack_bin(&r);
	if (!rd_done(&r) || out->mr_system.n != MEASUREMENT || out->mr_aggregated.n != MEASUREMENT)
		return diag_fail(d, ERR_INPUT, "Failed to decode app info from cert extension");
	return 0;
}
