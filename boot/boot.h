/* The operating system around the service: what PID 1 does between the kernel and kms/service.h, and after it. */
#ifndef UKMS_BOOT_BOOT_H
#define UKMS_BOOT_BOOT_H

/* Runs the machine. Called by main() when this process is PID 1; ends the machine, never returns to its caller. */
_Noreturn void boot_main(void);

#endif
