/* Apache password files with bcrypt hashes ("user:$2y$05$..."). */
#ifndef UKMS_KMS_RPC_HTPASSWD_H
#define UKMS_KMS_RPC_HTPASSWD_H

#include "base/arena.h"

/* true if the file has a line for user whose bcrypt hash ($2a$, $2b$, $2y$) is that of password. Lines of other kinds never match. */
bool htpasswd_allows(struct arena *a, const char *path, struct span user, struct span password);

#endif
