#include "kms/auth/dev.h"

static int allow(void *self, struct arena *a, const struct boot_info *b, struct auth_decision *out, struct diag *d)
{
	const struct auth_dev *v = self;
	(void)a;
	(void)b;
	(void)d;
	*out = (struct auth_decision){true, SPAN_STR(v->gateway_app_id), SPAN_LIT("")};
	return 0;
}

static int info(void *self, struct arena *a, struct auth_info *out, struct diag *d)
{
	const struct auth_dev *v = self;
	(void)a;
	(void)d;
	*out = (struct auth_info){.gateway_app_id = SPAN_STR(v->gateway_app_id)};
	return 0;
}

struct auth_backend auth_dev_backend(struct auth_dev *v)
{
	return (struct auth_backend){allow, allow, info, true, v};
}
