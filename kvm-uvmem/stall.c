// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall.c - for how long vCPUs waited for their VM's memory
 *
 * Purpose
 *	As the kernel's PSI does for tasks: "some" is the time in which at least one vCPU
 *	waited for a page that had been paged out, or for room to be made for a page;
 *	"full" that in which none could do anything else. First touches with frames at hand
 *	are no stalls.
 *
 * What "full" knows
 *	Whether the others wait, are halted or are not in KVM_RUN is looked at when a wait begins
 *	or ends. A vCPU that wakes up while another one waits is not seen until then.
 *
 * Notes on locking
 *	stall->lock is a leaf; two short sections per wait.
 */
#include <linux/kvm_host.h>
#include <linux/timekeeping.h>

#include "stall.h"

static unsigned int vcpus_runnable(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned int nr = 0;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		nr += READ_ONCE(vcpu->wants_to_run) && !READ_ONCE(vcpu->stat.generic.blocking);
	return nr;
}

/* Account for the time since the last change. */
static void stall_settle(struct uvmem_stall *stall)
{
	u64 now = ktime_get_ns();

	lockdep_assert_held(&stall->lock);
	if (stall->waiting)
		stall->some_ns += now - stall->since_ns;
	if (stall->full)
		stall->full_ns += now - stall->since_ns;
	stall->since_ns = now;
}

static void stall_change(struct uvmem_vm *vm, int by)
{
	struct uvmem_stall *stall = &vm->stall;

	guard(spinlock)(&stall->lock);
	stall_settle(stall);
	stall->waiting += by;
	stall->full = stall->waiting && stall->waiting >= vcpus_runnable(vm->kvm);
}

bool uvmem_stall_begin(struct uvmem_vm *vm)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();

	/* KVM also accesses guest memory for the VMM's ioctls. */
	if (!vcpu || vcpu->kvm != vm->kvm || !vcpu->wants_to_run)
		return false;
	stall_change(vm, 1);
	return true;
}

void uvmem_stall_end(struct uvmem_vm *vm, bool begun)
{
	if (begun)
		stall_change(vm, -1);
}

void uvmem_stall_read(struct uvmem_vm *vm, u64 *ret_some_ns, u64 *ret_full_ns)
{
	guard(spinlock)(&vm->stall.lock);
	stall_settle(&vm->stall);
	*ret_some_ns = vm->stall.some_ns;
	*ret_full_ns = vm->stall.full_ns;
}
