/* crypt(3) of musl. The functions are in its libc; Debian's musl-dev leaves the header out. Layout: musl, include/crypt.h. */
#ifndef UKMS_REPRODUCIBLE_MUSL_CRYPT_H
#define UKMS_REPRODUCIBLE_MUSL_CRYPT_H

struct crypt_data {
	int initialized;
	char __buf[256];
};

char *crypt(const char *key, const char *salt);
char *crypt_r(const char *key, const char *salt, struct crypt_data *data);

#endif
