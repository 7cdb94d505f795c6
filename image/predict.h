/* What firmware will have measured when this image runs, from the image's bytes alone. Source: image specification 2.7, 8.2. */
#ifndef UKMS_IMAGE_PREDICT_H
#define UKMS_IMAGE_PREDICT_H

#include "base/err.h"
#include "base/span.h"
#include "base/wr.h"

struct predicted {
	uint8_t uki_sha256[32]; /* Authenticode */
	uint8_t uki_sha384[48];
	uint8_t gpt_sha256[32];
	uint8_t gpt_sha384[48];
	uint8_t google_pcr2[32];  /* separator, GPT, UKI */
	uint8_t google_rtmr1[48]; /* action, separator, GPT, UKI, ExitBootServices called, succeeded */
	uint8_t ovmf_pcr4[32];    /* action, separator, UKI */
	uint8_t ovmf_pcr5[32];    /* separator, GPT, ExitBootServices called, succeeded */
};

/* Errors: those of pe_authenticode(). */
int predict(struct span uki, struct predicted *out, struct diag *d);

/* What firmware, the image and app-compose.json make of a boot: the registers after all events of PID 1 (image 3.3, new list, version 1).
 */
struct predicted_boot {
	uint8_t pcr14[32];
	uint8_t rtmr3[48];
	uint8_t compose_hash[32];
};

/* compose: app-compose.json's bytes. app_id: 20 bytes, or empty for the first 20 of the compose hash. */
void predict_boot(struct span compose, struct span app_id, struct predicted_boot *out);

/* SHA-256(pcr0 || boot pcr || pcr14) */
void predict_aggregated(const uint8_t pcr0[32], const uint8_t boot_pcr[32], const uint8_t pcr14[32], uint8_t out[32]);

#endif
