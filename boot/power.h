/* How the machine ends. */
#ifndef UKMS_BOOT_POWER_H
#define UKMS_BOOT_POWER_H

#include "base/err.h"

/* Starts a thread that turns the machine off when its power button is pressed. ERR_MISSING if there is no button: then only the
 * hypervisor can end it, which the sealed store survives at any instant. */
int power_watch(struct diag *d);
/* Called by that thread before it turns the machine off. */
void power_before_off(void (*last)(void));

_Noreturn void power_off(const char *why);
_Noreturn void power_reboot(const char *why);

/* A machine that cannot serve stays up and says why, every half minute, so that whoever looks at the console finds it. */
_Noreturn void power_failed(const char *why);

#endif
