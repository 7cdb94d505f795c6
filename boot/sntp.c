#include "boot/sntp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/rd.h"
#include "base/wr.h"
#include "crypto/random.h"

enum { MODE_CLIENT = 3, MODE_SERVER = 4, VERSION = 4, LEAP_UNKNOWN = 3, STRATUM_MAX = 15, DELAY_MAX_US = 1000000 };

/* Seconds from 1900 to 1970; the era that began in 2036 continues it. */
static const uint32_t epoch = 2208988800U;

void sntp_write(uint8_t out[SNTP_LEN], const uint8_t nonce[8])
{
	struct wr w = wr_to(out, SNTP_LEN);
	wr_u8(&w, VERSION << 3 | MODE_CLIENT);
	wr_zero(&w, 39);
	wr_bytes(&w, nonce, 8);
}

/* A 64-bit NTP time as microseconds since 1970, in 1970..2106. */
static int64_t ntp_time(struct rd *r)
{
	uint32_t seconds = rd_u32be(r) - epoch, fraction = rd_u32be(r);
	return (int64_t)seconds * 1000000 + (int64_t)((uint64_t)fraction * 1000000 >> 32);
}

int sntp_read(struct span answer, const uint8_t nonce[8], int64_t sent, int64_t received, int64_t *offset, struct diag *d)
{
	struct rd r = rd_from(answer);
	uint8_t flags = rd_u8(&r), stratum = rd_u8(&r);
	rd_skip(&r, 22);
	struct span originate = rd_bytes(&r, 8);
	int64_t arrived = ntp_time(&r), left = ntp_time(&r);
	if (!rd_ok(&r) || (flags & 7) != MODE_SERVER || !span_eq(originate, SPAN(nonce, 8)))
		return diag_fail(d, ERR_INPUT, "NTP: not an answer to our question");
	if (flags >> 6 == LEAP_UNKNOWN || stratum == 0 || stratum > STRATUM_MAX || left < arrived)
		return diag_fail(d, ERR_INPUT, "NTP: the server does not know the time");
	if (received < sent || received - sent > DELAY_MAX_US)
		return diag_fail(d, ERR_LIMIT, "NTP: the answer took too long");
	if (left - arrived > received - sent)
		return diag_fail(d, ERR_INPUT, "NTP: the server kept the question for longer than we waited");
	*offset = (arrived - sent + (left - received)) / 2;
	return 0;
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int sntp_ask(uint32_t server, int timeout_ms, int64_t *offset, struct diag *d)
{
	uint8_t nonce[8], question[SNTP_LEN], answer[256];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(SNTP_PORT), .sin_addr.s_addr = htonl(server)};
	random_bytes(nonce, sizeof nonce);
	sntp_write(question, nonce);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), e;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int64_t sent = now_us();
	ssize_t n = -1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || send(fd, question, SNTP_LEN, 0) != SNTP_LEN)
		e = diag_fail(d, ERR_IO, "NTP: %s", strerror(errno));
	else if (poll(&wait, 1, timeout_ms) <= 0)
		e = diag_fail(d, ERR_TIMEOUT, "NTP: no answer");
	else if ((n = recv(fd, answer, sizeof answer, 0)) < 0)
		e = diag_fail(d, ERR_IO, "NTP: %s", strerror(errno));
	else
		e = sntp_read(SPAN(answer, (size_t)n), nonce, sent, now_us(), offset, d);
	if (fd >= 0)
		close(fd);
	return e;
}
