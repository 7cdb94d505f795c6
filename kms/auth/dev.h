/* The dev backend: every boot is allowed (protocol section 10.5). Attestation and image checks still hold. */
#ifndef UKMS_KMS_AUTH_DEV_H
#define UKMS_KMS_AUTH_DEV_H

#include "kms/auth/auth.h"

struct auth_dev {
	const char *gateway_app_id;
};

/* v must outlive the backend. */
struct auth_backend auth_dev_backend(struct auth_dev *v);

#endif
