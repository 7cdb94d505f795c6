/* A real software TPM for unit tests: starts swtpm on a socket in a new directory, and speaks to it as a TSS transport. */
#ifndef UKMS_TESTS_UNIT_SWTPM_H
#define UKMS_TESTS_UNIT_SWTPM_H

#include "tests/unit/test.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include "drivers/tpm.h"

struct swtpm {
	TSS2_TCTI_CONTEXT_COMMON_V1 tcti; /* first: the TSS sees this */
	char dir[64];
	pid_t pid;
	int fd;
	uint32_t cut_command; /* this command is never delivered: the machine lost its power just before. 0: none */
	uint8_t answer[4096];
	size_t answered;
};

static TSS2_RC swtpm_transmit(TSS2_TCTI_CONTEXT *tcti, size_t n, const uint8_t *command)
{
	struct swtpm *s = (struct swtpm *)(void *)tcti;
	uint32_t code = n >= 10 ? (uint32_t)command[6] << 24 | (uint32_t)command[7] << 16 | (uint32_t)command[8] << 8 | command[9] : 0;
	s->answered = 0;
	if (s->cut_command != 0 && code == s->cut_command)
		return TSS2_TCTI_RC_IO_ERROR;
	return write(s->fd, command, n) == (ssize_t)n ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

static TSS2_RC swtpm_receive(TSS2_TCTI_CONTEXT *tcti, size_t *n, uint8_t *response, int32_t timeout)
{
	struct swtpm *s = (struct swtpm *)(void *)tcti;
	(void)timeout;
	if (s->answered == 0) {
		size_t want = 10;
		while (s->answered < want) {
			ssize_t got = read(s->fd, s->answer + s->answered, want - s->answered);
			if (got <= 0)
				return TSS2_TCTI_RC_IO_ERROR;
			s->answered += (size_t)got;
			if (s->answered == 10) {
				want = (size_t)s->answer[2] << 24 | (size_t)s->answer[3] << 16 | (size_t)s->answer[4] << 8 | s->answer[5];
				if (want < 10 || want > sizeof s->answer)
					return TSS2_TCTI_RC_MALFORMED_RESPONSE;
			}
		}
	}
	if (!response) {
		*n = s->answered;
		return TSS2_RC_SUCCESS;
	}
	if (*n < s->answered)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, s->answer, s->answered);
	*n = s->answered;
	return TSS2_RC_SUCCESS;
}

/* Starts it with the state that dir holds; PCRs are as after a power cycle. */
static inline void swtpm_start(struct swtpm *s)
{
	char state[128], server[128], control[128];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(state, sizeof state, "dir=%s,mode=0600", s->dir);
	snprintf(server, sizeof server, "type=unixio,path=%s/s", s->dir);
	snprintf(control, sizeof control, "type=unixio,path=%s/s.ctrl", s->dir);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/s", s->dir);
	unlink(at.sun_path);
	s->pid = fork();
	if (s->pid == 0) {
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control, "--flags",
		       "not-need-init,startup-clear", "--terminate", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 500; i++) {
		s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(s->fd, (struct sockaddr *)&at, sizeof at) == 0) {
			s->tcti = (TSS2_TCTI_CONTEXT_COMMON_V1){.version = 1, .transmit = swtpm_transmit, .receive = swtpm_receive};
			return;
		}
		close(s->fd);
		usleep(10000);
	}
	fail_msg("swtpm does not start (is it installed?)");
}

static inline void swtpm_stop(struct swtpm *s)
{
	close(s->fd);
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
}

static inline void swtpm_create(struct swtpm *s)
{
	memset(s, 0, sizeof *s);
	strcpy(s->dir, "/tmp/ukms-swtpm-XXXXXX");
	if (!mkdtemp(s->dir))
		fail_msg("cannot make a directory below /tmp");
	swtpm_start(s);
}

static inline void swtpm_destroy(struct swtpm *s)
{
	char command[128];
	swtpm_stop(s);
	snprintf(command, sizeof command, "rm -rf %s", s->dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left behind\n", s->dir);
}

/* A power cycle of the machine: the TPM keeps what is non-volatile and starts with fresh PCRs. */
static inline void swtpm_power_cycle(struct swtpm *s, struct tpm *tpm)
{
	struct diag d = {0};
	tpm_close(tpm);
	swtpm_stop(s);
	swtpm_start(s);
	if (tpm_open_tcti(tpm, s, &d))
		fail_msg("%s", d.text);
}

/* The machine of a test program: its TPM, and what was said last. */
static struct swtpm sw;
static struct tpm tpm;
static struct diag d;

static inline int swtpm_setup(void **state)
{
	(void)state;
	swtpm_create(&sw);
	return tpm_open_tcti(&tpm, &sw, &d);
}

static inline int swtpm_teardown(void **state)
{
	(void)state;
	tpm_close(&tpm);
	swtpm_destroy(&sw);
	return 0;
}

/* 0, or the test fails with the sentence. */
#define assert_done(call)                                                                                                                  \
	do {                                                                                                                               \
		diag_clear(&d);                                                                                                            \
		int r_ = (call);                                                                                                           \
		if (r_)                                                                                                                    \
			fail_msg("%s:%d: %s: %d: %s", __FILE__, __LINE__, #call, r_, d.text);                                              \
	} while (0)

/* Fails with that error, and with a sentence that contains words. */
#define assert_fails(call, error, words)                                                                                                   \
	do {                                                                                                                               \
		diag_clear(&d);                                                                                                            \
		int r_ = (call);                                                                                                           \
		if (r_ != (error) || !strstr(d.text, (words)))                                                                             \
			fail_msg("%s:%d: %s: got %d \"%s\", want %d \"%s\"", __FILE__, __LINE__, #call, r_, d.text, (error), (words));     \
	} while (0)

#endif
