/* struct key_storage over upstream's files in one directory (protocol section 9.1), replaced as a whole.
 *
 * A new set is written to DIR/.new, flushed, and renamed to DIR/.commit: that rename is the instant of change. Then each file is moved to
 * its place. load() finishes a move that was cut short and removes an unfinished .new, so after a crash the directory holds the old set or
 * the new one, in upstream's layout. Keys are 0600, the directory 0700. */
#ifndef UKMS_KMS_KEYS_CERT_DIR_H
#define UKMS_KMS_KEYS_CERT_DIR_H

#include "kms/keys/storage.h"

enum { CERT_DIR_PATH_MAX = 1024, CERT_DIR_FILE_MAX = 1 << 20 };

struct cert_dir {
	char path[CERT_DIR_PATH_MAX];
	bool head_kept; /* head is what the file audit-head holds */
	uint8_t head[AUDIT_HEAD_LEN];
};

/* ERR_CONFIG if the path is empty or too long. The directory is created when something is stored. */
int cert_dir_init(struct cert_dir *c, const char *path, struct diag *d);
/* c must outlive it. A file that is missing is an empty span; whether the rest is enough is the caller's to judge. */
struct key_storage cert_dir_storage(struct cert_dir *c);

/* The audit log's head in DIR/audit-head, as in struct key_storage; self is a struct cert_dir. */
int cert_dir_load_head(void *self, struct audit_head *out, struct diag *d);
int cert_dir_save_head(void *self, const struct audit_head *h, struct diag *d);

#endif
