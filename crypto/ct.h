/* Marks a value that was computed from secrets and may be known (a refusal, a retry). Only the constant-time test sees a difference:
 * there secrets are undefined memory, and a branch or an address that depends on one is reported. */
#ifndef UKMS_CRYPTO_CT_H
#define UKMS_CRYPTO_CT_H

#ifdef UKMS_CTIME
#include <valgrind/memcheck.h>
#define ct_public(p, n) VALGRIND_MAKE_MEM_DEFINED(p, n)
#else
#define ct_public(p, n) ((void)(p))
#endif

#endif
