// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c - armed VMs: their list, life cycle and end
 *
 * References
 *	vm->users	keeps the structure: KVM's (until uvmem_vm_destroy()), one per
 *			per-VM file. After the VM has ended its counters can
 *			still be read.
 *	vm->active	keeps vm->kvm and the gfn table: held while pages are moved on
 *			behalf of somebody who holds no reference on the VM file
 *			(host touch, ioctl, drop work). vCPUs and KVM's own calls
 *			need none, KVM cannot go away under them.
 *
 * The end of a VM. uvmem_vm_pre_destroy(), when no vCPU runs any more:
 *	a. vm->ended is set: long operations stop at their next page batch.
 *	b. vm->active is dropped and its other holders are waited for: from here on
 *	   nobody moves a page or zaps one. A host touch that comes now waits for c.
 * uvmem_vm_destroy(), when no MMU notifier, SPTE or memslot user is left:
 *	c. Frames are scrubbed and freed, handles become husks (a touch gives a zero
 *	   page), words are cleared. The host may still drop handles beside this;
 *	   both sides take chunk->lock and look at the word.
 *	d. The key is wiped. No page needs it any more.
 */
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "stall.h"
#include "trace.h"

static DEFINE_MUTEX(vms_lock);
static LIST_HEAD(vms);		/* ascending id */
static u64 last_id;
static u32 nr_vms;
/* vms_lock protects the above */

struct uvmem_vm *uvmem_vm_get(struct uvmem_vm *vm)
{
	refcount_inc(&vm->users);
	return vm;
}

void uvmem_vm_put(struct uvmem_vm *vm)
{
	if (!refcount_dec_and_test(&vm->users))
		return;
	put_pid(vm->pid);
	mmdrop(vm->mm);
	kfree_rcu(vm, rcu);
}

struct uvmem_vm *uvmem_vm_find(u64 id)
{
	struct uvmem_vm *vm;

	guard(mutex)(&vms_lock);
	list_for_each_entry(vm, &vms, node)
		if (vm->id == id)
			return uvmem_vm_get(vm);
	return NULL;
}

u32 uvmem_vm_list(u64 *ids, u32 nr)
{
	struct uvmem_vm *vm;
	u32 i = 0;

	guard(mutex)(&vms_lock);
	list_for_each_entry(vm, &vms, node) {
		if (i < nr)
			ids[i] = vm->id;
		i++;
	}
	return i;
}

u32 uvmem_vm_count(void)
{
	return READ_ONCE(nr_vms);
}

bool uvmem_vm_enter(struct uvmem_vm *vm)
{
	return atomic_inc_not_zero(&vm->active);
}

void uvmem_vm_leave(struct uvmem_vm *vm)
{
	if (atomic_dec_and_test(&vm->active))
		wake_up_var(&vm->active);
}

int uvmem_vm_hold(struct uvmem_vm *vm)
{
	if (!uvmem_vm_enter(vm))
		return -ESRCH;
	if (!mmget_not_zero(vm->mm)) {
		uvmem_vm_leave(vm);
		return -ESRCH;
	}
	return 0;
}

void uvmem_vm_release(struct uvmem_vm *vm)
{
	/*
	 * Leave first: if this is the last user of the mm, its exit must not
	 * wait for us through the end of the VM.
	 */
	uvmem_vm_leave(vm);
	mmput(vm->mm);
}

static void vm_drop_work(struct work_struct *work)
{
	uvmem_host_drop_work(container_of(work, struct uvmem_vm, drop_work));
}

int uvmem_vm_arm(struct kvm *kvm, u64 flags, u64 max_frames, const char *name,
		 struct uvmem_vm **ret_vm)
{
	struct uvmem_vm *vm;
	unsigned int i;
	int ret;

	if (kvm_has_uvmem(kvm))
		return -EEXIST;

	vm = kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT);
	if (!vm)
		return -ENOMEM;

	refcount_set(&vm->users, 1);
	atomic_set(&vm->active, 1);
	vm->kvm = kvm;
	mmgrab(kvm->mm);
	vm->mm = kvm->mm;
	vm->pid = get_task_pid(current, PIDTYPE_TGID);
	vm->flags = flags;
	vm->cbit = flags & UVMEM_ARM_SEV ? uvmem_face_cbit() : 0;
	vm->max_frames = max_frames;
	vm->nid = numa_node_id();
	strscpy(vm->name, name, sizeof(vm->name));
	mutex_init(&vm->lock);
	xa_init_flags(&vm->chunks, XA_FLAGS_ACCOUNT);
	for (i = 0; i < UVMEM_WAITQUEUES; i++)
		init_waitqueue_head(&vm->wq[i]);
	spin_lock_init(&vm->idle.lock);
	uvmem_stall_init(vm);
	mutex_init(&vm->age_lock);
	spin_lock_init(&vm->drop_lock);
	INIT_LIST_HEAD(&vm->dropped);
	INIT_LIST_HEAD(&vm->orphaned);
	INIT_WORK(&vm->drop_work, vm_drop_work);
	INIT_LIST_HEAD(&vm->node);
	vm->uv = &uvmem_uv_software;
	atomic_long_set(&vm->metadata, sizeof(*vm));

	/*
	 * The key exists from now on: the first page may be sealed as soon as
	 * the guest says so, and a host that has none left fails here.
	 */
	ret = vm->uv->init(vm);
	if (ret)
		goto err_put;
	uvmem_point(UVMEM_AT_ARM_KEYED);

	mutex_lock(&vms_lock);
	ret = kvm_uvmem_attach(kvm, vm, flags & UVMEM_ARM_SEV);
	if (!ret) {
		vm->id = ++last_id;
		list_add_tail(&vm->node, &vms);
		WRITE_ONCE(nr_vms, nr_vms + 1);
	}
	mutex_unlock(&vms_lock);
	if (ret) {
		/* Somebody armed it between our look and now. */
		if (kvm_has_uvmem(kvm))
			ret = -EEXIST;
		goto err_terminate;
	}

	/* One reference is KVM's, the other the caller's. */
	*ret_vm = uvmem_vm_get(vm);
	uvmem_event_emit(UVMEM_EVENT_VM_ARMED, vm->id, pid_nr(vm->pid), 0);
	uvmem_point(UVMEM_AT_ARM_ATTACHED);
	return 0;

err_terminate:
	vm->uv->terminate(vm);
err_put:
	uvmem_vm_put(vm);
	return ret;
}

/* One function changes the state of a VM. */
static int vm_event(struct uvmem_vm *vm, enum uvmem_vm_event event)
{
	enum uvmem_vm_state old = vm->state;
	int new = uvmem_vm_next(old, event);

	lockdep_assert_held(&vm->lock);
	if (new < 0)
		return new;
	WRITE_ONCE(vm->state, new);
	trace_uvmem_vm_state(vm->id, old, event, new);
	uvmem_event_emit(UVMEM_EVENT_VM_STATE, vm->id, old, new);
	return 0;
}

/* kvm_uvmem_ops.pre_destroy_vm and .destroy_vm: the lettered steps are explained above. */
void uvmem_vm_pre_destroy(struct kvm *kvm)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);

	/* a. */
	WRITE_ONCE(vm->ended, true);
	uvmem_point(UVMEM_AT_END_BEGUN);
	/* b. */
	uvmem_vm_leave(vm);
	wait_var_event(&vm->active, !atomic_read(&vm->active));
	uvmem_stall_end_vm(vm);
	cancel_work_sync(&vm->drop_work);
	uvmem_point(UVMEM_AT_END_ALONE);
}

void uvmem_vm_destroy(struct kvm *kvm)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);

	/* c. */
	uvmem_gfn_destroy(vm);
	/*
	 * Frames of handles that were dropped since the work was cancelled. A
	 * drop that has not seen vm->ended may still queue it: it finds no entry.
	 */
	cancel_work_sync(&vm->drop_work);
	uvmem_host_free_dropped(vm);
	WARN_ON_ONCE(atomic_long_read(&vm->frames));
	uvmem_point(UVMEM_AT_END_FREED);

	mutex_lock(&vm->lock);
	vm_event(vm, UVMEM_VEV_TERMINATE);
	vm->kvm = NULL;
	/* d. */
	vm->uv->terminate(vm);
	mutex_unlock(&vm->lock);

	mutex_lock(&vms_lock);
	list_del_init(&vm->node);
	WRITE_ONCE(nr_vms, nr_vms - 1);
	mutex_unlock(&vms_lock);

	uvmem_event_emit(UVMEM_EVENT_VM_ENDED, vm->id, 0, 0);
	uvmem_pgmap_shrink();
	uvmem_vm_put(vm);
}

void uvmem_vm_totals(struct uvmem_totals *totals)
{
	struct uvmem_vm *vm;

	*totals = (struct uvmem_totals) {};
	guard(mutex)(&vms_lock);
	list_for_each_entry(vm, &vms, node) {
		totals->out += atomic_long_read(&vm->pages[UVMEM_PAGE_OUT]);
		totals->pool += atomic_long_read(&vm->pages[UVMEM_PAGE_POOL]);
		totals->pool_bytes += atomic_long_read(&vm->pool_bytes);
		totals->metadata += atomic_long_read(&vm->metadata);
	}
}

struct uvmem_vm *uvmem_vm_victim(u64 sweep, u64 *ret_excess)
{
	struct uvmem_vm *vm, *victim = NULL;
	unsigned int pass;

	*ret_excess = 0;
	guard(mutex)(&vms_lock);
	for (pass = 0; !victim && pass < 2; pass++) {
		list_for_each_entry(vm, &vms, node) {
			u64 frames = atomic_long_read(&vm->frames);
			u64 floor = READ_ONCE(*(pass ? &vm->limits.min : &vm->limits.low));

			if (READ_ONCE(vm->tired) == sweep || frames < floor + *ret_excess + 1)
				continue;
			*ret_excess = frames - floor;
			victim = vm;
		}
	}
	return victim ? uvmem_vm_get(victim) : NULL;
}

int uvmem_vm_set_limits(struct uvmem_vm *vm, const struct uvmem_vm_limits *limits)
{
	u64 max = limits->max ?: U64_MAX, high = limits->high ?: max;

	if (limits->min > limits->low || limits->low > high || high > max)
		return -EINVAL;
	scoped_guard(mutex, &vm->lock) {
		WRITE_ONCE(vm->limits.min, limits->min);
		WRITE_ONCE(vm->limits.low, limits->low);
		WRITE_ONCE(vm->limits.high, limits->high);
		WRITE_ONCE(vm->limits.max, limits->max);
	}
	uvmem_frame_note_limits(vm);
	return 0;
}

void uvmem_vm_get_limits(struct uvmem_vm *vm, struct uvmem_vm_limits *limits)
{
	guard(mutex)(&vm->lock);
	*limits = vm->limits;
}

void uvmem_vm_info(struct uvmem_vm *vm, struct uvmem_vm_info *info)
{
	unsigned int i;

	info->state = READ_ONCE(vm->state);
	info->id = vm->id;
	info->pid = pid_vnr(vm->pid);
	info->stop_reason = atomic_read_acquire(&vm->stop_reason);
	info->stop_gpa = info->stop_reason ? vm->stop_gpa : 0;
	info->flags = vm->flags;
	info->max_frames = vm->max_frames;
	info->frames = atomic_long_read(&vm->frames);
	info->registered_pages = atomic_long_read(&vm->registered);
	info->detached_pages = atomic_long_read(&vm->detached);
	for (i = 0; i < UVMEM_PAGE_NR_STATES; i++)
		info->pages[i] = atomic_long_read(&vm->pages[i]);
	info->metadata_bytes = atomic_long_read(&vm->metadata);
	strscpy(info->name, vm->name, sizeof(info->name));
	info->sealed_pool_bytes = atomic_long_read(&vm->pool_bytes);
}

static const char *const stop_reason_names[] = {
	[UVMEM_STOP_NONE]	= "none",
	[UVMEM_STOP_INTEGRITY]	= "ciphertext is not genuine",
	[UVMEM_STOP_MISSING]	= "ciphertext is missing",
	[UVMEM_STOP_LOST]	= "the host dropped a secure page",
	[UVMEM_STOP_NOT_ANON]	= "the VMM's memory cannot hold a secure page",
	[UVMEM_STOP_NO_MEMORY]	= "no secure memory is left",
	[UVMEM_STOP_NO_SLOT]	= "the VMM took away the memslot of a secure page",
	[UVMEM_STOP_HWPOISON]	= "memory of a secure page has failed",
};
static_assert(ARRAY_SIZE(stop_reason_names) == UVMEM_NR_STOP_REASONS);

void uvmem_vm_stop(struct uvmem_vm *vm, enum uvmem_stop_reason reason, gfn_t gfn)
{
	/* One stopper; the gpa is written before the reason is published. */
	if (atomic_cmpxchg(&vm->stop_claimed, 0, 1))
		return;
	vm->stop_gpa = gfn_to_gpa(gfn);
	/* Pairs with atomic_read_acquire() of those who report the gpa. */
	atomic_set_release(&vm->stop_reason, reason);

	trace_uvmem_stop(vm->id, reason, gfn);
	pr_warn_ratelimited("VM %llu (%s, pid %d) stopped: %s at gpa 0x%llx\n",
			    vm->id, vm->name, pid_nr(vm->pid),
			    stop_reason_names[reason], gfn_to_gpa(gfn));
	uvmem_event_emit(UVMEM_EVENT_VM_STOPPED, vm->id, reason, gfn_to_gpa(gfn));
	kvm_uvmem_stop(vm->kvm);
}

bool uvmem_vm_stopped(struct uvmem_vm *vm)
{
	return atomic_read(&vm->stop_claimed);
}

int uvmem_vm_init_start(struct uvmem_vm *vm)
{
	guard(mutex)(&vm->lock);
	return vm_event(vm, UVMEM_VEV_INIT_START);
}

int uvmem_vm_init_done(struct uvmem_vm *vm)
{
	guard(mutex)(&vm->lock);
	return vm_event(vm, UVMEM_VEV_INIT_DONE);
}

int uvmem_vm_init_abort(struct uvmem_vm *vm)
{
	s64 done;
	int ret;

	mutex_lock(&vm->lock);
	ret = uvmem_vm_next(vm->state, UVMEM_VEV_INIT_ABORT);
	mutex_unlock(&vm->lock);
	if (ret < 0)
		return ret;

	done = uvmem_abort_all(vm);
	if (done < 0)
		return done;

	guard(mutex)(&vm->lock);
	return vm_event(vm, UVMEM_VEV_INIT_ABORT);
}

bool uvmem_vm_needs_reset(struct kvm *kvm)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);

	/* What was stopped stays so. */
	return uvmem_vm_next(READ_ONCE(vm->state), UVMEM_VEV_RESET) >= 0 && !uvmem_vm_stopped(vm);
}

int uvmem_vm_reset(struct kvm *kvm)
{
	struct uvmem_vm *vm = to_uvmem_vm(kvm);
	int ret;

	lockdep_assert_held(&kvm->lock);
	ret = uvmem_reset_all(vm);
	if (ret)
		return ret;

	guard(mutex)(&vm->lock);
	/* Long hypercalls that the guest was in the middle of are forgotten with it. */
	memset(&vm->hc, 0, sizeof(vm->hc));
	return vm_event(vm, UVMEM_VEV_RESET);
}
