/* The digest by which UEFI firmware measures a PE image, and by which verifiers know ours: Authenticode over an unsigned PE32+ file.
 * Source: image specification 2.6; Windows Authenticode Portable Executable Signature Format, "Calculating the PE Image Hash". */
#ifndef UKMS_IMAGE_PE_H
#define UKMS_IMAGE_PE_H

#include <bearssl.h>

#include "base/err.h"
#include "base/span.h"

/* Hashes file with h (br_sha256_vtable: 32 bytes to out; br_sha384_vtable: 48).
 *
 * Firmware, ukify, Google's tools and upstream's script agree about a file only if it has no certificate table, nothing behind its last
 * section and a length that is a multiple of 512; others are ERR_UNSUPPORTED. ERR_INPUT: no PE32+ file, or its headers or sections lie
 * outside of it or overlap. */
int pe_authenticode(struct span file, const br_hash_class *h, uint8_t *out, struct diag *d);

#endif
