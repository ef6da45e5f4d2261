// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - the device and the whole pool: see vm.h
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "vm.h"

int uvmem_dev(void)
{
	static int fd = -1;
	static pid_t owner;

	/* Not the file of the parent: who opened it may matter. */
	if (fd < 0 || owner != getpid()) {
		fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC);
		TEST_ASSERT(fd >= 0, "no %s (%s): is kvm-uvmem.ko loaded?",
			    UVMEM_DEVICE_PATH, strerror(errno));
		owner = getpid();
	}
	return fd;
}

int uvmem_try(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

struct uvmem_pool uvmem_get_pool(void)
{
	struct uvmem_pool pool = { .size = sizeof(pool) };

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_GET_POOL, &pool),
		    "UVMEM_GET_POOL: %s", strerror(errno));
	return pool;
}

static u64 old_limit;

static char old_watermark[UVMEM_PARAM_LEN];

static void restore_pool_limit(void)
{
	uvmem_set_pool_limit(old_limit);
	uvmem_set_param("watermark_high", old_watermark, NULL);
}

void uvmem_set_pool_limit(u64 frames)
{
	struct uvmem_pool_limit limit = { .size = sizeof(limit), .frames = frames };

	/* A test that fails ends by exit(), and the next one wants the whole pool. */
	if (!old_limit) {
		old_limit = uvmem_get_pool().frames_limit;
		/* Nor does a test of the limit want that the kernel makes room by itself. */
		uvmem_set_param("watermark_high", "100", old_watermark);
		atexit(restore_pool_limit);
	}

	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_SET_POOL_LIMIT, &limit),
		    "UVMEM_SET_POOL_LIMIT %lu: %s", frames, strerror(errno));
}

static u64 old_sealed_pool;

static void restore_sealed_pool(void)
{
	uvmem_set_sealed_pool(old_sealed_pool);
}

void uvmem_set_sealed_pool(u64 bytes)
{
	struct uvmem_sealed_pool arg = { .size = sizeof(arg), .limit = bytes };
	static bool saved;

	if (!saved) {
		saved = true;
		old_sealed_pool = uvmem_get_pool().sealed_pool_limit;
		atexit(restore_sealed_pool);
	}
	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_SET_SEALED_POOL, &arg),
		    "UVMEM_SET_SEALED_POOL %lu: %s", bytes, strerror(errno));
}

static char old_write_out[UVMEM_PARAM_LEN];
static bool keeps_sealed_pool;

void uvmem_release_sealed_pool(void)
{
	if (keeps_sealed_pool)
		uvmem_set_param("sealed_pool_write_out", old_write_out, NULL);
	keeps_sealed_pool = false;
}

void uvmem_keep_sealed_pool(void)
{
	static bool at_exit;

	if (keeps_sealed_pool)
		return;
	uvmem_set_param("sealed_pool_write_out", "N", old_write_out);
	keeps_sealed_pool = true;
	if (!at_exit)
		atexit(uvmem_release_sealed_pool);
	at_exit = true;
}

void uvmem_set_param(const char *name, const char *value, char old[UVMEM_PARAM_LEN])
{
	char path[128];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kvm_uvmem/parameters/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	if (old) {
		len = read(fd, old, UVMEM_PARAM_LEN - 1);
		TEST_ASSERT(len > 0, "reading %s: %s", path, strerror(errno));
		old[len] = 0;
	}
	TEST_ASSERT(pwrite(fd, value, strlen(value), 0) > 0, "writing %s to %s: %s", value, path,
		    strerror(errno));
	close(fd);
}

int uvmem_arm(int vm_fd, u64 flags, u64 max_frames, const char *name)
{
	struct uvmem_arm arm = {
		.size = sizeof(arm),
		.vm_fd = vm_fd,
		.flags = flags,
		.max_frames = max_frames,
	};
	int fd;

	snprintf(arm.name, sizeof(arm.name), "%s", name);
	fd = ioctl(uvmem_dev(), UVMEM_ARM, &arm);
	return fd < 0 ? -errno : fd;
}

static bool nothing_left(const struct uvmem_pool *now, const struct uvmem_pool *before)
{
	return now->frames_used == before->frames_used &&
	       now->handles_used == before->handles_used &&
	       now->handles_husk == before->handles_husk &&
	       now->seals == before->seals &&
	       now->sealed_pool_pages == before->sealed_pool_pages &&
	       now->sealed_pool_bytes == before->sealed_pool_bytes &&
	       now->sealed_pool_used <= before->sealed_pool_used &&
	       now->vms == before->vms && now->keys == before->keys;
}

void uvmem_assert_nothing_left(const struct uvmem_pool *before)
{
	struct uvmem_pool now;
	int i;

	/* The last reference to a VM may be put by a worker. */
	for (i = 0; i < 1000; i++) {
		now = uvmem_get_pool();
		if (nothing_left(&now, before))
			return;
		usleep(10000);
	}
	TEST_FAIL("left behind: frames %ld, handles %ld, husks %ld, seals %ld, VMs %ld, keys %ld, in the sealed pool %ld pages of %ld bytes in %ld",
		  (s64)(now.frames_used - before->frames_used),
		  (s64)(now.handles_used - before->handles_used),
		  (s64)(now.handles_husk - before->handles_husk),
		  (s64)(now.seals - before->seals),
		  (s64)(now.vms - before->vms), (s64)(now.keys - before->keys),
		  (s64)(now.sealed_pool_pages - before->sealed_pool_pages),
		  (s64)(now.sealed_pool_bytes - before->sealed_pool_bytes),
		  (s64)(now.sealed_pool_used - before->sealed_pool_used));
}
