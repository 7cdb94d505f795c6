/* The TDX guest: quotes from configfs-tsm, run-time measurement registers from sysfs.
 *
 * The kernel's interfaces are Documentation/ABI/testing/configfs-tsm-report and .../sysfs-devices-virtual-misc-tdx_guest.
 * Source: attestation 2.1. */
#ifndef UKMS_DRIVERS_TDX_H
#define UKMS_DRIVERS_TDX_H

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"

enum {
	TDX_REPORT_DATA = 64,
	TDX_RTMRS = 4,
	TDX_RTMR_LEN = 48,
	TDX_QUOTE_MIN = 1021, /* a quote header, a TD report body and a signature never fit in less */
	TDX_QUOTE_MAX = 8191  /* upstream's reader has a buffer of 8192 and refuses a full one; Google returns 8000, zero padded */
};

struct tdx {
	const char *report_dir; /* an entry below .../tsm/report; made when missing */
	const char *rtmr_dir;   /* holds rtmr0:sha384 .. rtmr3:sha384 */
	pthread_mutex_t lock;   /* one quote at a time */
};

/* Directories; NULL means the kernel's own places. They must outlive t. */
void tdx_init(struct tdx *t, const char *report_dir, const char *rtmr_dir);

/* A quote over report_data, exactly the bytes that the provider returned (padding included). Blocks for up to some seconds; thread safe.
 * ERR_MISSING: no TSM interface or no provider; ERR_UNSUPPORTED: the provider is not "tdx_guest..."; ERR_TIMEOUT; ERR_IO: the
 * interface failed or another user of the entry interfered (generation moved); ERR_INPUT: a quote of impossible size. */
int tdx_quote(struct tdx *t, struct arena *a, const uint8_t report_data[TDX_REPORT_DATA], struct span *quote, struct diag *d);

/* RTMR[index] = SHA-384(RTMR[index] || digest). index 0..3. */
int tdx_rtmr_extend(struct tdx *t, unsigned index, const uint8_t digest[TDX_RTMR_LEN], struct diag *d);
int tdx_rtmr_read(struct tdx *t, unsigned index, uint8_t out[TDX_RTMR_LEN], struct diag *d);

#endif
