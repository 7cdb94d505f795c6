/* The page of the onboard phase: one file, embedded, with the values of this machine filled in (protocol section 9.6). */
#ifndef UKMS_KMS_RPC_PAGE_H
#define UKMS_KMS_RPC_PAGE_H

#include "kms/rpc/rpc.h"

/* GET /. Values are read when the page is asked for; what cannot be had is named on the page. */
void page_serve(struct kms *k, const struct http_request *req, struct http_response *resp);

#endif
