/* The files of the shared disk: app-compose.json, .instance_info and .sys-config.json, separated by NUL bytes. */
#include "base/rd.h"
#include "boot/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span part(struct rd *r)
{
	const uint8_t *end = r->left ? memchr(r->p, 0, r->left) : NULL;
	struct span s = rd_bytes(r, end ? (size_t)(end - r->p) : r->left);
	if (r->left)
		rd_skip(r, 1);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[1 << 20];
	struct arena a = arena_over(block, sizeof block);
	struct rd r = rd_from(SPAN(data, size));
	struct shared_files files = {0};
	struct manifest m;
	struct diag d = {0};
	files.compose = part(&r);
	files.instance_info = part(&r);
	files.sys_config = part(&r);
	if (manifest_read(&a, &files, &m, &d) != 0 && d.text[0] == 0)
		__builtin_trap();
	return 0;
}
