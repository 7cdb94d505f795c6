/* Who may use the admin listener (protocol section 2.4). */
#ifndef UKMS_KMS_RPC_ADMIN_AUTH_H
#define UKMS_KMS_RPC_ADMIN_AUTH_H

#include "kms/config/config.h"
#include "kms/server/http.h"

/* X-Admin-Token, Authorization: Bearer, or Basic whose user or password is the token, or whose user and password stand in the htpasswd
 * file. Compared in constant time. */
bool admin_allowed(const struct config *c, const struct http_request *req);

/* ERR_CONFIG unless there is a token, a password file or the explicit choice of none. */
int admin_check_config(const struct config *c, struct diag *d);

#endif
