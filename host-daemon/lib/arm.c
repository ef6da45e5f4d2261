// SPDX-License-Identifier: GPL-2.0-or-later
/* arm.c - have the VMs of the program that this process becomes be armed */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arm.h"
#include "kernel.h"

static const char *arm_error(int err)
{
	switch (err) {
	case EOPNOTSUPP:
		return "this host cannot hold unmodified secure guests: its physical addresses have less than 40 bits, or two-dimensional paging is off";
	case ENOTTY:
		return "the kvm-uvmem.ko that is loaded is too old";
	default:
		return strerror(err);
	}
}

int arm_set_name(struct uvmem_arm *arm, const char *name)
{
	if (strlen(name) >= sizeof(arm->name))
		return -ENAMETOOLONG;
	strcpy(arm->name, name);
	return 0;
}

int arm_self(const struct uvmem_arm *arm, const char *who)
{
	int fd, err;

	/* No O_CLOEXEC: it is what the program inherits. Not in the place of stdin and the like. */
	fd = open(UVMEM_DEVICE_PATH, O_RDWR);
	if (fd >= 0 && fd <= STDERR_FILENO) {
		int high = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);

		close(fd);
		fd = high;
	}
	if (fd < 0) {
		err = errno;
		/* As it is in the private /dev that libvirt gives to QEMU. */
		if (err == ENOENT && !access("/sys/module/kvm_uvmem", F_OK)) {
			fprintf(stderr, "%s: %s is missing in cgroup_device_acl of /etc/libvirt/qemu.conf\n",
				who, UVMEM_DEVICE_PATH);
			return -err;
		}
		fprintf(stderr, "%s: %s: %s\n", who, UVMEM_DEVICE_PATH, kernel_open_error(-err));
		return -err;
	}
	if (ioctl(fd, UVMEM_ARM_NEW, arm)) {
		err = errno;
		fprintf(stderr, "%s: cannot arm: %s\n", who, arm_error(err));
		close(fd);
		return -err;
	}
	return 0;
}
