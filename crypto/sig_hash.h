/* Hashes of signatures as BearSSL knows them; inside crypto/ only. */
#ifndef UKMS_CRYPTO_SIG_HASH_H
#define UKMS_CRYPTO_SIG_HASH_H

#include <bearssl.h>

#include "crypto/sig.h"

const br_hash_class *sig_hash_class(enum sig_hash h);

#endif
