// SPDX-License-Identifier: GPL-2.0-only
/*
 * settings.c - the module's parameters and limits are what they were when a program ends
 *
 * The cases of a harness are processes that leave by _exit(), whatever they had for exit() to
 * do. So the program itself remembers at its start, before any of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
	{ .name = "fault_around_max" },
	{ .name = "fill_around_pages" },
};

static struct uvmem_pool pool = { .size = sizeof(pool) };
static pid_t owner;

static int open_setting(const struct setting *s, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/kvm_uvmem/parameters/%s", s->name);
	return open(path, flags | O_CLOEXEC);
}

/* Of the pool and of the sealed pool. */
static void restore_limits(void)
{
	struct uvmem_sealed_pool sealed = {
		.size = sizeof(sealed), .limit = pool.sealed_pool_limit,
	};
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = pool.frames_limit };
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0 || !pool.frames_limit)
		return;
	/* Memory of a carve-out that has failed is not there any more. */
	if (ioctl(fd, UVMEM_SET_POOL_LIMIT, &limit) && errno != EINVAL)
		perror("UVMEM_SET_POOL_LIMIT");
	if (ioctl(fd, UVMEM_SET_SEALED_POOL, &sealed))
		perror("UVMEM_SET_SEALED_POOL");
	close(fd);
}

static void save_limits(void)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (ioctl(fd, UVMEM_GET_POOL, &pool))
		pool.frames_limit = 0;
	close(fd);
}

static void restore_parameters(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		fd = *settings[i].value ? open_setting(&settings[i], O_WRONLY) : -1;
		if (fd < 0)
			continue;
		if (write(fd, settings[i].value, strlen(settings[i].value)) < 0)
			perror(settings[i].name);
		close(fd);
	}
}

/* Failures are somebody else's to tell: not every program needs the module, or root. */
static void restore(void)
{
	if (getpid() != owner)
		return;
	restore_limits();
	restore_parameters();
}

static void __attribute__((constructor)) save(void)
{
	unsigned int i;
	ssize_t len;
	int fd;

	owner = getpid();
	save_limits();
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
