// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmfd.c - the per-VM file
 *
 * Holds the VM's structure, not the VM: when that has ended, information,
 * statistics and the last events can still be read, and calls that need the
 * guest's pages say ESRCH. Handlers check in the order told in device.c.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "age.h"
#include "device.h"
#include "find.h"
#include "reclaim.h"
#include "stall.h"
#include "trace.h"

#define STATES_MAX	65536	/* pages per UVMEM_VM_GET_STATES */

static_assert(offsetofend(struct uvmem_vm_info, reserved) == UVMEM_VM_INFO_SIZE_VER0);
static_assert(sizeof(struct uvmem_range) == UVMEM_RANGE_SIZE_VER0);
static_assert(sizeof(struct uvmem_states) == UVMEM_STATES_SIZE_VER0);
static_assert(sizeof(struct uvmem_age) == UVMEM_AGE_SIZE_VER0);
static_assert(offsetofend(struct uvmem_reclaim, reserved) == UVMEM_RECLAIM_SIZE_VER0);
static_assert(sizeof(struct uvmem_limits) == UVMEM_LIMITS_SIZE_VER0);
static_assert(sizeof(struct uvmem_stall_trigger) == UVMEM_STALL_TRIGGER_SIZE_VER0);
static_assert(sizeof(struct uvmem_find) == UVMEM_FIND_SIZE_VER0);
static_assert(UVMEM_PAGE_NR_STATES <= UVMEM_STATE_IN_TRANSIT);

struct vm_file {
	struct uvmem_vm *vm;
	struct uvmem_event_reader *events;
};

static long vmfd_get_info(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_vm_info info;
	u32 size;
	int ret;

	ret = uvmem_args_get(&info, sizeof(info), UVMEM_VM_INFO_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (!UVMEM_RESERVED_OK(&info))
		return -EINVAL;

	size = info.size;
	memset(&info, 0, sizeof(info));
	uvmem_vm_info(vm, &info);
	info.size = size;
	return uvmem_args_put(uargs, &info, sizeof(info));
}

/*
 * Deal with pages of [gfn, gfn + nr), as many as can be without asking for a
 * signal: a hole at once, pages of one memslot as far as the mover goes.
 * Returns how many, or -errno.
 */
static s64 vmfd_move_some(struct uvmem_vm *vm, bool in, u64 gfn, u64 nr,
			  struct uvmem_move *move)
{
	gfn_t slot_gfn;
	u64 slot_nr;

	/* What is returned has a sign. */
	nr = min_t(u64, nr, S64_MAX);
	if (gfn >= UVMEM_MAX_GFN || !uvmem_next_slot_range(vm, gfn, &slot_gfn, &slot_nr) ||
	    slot_gfn - gfn >= nr) {
		move->skipped[UVMEM_REASON_STATE] += nr;
		return nr;
	}
	if (slot_gfn > gfn) {
		move->skipped[UVMEM_REASON_STATE] += slot_gfn - gfn;
		return slot_gfn - gfn;
	}

	nr = min(nr, slot_nr);
	return in ? uvmem_page_in_range(vm, gfn, nr, move) :
		    uvmem_page_out_range(vm, gfn, nr, move);
}

/* Returns -errno only if nothing was done: what was done must be told. */
static int vmfd_move(struct uvmem_vm *vm, bool in, struct uvmem_range *range,
		     struct uvmem_move *move)
{
	s64 n;

	while (range->done < range->nr_pages) {
		n = vmfd_move_some(vm, in, range->gfn + range->done,
				   range->nr_pages - range->done, move);
		if (n <= 0)
			return range->done ? 0 : n ?: -EAGAIN;
		range->done += n;

		if (move->err || signal_pending(current))
			break;
		cond_resched();
	}
	return 0;
}

static long vmfd_page_move(struct uvmem_vm *vm, bool in, void __user *uargs)
{
	const u64 flags = in ? 0 : UVMEM_RANGE_IGNORE_AGE;
	struct uvmem_range range;
	struct uvmem_move move = {
		.cause = in ? UVMEM_CAUSE_PREFETCH : UVMEM_CAUSE_RECLAIM,
	};
	u64 end;
	int ret;

	if (!uvmem_may_control(vm))
		return -EPERM;
	ret = uvmem_args_get(&range, sizeof(range), UVMEM_RANGE_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (range.pad || !UVMEM_RESERVED_OK(&range) || range.flags & ~flags)
		return -EINVAL;
	if (!range.nr_pages || check_add_overflow(range.gfn, range.nr_pages, &end))
		return -EINVAL;

	ret = uvmem_vm_hold(vm);
	if (ret)
		return ret;
	range.done = 0;
	move.ignore_age = range.flags & UVMEM_RANGE_IGNORE_AGE;
	ret = vmfd_move(vm, in, &range, &move);
	uvmem_vm_release(vm);
	trace_uvmem_reclaim(vm->id, in, range.gfn, range.nr_pages, range.done,
			    move.moved, ret);
	if (ret)
		return ret;

	range.moved = move.moved;
	static_assert(sizeof(range.skipped) >= sizeof(move.skipped));
	memset(range.skipped, 0, sizeof(range.skipped));
	memcpy(range.skipped, move.skipped, sizeof(move.skipped));
	return uvmem_args_put(uargs, &range, sizeof(range));
}

static long vmfd_get_states(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_states args;
	u64 end, i;
	u8 *states;
	int ret;

	ret = uvmem_args_get(&args, sizeof(args), UVMEM_STATES_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (args.pad || !UVMEM_RESERVED_OK(&args))
		return -EINVAL;
	if (!args.nr_pages || args.nr_pages > STATES_MAX ||
	    check_add_overflow(args.gfn, args.nr_pages, &end))
		return -EINVAL;

	states = kvzalloc(args.nr_pages, GFP_KERNEL_ACCOUNT);
	if (!states)
		return -ENOMEM;

	/* The gfn table is there while this is held. */
	ret = uvmem_vm_hold(vm);
	if (ret)
		goto err_states;
	for (i = 0; i < args.nr_pages && args.gfn + i < UVMEM_MAX_GFN; i++) {
		bool transit;

		states[i] = uvmem_gfn_state(vm, args.gfn + i, &transit);
		if (transit)
			states[i] |= UVMEM_STATE_IN_TRANSIT;
		if (!(i % UVMEM_BATCH))
			cond_resched();
	}
	uvmem_vm_release(vm);

	if (copy_to_user(u64_to_user_ptr(args.states), states, args.nr_pages))
		ret = -EFAULT;
err_states:
	kvfree(states);
	return ret;
}

static long vmfd_age(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_age age;
	int ret;

	if (!uvmem_may_control(vm))
		return -EPERM;
	ret = uvmem_args_get(&age, sizeof(age), UVMEM_AGE_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (age.flags || !UVMEM_RESERVED_OK(&age))
		return -EINVAL;

	ret = uvmem_vm_hold(vm);
	if (ret)
		return ret;
	ret = uvmem_vm_age(vm, &age);
	uvmem_vm_release(vm);
	return ret ?: uvmem_args_put(uargs, &age, sizeof(age));
}

static long vmfd_reclaim(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_reclaim reclaim;
	int ret;

	if (!uvmem_may_control(vm))
		return -EPERM;
	ret = uvmem_args_get(&reclaim, sizeof(reclaim), UVMEM_RECLAIM_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (reclaim.flags & ~UVMEM_RECLAIM_NO_CIPHERTEXT || reclaim.pad ||
	    !UVMEM_RESERVED_OK(&reclaim))
		return -EINVAL;
	if (!reclaim.nr_pages || reclaim.min_idle >= UVMEM_IDLE_BUCKETS)
		return -EINVAL;

	ret = uvmem_vm_hold(vm);
	if (ret)
		return ret;
	memset(reclaim.skipped, 0, sizeof(reclaim.skipped));
	ret = uvmem_vm_reclaim(vm, &reclaim);
	uvmem_vm_release(vm);
	return ret ?: uvmem_args_put(uargs, &reclaim, sizeof(reclaim));
}

static long vmfd_set_limits(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_limits args;
	struct uvmem_vm_limits limits;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = uvmem_args_get(&args, sizeof(args), UVMEM_LIMITS_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (args.pad || !UVMEM_RESERVED_OK(&args))
		return -EINVAL;

	ret = uvmem_vm_hold(vm);
	if (ret)
		return ret;
	limits = (struct uvmem_vm_limits) {
		.min = args.min, .low = args.low, .high = args.high, .max = args.max,
	};
	ret = uvmem_vm_set_limits(vm, &limits);
	if (!ret)
		uvmem_reclaim_to_max(vm);
	uvmem_vm_release(vm);
	return ret;
}

static long vmfd_get_limits(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_vm_limits limits;
	struct uvmem_limits args;
	int ret;

	ret = uvmem_args_get(&args, sizeof(args), UVMEM_LIMITS_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (args.pad || !UVMEM_RESERVED_OK(&args))
		return -EINVAL;

	uvmem_vm_get_limits(vm, &limits);
	args.min = limits.min;
	args.low = limits.low;
	args.high = limits.high;
	args.max = limits.max;
	return uvmem_args_put(uargs, &args, sizeof(args));
}

static long vmfd_set_stall_trigger(struct uvmem_vm *vm, void __user *uargs)
{
	struct uvmem_stall_trigger args;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = uvmem_args_get(&args, sizeof(args), UVMEM_STALL_TRIGGER_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (!UVMEM_RESERVED_OK(&args))
		return -EINVAL;

	ret = uvmem_vm_hold(vm);
	if (ret)
		return ret;
	ret = uvmem_stall_set_trigger(vm, &args);
	uvmem_vm_release(vm);
	return ret;
}

static long vmfd_find(struct uvmem_vm *vm, void __user *uargs)
{
	const u32 states = (BIT(UVMEM_PAGE_NR_STATES) - 1) & ~BIT(UVMEM_PAGE_NONE);
	struct uvmem_found *found;
	struct uvmem_find args;
	int ret;

	if (!uvmem_may_control(vm))
		return -EPERM;
	ret = uvmem_args_get(&args, sizeof(args), UVMEM_FIND_SIZE_VER0, uargs);
	if (ret)
		return ret;
	if (!args.nr || args.nr > UVMEM_FIND_MAX || !args.states || args.states & ~states ||
	    args.flags & ~UVMEM_FIND_IN_MEMORY || args.pad || !UVMEM_RESERVED_OK(&args))
		return -EINVAL;

	found = kvmalloc_array(args.nr, sizeof(*found), GFP_KERNEL_ACCOUNT);
	if (!found)
		return -ENOMEM;
	ret = uvmem_vm_hold(vm);
	if (ret)
		goto err_found;
	uvmem_find_pages(vm, &args, found);
	uvmem_vm_release(vm);
	if (copy_to_user(u64_to_user_ptr(args.found), found, args.nr * sizeof(*found)))
		ret = -EFAULT;
err_found:
	kvfree(found);
	return ret ?: uvmem_args_put(uargs, &args, sizeof(args));
}

static long vmfd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vm_file *vf = file->private_data;
	void __user *uargs = (void __user *)arg;

	switch (UVMEM_IOCTL(cmd)) {
	case UVMEM_IOCTL(UVMEM_VM_GET_INFO):
		return vmfd_get_info(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_PAGE_OUT):
		return vmfd_page_move(vf->vm, false, uargs);
	case UVMEM_IOCTL(UVMEM_VM_PAGE_IN):
		return vmfd_page_move(vf->vm, true, uargs);
	case UVMEM_IOCTL(UVMEM_VM_GET_STATES):
		return vmfd_get_states(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_AGE):
		return vmfd_age(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_RECLAIM):
		return vmfd_reclaim(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_SET_LIMITS):
		return vmfd_set_limits(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_GET_LIMITS):
		return vmfd_get_limits(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_SET_STALL_TRIGGER):
		return vmfd_set_stall_trigger(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_FIND):
		return vmfd_find(vf->vm, uargs);
	case UVMEM_IOCTL(UVMEM_VM_GET_STATS_FD):
		return uvmem_stats_fd(vf->vm);
	default:
		return -ENOTTY;
	}
}

static ssize_t vmfd_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct vm_file *vf = file->private_data;

	return uvmem_event_read(vf->events, buf, len, file->f_flags & O_NONBLOCK);
}

static __poll_t vmfd_poll(struct file *file, struct poll_table_struct *wait)
{
	struct vm_file *vf = file->private_data;

	return uvmem_event_poll(vf->events, file, wait);
}

static void vm_file_free(struct vm_file *vf)
{
	uvmem_event_close(vf->events);
	if (vf->vm)
		uvmem_vm_put(vf->vm);
	kfree(vf);
}

static int vmfd_release(struct inode *inode, struct file *file)
{
	vm_file_free(file->private_data);
	return 0;
}

static const struct file_operations vmfd_fops = {
	.owner		= THIS_MODULE,
	.release	= vmfd_release,
	.read		= vmfd_read,
	.poll		= vmfd_poll,
	.unlocked_ioctl	= vmfd_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct vm_file *vm_file_alloc(u64 vm_id)
{
	struct vm_file *vf;

	vf = kzalloc_obj(*vf, GFP_KERNEL_ACCOUNT);
	if (!vf)
		return NULL;
	vf->events = uvmem_event_open(vm_id);
	if (!vf->events) {
		kfree(vf);
		return NULL;
	}
	return vf;
}

/*
 * Arming cannot be undone: everything that can fail is done before it, and the
 * file gets its VM and event stream after it.
 */
int uvmem_vmfd_arm(struct kvm *kvm, const struct uvmem_arm *arm)
{
	struct vm_file *vf;
	int ret;

	vf = vm_file_alloc(UVMEM_EVENT_NO_VM);
	if (!vf)
		return -ENOMEM;

	FD_PREPARE(fdf, O_CLOEXEC,
		   anon_inode_getfile("kvm-uvmem-vm", &vmfd_fops, vf, O_RDWR));
	if (fdf.err) {
		/* There is no file that would free it. */
		vm_file_free(vf);
		return fdf.err;
	}

	ret = uvmem_vm_arm(kvm, arm->flags, arm->max_frames, arm->name, &vf->vm);
	if (ret)
		return ret;
	/* The caller holds the VM's file: it has not ended yet. */
	uvmem_event_bind(vf->events, vf->vm->id);
	return fd_publish(fdf);
}

int uvmem_vmfd_open(struct uvmem_vm *vm)
{
	struct vm_file *vf;

	vf = vm_file_alloc(vm->id);
	if (!vf)
		return -ENOMEM;
	vf->vm = uvmem_vm_get(vm);

	FD_PREPARE(fdf, O_CLOEXEC,
		   anon_inode_getfile("kvm-uvmem-vm", &vmfd_fops, vf, O_RDWR));
	if (fdf.err) {
		vm_file_free(vf);
		return fdf.err;
	}

	/*
	 * uvmem_vm_destroy() clears vm->kvm before it emits VM_ENDED: with it
	 * still there, that event is yet to come and finds the reader.
	 */
	scoped_guard(mutex, &vm->lock)
		if (!vm->kvm)
			return -ENOENT;
	return fd_publish(fdf);
}
