// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - /dev/kvm-uvmem
 *
 * The uapi header is the specification. Each handler checks in this order and
 * changes nothing before it is through: the caller's right to make the call at
 * all (EPERM), the structure (EFAULT, EINVAL, E2BIG), reserved fields and flags
 * (EINVAL), then what the fields name.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "device.h"

#define ARM_FLAGS	(UVMEM_ARM_HOST_TOUCH_SIGBUS | UVMEM_ARM_SEV)

/* Marks of UVMEM_ARM_NEW: a file's own. */
enum mark_state {
	MARK_NONE,
	MARK_CLAIMED,		/* by the call that fills it in */
	MARK_SET,		/* does not change any more */
};

struct device_file {
	struct uvmem_event_reader *events;
	bool may_read;		/* CAP_SYS_ADMIN was seen at the first read or poll */
	atomic_t mark_state;	/* enum mark_state */
	struct uvmem_arm mark;
};

/* Files with a mark: VMs are created without looking for one while there is none. */
static atomic_t nr_marks;

static_assert(sizeof(struct uvmem_info) == UVMEM_INFO_SIZE_VER0);
static_assert(offsetofend(struct uvmem_pool, reserved) == UVMEM_POOL_SIZE_VER0);
static_assert(sizeof(struct uvmem_pool_limit) == UVMEM_POOL_LIMIT_SIZE_VER0);
static_assert(sizeof(struct uvmem_arm) == UVMEM_ARM_SIZE_VER0);
static_assert(sizeof(struct uvmem_vm_list) == UVMEM_VM_LIST_SIZE_VER0);
static_assert(sizeof(struct uvmem_open_vm) == UVMEM_OPEN_VM_SIZE_VER0);
static_assert(sizeof(struct uvmem_sealed_pool) == UVMEM_SEALED_POOL_SIZE_VER0);

static long device_get_info(void __user *uargs)
{
	struct uvmem_info info;
	int ret;

	ret = uvmem_args_get(&info, sizeof(info), UVMEM_INFO_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (info.pad || !UVMEM_RESERVED_OK(&info))
		return -EINVAL;

	info = (struct uvmem_info) {
		.size		 = info.size,
		.api_version	 = UVMEM_API_VERSION,
		.capabilities	 = UVMEM_CAP_PAGING | UVMEM_CAP_SAME_FILLED |
				   UVMEM_CAP_EVENTS | UVMEM_CAP_STATS | UVMEM_CAP_HUGE |
				   UVMEM_CAP_ARM_NEW | UVMEM_CAP_AGING | UVMEM_CAP_LIMITS |
				   UVMEM_CAP_SEALED_POOL | UVMEM_CAP_STALL_TRIGGERS |
				   UVMEM_CAP_FIND | UVMEM_CAP_NO_CIPHERTEXT |
				   (uvmem_face_cbit() ? UVMEM_CAP_SEV : 0),
		.page_size	 = PAGE_SIZE,
		.max_range_pages = UVMEM_BATCH,
		.cbit		 = uvmem_face_cbit(),
	};
	return uvmem_args_put(uargs, &info, sizeof(info));
}

static long device_get_pool(void __user *uargs)
{
	struct uvmem_pgmap_counts handles;
	struct uvmem_pool pool;
	struct uvmem_totals totals;
	int ret;

	ret = uvmem_args_get(&pool, sizeof(pool), UVMEM_POOL_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (pool.pad || !UVMEM_RESERVED_OK(&pool))
		return -EINVAL;

	uvmem_pgmap_counts(&handles);
	uvmem_vm_totals(&totals);
	pool = (struct uvmem_pool) {
		.size		= pool.size,
		.frames_limit	= uvmem_frame_limit(),
		.frames_used	= uvmem_frame_used(),
		.frames_peak	= uvmem_frame_peak(),
		.handles_total	= handles.total,
		.handles_used	= handles.used,
		.handles_husk	= handles.husk,
		.seals		= totals.out,
		.metadata_bytes	= totals.metadata + handles.bytes,
		.vms		= uvmem_vm_count(),
		.keys		= uvmem_uv_keys(),
		.sealed_pool_limit = uvmem_blob_limit(),
		.sealed_pool_used = uvmem_blob_used(),
		.sealed_pool_pages = totals.pool,
		.sealed_pool_bytes = totals.pool_bytes,
	};
	return uvmem_args_put(uargs, &pool, sizeof(pool));
}

static long device_set_pool_limit(void __user *uargs)
{
	struct uvmem_pool_limit limit;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = uvmem_args_get(&limit, sizeof(limit), UVMEM_POOL_LIMIT_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (limit.pad || !UVMEM_RESERVED_OK(&limit))
		return -EINVAL;

	return uvmem_frame_set_limit(limit.frames);
}

static long device_set_sealed_pool(void __user *uargs)
{
	struct uvmem_sealed_pool args;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = uvmem_args_get(&args, sizeof(args), UVMEM_SEALED_POOL_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (args.pad || !UVMEM_RESERVED_OK(&args))
		return -EINVAL;

	return uvmem_blob_set_limit(args.limit);
}

static int arm_args_get(struct uvmem_arm *arm, void __user *uargs)
{
	int ret;

	ret = uvmem_args_get(arm, sizeof(*arm), UVMEM_ARM_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (!UVMEM_RESERVED_OK(arm) || arm->flags & ~ARM_FLAGS)
		return -EINVAL;
	if (strnlen(arm->name, sizeof(arm->name)) == sizeof(arm->name))
		return -EINVAL;
	return 0;
}

static long device_arm(void __user *uargs)
{
	struct uvmem_arm arm;
	struct kvm *kvm;
	int ret;

	ret = arm_args_get(&arm, uargs);
	if (ret)
		return ret;

	/* Held until the end: keeps the VM as the file does. */
	CLASS(fd, vm_fd)(arm.vm_fd);
	if (fd_empty(vm_fd) || !file_is_kvm(fd_file(vm_fd)))
		return -EBADF;
	kvm = fd_file(vm_fd)->private_data;
	if (kvm->mm != current->mm)
		return -EPERM;
	/* An armed VM may have vCPUs and memslots, which is not why it is refused. */
	if (kvm_has_uvmem(kvm))
		return -EEXIST;

	return uvmem_vmfd_arm(kvm, &arm);
}

static long device_arm_new(struct device_file *df, void __user *uargs)
{
	struct uvmem_arm arm;
	int ret;

	ret = arm_args_get(&arm, uargs);
	if (ret)
		return ret;
	if (arm.vm_fd != -1)
		return -EINVAL;
	/* Sooner here than in a VMM that cannot say why. */
	if (arm.flags & UVMEM_ARM_SEV && !uvmem_face_cbit())
		return -EOPNOTSUPP;

	if (atomic_cmpxchg(&df->mark_state, MARK_NONE, MARK_CLAIMED) != MARK_NONE)
		return -EBUSY;
	df->mark = arm;
	atomic_inc(&nr_marks);
	/* Pairs with atomic_read_acquire() in is_marked(). */
	atomic_set_release(&df->mark_state, MARK_SET);
	return 0;
}

static long device_list_vms(void __user *uargs)
{
	struct uvmem_vm_list list;
	u64 *ids = NULL;
	u32 nr, room;
	int ret;

	ret = uvmem_args_get(&list, sizeof(list), UVMEM_VM_LIST_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (!UVMEM_RESERVED_OK(&list))
		return -EINVAL;

	/* VMs may come and go: never more room than the caller has. */
	room = min(list.nr, uvmem_vm_count());
	if (room) {
		ids = kvmalloc_array(room, sizeof(*ids), GFP_KERNEL_ACCOUNT);
		if (!ids)
			return -ENOMEM;
	}

	nr = uvmem_vm_list(ids, room);
	if (nr > list.nr) {
		ret = -ENOSPC;
	} else {
		/* One that came since is seen by the next call. */
		nr = min(nr, room);
		if (copy_to_user(u64_to_user_ptr(list.ids), ids, nr * sizeof(*ids)))
			ret = -EFAULT;
	}
	kvfree(ids);

	if (ret != -EFAULT &&
	    put_user(nr, &((struct uvmem_vm_list __user *)uargs)->nr))
		ret = -EFAULT;
	return ret;
}

static long device_open_vm(void __user *uargs)
{
	struct uvmem_open_vm open;
	struct uvmem_vm *vm;
	int ret;

	ret = uvmem_args_get(&open, sizeof(open), UVMEM_OPEN_VM_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (open.pad || !UVMEM_RESERVED_OK(&open))
		return -EINVAL;

	vm = uvmem_vm_find(open.id);
	if (!vm)
		return -ENOENT;
	ret = uvmem_may_control(vm) ? uvmem_vmfd_open(vm) : -EPERM;
	uvmem_vm_put(vm);
	return ret;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uargs = (void __user *)arg;

	switch (UVMEM_IOCTL(cmd)) {
	case UVMEM_IOCTL(UVMEM_GET_INFO):
		return device_get_info(uargs);
	case UVMEM_IOCTL(UVMEM_GET_POOL):
		return device_get_pool(uargs);
	case UVMEM_IOCTL(UVMEM_SET_POOL_LIMIT):
		return device_set_pool_limit(uargs);
	case UVMEM_IOCTL(UVMEM_SET_SEALED_POOL):
		return device_set_sealed_pool(uargs);
	case UVMEM_IOCTL(UVMEM_ARM):
		return device_arm(uargs);
	case UVMEM_IOCTL(UVMEM_ARM_NEW):
		return device_arm_new(file->private_data, uargs);
	case UVMEM_IOCTL(UVMEM_LIST_VMS):
		return device_list_vms(uargs);
	case UVMEM_IOCTL(UVMEM_OPEN_VM):
		return device_open_vm(uargs);
	default:
		return -ENOTTY;
	}
}

static bool device_may_read(struct device_file *df)
{
	if (READ_ONCE(df->may_read))
		return true;
	if (!capable(CAP_SYS_ADMIN))
		return false;
	WRITE_ONCE(df->may_read, true);
	return true;
}

static ssize_t device_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct device_file *df = file->private_data;

	if (!device_may_read(df))
		return -EPERM;
	return uvmem_event_read(df->events, buf, len, file->f_flags & O_NONBLOCK);
}

static __poll_t device_poll(struct file *file, struct poll_table_struct *wait)
{
	struct device_file *df = file->private_data;

	if (!device_may_read(df))
		return EPOLLERR;
	return uvmem_event_poll(df->events, file, wait);
}

static int device_open(struct inode *inode, struct file *file)
{
	struct device_file *df;

	df = kzalloc_obj(*df, GFP_KERNEL_ACCOUNT);
	if (!df)
		return -ENOMEM;
	df->events = uvmem_event_open(0);
	if (!df->events) {
		kfree(df);
		return -ENOMEM;
	}
	file->private_data = df;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	struct device_file *df = file->private_data;

	if (atomic_read(&df->mark_state) == MARK_SET)
		atomic_dec(&nr_marks);
	uvmem_event_close(df->events);
	kfree(df);
	return 0;
}

static const struct file_operations device_fops = {
	.owner		= THIS_MODULE,
	.open		= device_open,
	.release	= device_release,
	.read		= device_read,
	.poll		= device_poll,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/* Called for each file of the process, under its file_lock. */
static int is_marked(const void *ret_arm, struct file *file, unsigned int fd)
{
	struct device_file *df = file->private_data;

	if (file->f_op != &device_fops || atomic_read_acquire(&df->mark_state) != MARK_SET)
		return 0;
	*(struct uvmem_arm *)ret_arm = df->mark;
	return 1;
}

bool uvmem_device_marked(struct uvmem_arm *ret_arm)
{
	return atomic_read(&nr_marks) && iterate_fd(current->files, 0, is_marked, ret_arm);
}

static struct miscdevice device_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kvm-uvmem",
	.fops	= &device_fops,
	.mode	= 0660,
};

int uvmem_device_init(void)
{
	return misc_register(&device_misc);
}

void uvmem_device_exit(void)
{
	misc_deregister(&device_misc);
}
