/* Where the identity of a KMS lives: the files of cert_dir on a host, the sealed store in the image. All or nothing, at any instant. */
#ifndef UKMS_KMS_KEYS_STORAGE_H
#define UKMS_KMS_KEYS_STORAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "kms/keys/audit_head.h"

/* In upstream's order of writing (protocol section 9.1). */
enum key_file {
	KEY_BOOTSTRAP_INFO, /* bootstrap-info.json; may be empty */
	KEY_TMP_CA_KEY,
	KEY_ROOT_CA_KEY,
	KEY_RPC_KEY,
	KEY_ROOT_K256, /* 32 raw bytes */
	KEY_TMP_CA_CRT,
	KEY_ROOT_CA_CRT,
	KEY_RPC_CRT,
	KEY_RPC_DOMAIN,
	KEY_FILES
};

/* File names as in cert_dir, indexed by enum key_file. */
extern const char *const key_file_names[KEY_FILES];

struct key_files {
	struct span file[KEY_FILES]; /* contents; an empty span means absent */
};

struct key_storage {
	/* 0 with all spans empty: nothing was ever stored. An error: something is there and cannot be read or trusted; never treated as
	 * fresh. */
	int (*load)(void *self, struct arena *a, struct key_files *out, struct diag *d);
	/* Replaces the whole set. A crash at any instant leaves the old set or the new one. */
	int (*store)(void *self, const struct key_files *in, struct diag *d);
	/* Where the audit log stood. load_head: ERR_MISSING if nothing is known of it; another error: what is there cannot be trusted.
	 * save_head: one write at most, none if nothing changed; ERR_MISSING while nothing was stored yet. */
	int (*load_head)(void *self, struct audit_head *out, struct diag *d);
	int (*save_head)(void *self, const struct audit_head *h, struct diag *d);
	void *self;
};

#endif
