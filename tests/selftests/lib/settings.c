// SPDX-License-Identifier: GPL-2.0-only
/*
 * settings.c - the module's parameters are what they were when a program ends
 *
 * The cases of a harness are processes that leave by _exit(), whatever they had for exit() to
 * do. So the program itself remembers at its start, before any of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

static struct setting {
	const char *name;
	char value[UVMEM_PARAM_LEN];
} settings[] = {
	{ .name = "watermark_low" },
	{ .name = "watermark_high" },
	{ .name = "sealed_pool_write_out" },
	{ .name = "min_residency_ms" },
	{ .name = "fault_around_pages" },
	{ .name = "fill_around_pages" },
};

static pid_t owner;

static int open_setting(const struct setting *s, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/kvm_uvmem/parameters/%s", s->name);
	return open(path, flags | O_CLOEXEC);
}

/* Failures are somebody else's to tell: not every program needs the module, or root. */
static void restore(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(settings) && getpid() == owner; i++) {
		fd = *settings[i].value ? open_setting(&settings[i], O_WRONLY) : -1;
		if (fd < 0)
			continue;
		if (write(fd, settings[i].value, strlen(settings[i].value)) < 0)
			perror(settings[i].name);
		close(fd);
	}
}

static void __attribute__((constructor)) save(void)
{
	unsigned int i;
	ssize_t len;
	int fd;

	owner = getpid();
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		fd = open_setting(&settings[i], O_RDONLY);
		if (fd < 0)
			continue;
		len = read(fd, settings[i].value, UVMEM_PARAM_LEN - 1);
		settings[i].value[len > 0 ? len : 0] = 0;
		close(fd);
	}
	atexit(restore);
}
