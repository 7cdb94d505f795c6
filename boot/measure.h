/* The measured events of a boot: exactly the list of image.md 3.3 (August 2026), version 1 digests. Nothing may be added, left out or
 * moved: operators predict mr_aggregated from it. */
#ifndef UKMS_BOOT_MEASURE_H
#define UKMS_BOOT_MEASURE_H

#include "boot/manifest.h"
#include "drivers/eventlog.h"

/* system-preparing: before anything from outside is read. Refuses (ERR_REFUSED) if this power cycle has measured events already. */
int measure_begin(struct eventlog *log, struct diag *d);
/* app-id ... boot-mr-done. instance_id: 20 bytes, or an empty span. */
int measure_launch(struct eventlog *log, const struct manifest *m, struct span instance_id, struct diag *d);
/* key-provider, storage-fs, system-ready: after the sealed store was opened. From here on nothing can be unsealed in this boot. */
int measure_end(struct eventlog *log, const struct manifest *m, struct diag *d);

#endif
