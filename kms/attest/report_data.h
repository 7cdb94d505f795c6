/* report_data with a chosen hash (attestation specification 8). */
#ifndef UKMS_KMS_ATTEST_REPORT_DATA_H
#define UKMS_KMS_ATTEST_REPORT_DATA_H

#include "kms/attest/attest.h"

/* H(tag || ":" || content), padded with zeros to 64 bytes. hash: sha256, sha384, sha512 (also ""), sha3-256, sha3-384, sha3-512, keccak256,
 * keccak384, keccak512, or raw: content itself, which must have 64 bytes. ERR_INPUT. */
int report_data_hashed(struct span tag, struct span content, struct span hash, uint8_t out[64], struct diag *d);

#endif
