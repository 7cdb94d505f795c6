/* The paths of the three listeners (protocol sections 2.1, 2.2, 2.4): http_handlers whose ctx is struct kms. */
#ifndef UKMS_KMS_RPC_ROUTES_H
#define UKMS_KMS_RPC_ROUTES_H

#include "kms/rpc/rpc.h"

/* The version as clients and `ukms --version` are told it (protocol section 2.8). */
#define ROUTES_VERSION "v" UKMS_VERSION " (unknown)"
/* Header line of every main-phase answer. */
extern const char routes_version_header[];

void routes_main(void *ctx, const struct http_request *req, struct http_response *resp);
void routes_onboard(void *ctx, const struct http_request *req, struct http_response *resp);
void routes_admin(void *ctx, const struct http_request *req, struct http_response *resp);

#endif
