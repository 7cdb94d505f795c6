/* The Nitro Security Module, /dev/nsm. Requests and answers are CBOR. Source: attestation 5.1, image 5.6. */
#ifndef UKMS_DRIVERS_NSM_H
#define UKMS_DRIVERS_NSM_H

#include "base/arena.h"
#include "base/err.h"

enum { NSM_RESPONSE_MAX = 0x3000, NSM_PCR_LEN = 48 };

struct nsm {
	int fd;
};

/* ERR_MISSING if there is no such device. path NULL: /dev/nsm. */
int nsm_device_open(struct nsm *n, const char *path, struct diag *d);
void nsm_device_close(struct nsm *n);

/* Thread safe: one ioctl each. An answer {"Error": X} is ERR_IO "NSM: X"; anything but the answer to the question is ERR_INPUT. */

/* The COSE_Sign1 document with these 64 bytes as user_data. */
int nsm_device_attest(struct nsm *n, struct arena *a, const uint8_t user_data[64], struct span *document, struct diag *d);
int nsm_device_pcr(struct nsm *n, unsigned index, uint8_t out[NSM_PCR_LEN], struct diag *d);

/* The answers, apart from the device. */
int nsm_answer_attestation(struct span response, struct span *document, struct diag *d);
int nsm_answer_pcr(struct span response, uint8_t out[NSM_PCR_LEN], struct diag *d);

#endif
