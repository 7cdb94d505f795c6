#include "boot/power.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "boot/console.h"

enum { BUTTONS_MAX = 8, INPUTS_MAX = 16, REMIND_S = 30 };

static _Atomic(void (*)(void)) last_thing;

static struct {
	struct pollfd fd[BUTTONS_MAX];
	nfds_t count;
} buttons;

_Noreturn static void end(int how, const char *what, const char *why)
{
	console_line("%s reason=\"%s\"", what, why);
	fsync(STDOUT_FILENO);
	usleep(200000); /* the serial port still holds the reason */
	sync();
	reboot(how);
	for (;;)
		pause();
}

void power_off(const char *why)
{
	end(RB_POWER_OFF, "power off", why);
}

void power_reboot(const char *why)
{
	end(RB_AUTOBOOT, "reboot", why);
}

void power_failed(const char *why)
{
	for (;;) {
		console_line("failed: %s", why);
		sleep(REMIND_S);
	}
}

static int open_button(unsigned number)
{
	char path[32];
	uint8_t keys[KEY_MAX / 8 + 1] = {0};
	snprintf(path, sizeof path, "/dev/input/event%u", number);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) > 0 && keys[KEY_POWER / 8] & 1 << KEY_POWER % 8)
		return fd;
	close(fd);
	return -1;
}

void power_before_off(void (*last)(void))
{
	last_thing = last;
}

static void button_pressed(void)
{
	void (*last)(void) = last_thing;
	if (last)
		last();
	power_off("power button");
}

static void *watch(void *unused)
{
	(void)unused;
	for (;;) {
		if (poll(buttons.fd, buttons.count, -1) < 0 && errno != EINTR)
			return NULL;
		for (nfds_t i = 0; i < buttons.count; i++) {
			struct input_event event;
			if (!(buttons.fd[i].revents & POLLIN))
				continue;
			if (read(buttons.fd[i].fd, &event, sizeof event) == sizeof event && event.type == EV_KEY &&
			    event.code == KEY_POWER && event.value == 1)
				button_pressed();
		}
	}
}

int power_watch(struct diag *d)
{
	pthread_t thread;
	reboot(RB_DISABLE_CAD);
	for (unsigned i = 0; i < INPUTS_MAX && buttons.count < BUTTONS_MAX; i++) {
		int fd = open_button(i);
		if (fd >= 0)
			buttons.fd[buttons.count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	if (buttons.count == 0)
		return diag_fail(d, ERR_MISSING, "no power button");
	int e = pthread_create(&thread, NULL, watch, NULL);
	if (e)
		return diag_fail(d, ERR_IO, "power button thread: %s", strerror(e));
	pthread_detach(thread);
	return 0;
}
