/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - what device.c and vmfd.c share: files and arguments of ioctls
 */
#ifndef UVMEM_DEVICE_H
#define UVMEM_DEVICE_H

#include <linux/capability.h>
#include <linux/ioctl.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "uvmem.h"

/*
 * Structures may grow, and their size is part of the ioctl's number: calls are
 * told apart without it, and each structure says its size itself.
 */
#define UVMEM_IOCTL(_cmd)	((_cmd) & ~IOCSIZE_MASK)

/* No structure will ever be that large; keeps check_zeroed_user() short. */
#define UVMEM_ARGS_MAX		PAGE_SIZE

/*
 * Take the argument structure of an ioctl. @min_size: the size of its first
 * published version. *@args is complete, its size field says what the caller
 * gave (uvmem_args_put() relies on it).
 */
static __always_inline int uvmem_args_get(void *args, size_t ksize, size_t min_size,
					  const void __user *uargs)
{
	u32 usize;
	int ret;

	if (get_user(usize, (const u32 __user *)uargs))
		return -EFAULT;
	if (usize < min_size)
		return -EINVAL;
	if (usize > UVMEM_ARGS_MAX)
		return -E2BIG;

	ret = copy_struct_from_user(args, ksize, uargs, usize);
	if (ret)
		return ret;
	/* It was read twice: what was checked counts. */
	*(u32 *)args = usize;
	return 0;
}

static __always_inline int uvmem_args_put(void __user *uargs, const void *args,
					  size_t ksize)
{
	return copy_struct_to_user(uargs, *(const u32 *)args, args, ksize, NULL);
}

/* The reserved field of @_args, an array, is zero. */
#define UVMEM_RESERVED_OK(_args)			\
	(!memchr_inv((_args)->reserved, 0, sizeof((_args)->reserved)))

/* May the caller act on @vm? */
static inline bool uvmem_may_control(const struct uvmem_vm *vm)
{
	/* mmgrab()bed: the address cannot be another process's by now. */
	return current->mm == vm->mm || capable(CAP_SYS_ADMIN);
}

/* device.c */
int uvmem_device_init(void);
void uvmem_device_exit(void);

/* Does a file of this process have the mark of UVMEM_ARM_NEW? Then here it is. */
bool uvmem_device_marked(struct uvmem_arm *ret_arm);

/* vmfd.c: each returns a new file descriptor or -errno */
int uvmem_vmfd_arm(struct kvm *kvm, const struct uvmem_arm *arm);
int uvmem_vmfd_open(struct uvmem_vm *vm);

#endif
