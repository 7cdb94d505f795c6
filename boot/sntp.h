/* Simple network time (RFC 4330 over RFC 5905's packet): one question, one answer. The answer is not authenticated; boot/clock.h says
 * what it may do. Times are microseconds since 1970. */
#ifndef UKMS_BOOT_SNTP_H
#define UKMS_BOOT_SNTP_H

#include "base/err.h"
#include "base/span.h"

enum { SNTP_LEN = 48, SNTP_PORT = 123 };

/* A question that carries nonce in place of our time, so that only who saw it can answer. */
void sntp_write(uint8_t out[SNTP_LEN], const uint8_t nonce[8]);

/* The offset to add to our clock. sent, received: our clock when the question left and the answer came.
 * ERR_INPUT: not an answer to nonce, or a server that says it does not know the time; ERR_LIMIT: it took more than a second. */
int sntp_read(struct span answer, const uint8_t nonce[8], int64_t sent, int64_t received, int64_t *offset, struct diag *d);

/* Asks one server (host byte order). ERR_TIMEOUT, ERR_IO and those above. */
int sntp_ask(uint32_t server, int timeout_ms, int64_t *offset, struct diag *d);

#endif
