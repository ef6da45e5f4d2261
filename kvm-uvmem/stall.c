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
 * Triggers
 *	Whoever wants to know of too much stall need not poll the statistics: stall_window.c has
 *	the stalled part of the last so many ms, brought up to date whenever a wait begins or
 *	ends. One that goes on is looked at by a delayed work, at the time when it
 *	would be too long; nothing is done while no vCPU waits.
 *
 * Notes on locking
 *	stall->lock: two short sections per wait. Events are emitted under it, so that a
 *	trigger that was removed does not fire any more. The work ends with the VM.
 */
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "stall.h"

/* Is there a vCPU that could do anything else than wait, when @waiting do? */
static bool any_runs(struct kvm *kvm, unsigned int waiting)
{
	struct kvm_vcpu *vcpu;
	unsigned int nr = 0;
	unsigned long i;

	/* Not worth a look at them if all wait, as the only one of many VMs does. */
	if (waiting >= atomic_read(&kvm->online_vcpus))
		return false;
	kvm_for_each_vcpu(i, vcpu, kvm)
		nr += READ_ONCE(vcpu->wants_to_run) && !READ_ONCE(vcpu->stat.generic.blocking);
	return nr > waiting;
}

static bool is_stalled(const struct uvmem_stall *stall, enum uvmem_stall_kind kind)
{
	return kind == UVMEM_STALL_FULL ? stall->full : stall->waiting;
}

static void trigger_settle(struct uvmem_vm *vm, enum uvmem_stall_kind kind, u64 now)
{
	struct uvmem_stall_window *window = &vm->stall.window[kind];
	u64 stalled;

	if (!window->threshold)
		return;
	if (is_stalled(&vm->stall, kind))
		uvmem_stall_window_add(window, vm->stall.since_ns, now);
	if (uvmem_stall_window_fires(window, now, &stalled))
		uvmem_event_emit(UVMEM_EVENT_STALL, vm->id, kind, stalled);
}

/* Account for the time since the last change. Returns now. */
static u64 stall_settle(struct uvmem_vm *vm)
{
	struct uvmem_stall *stall = &vm->stall;
	u64 now = ktime_get_ns();

	lockdep_assert_held(&stall->lock);
	if (stall->waiting)
		stall->some_ns += now - stall->since_ns;
	if (stall->full)
		stall->full_ns += now - stall->since_ns;
	trigger_settle(vm, UVMEM_STALL_SOME, now);
	trigger_settle(vm, UVMEM_STALL_FULL, now);
	stall->since_ns = now;
	return now;
}

/* See to it that somebody looks again if what is stalled now stays so. */
static void stall_arm(struct uvmem_stall *stall, u64 now)
{
	u64 due = U64_MAX;
	unsigned int kind;

	lockdep_assert_held(&stall->lock);
	for (kind = 0; kind < UVMEM_STALL_NR_KINDS; kind++)
		if (stall->window[kind].threshold && is_stalled(stall, kind))
			due = min(due, uvmem_stall_window_due(&stall->window[kind], now));
	/* One that is too early looks for nothing and arms itself anew. */
	if (due == U64_MAX || (stall->due_ns && stall->due_ns <= now + due))
		return;
	stall->due_ns = now + due;
	/* A tick more: not a little too early. */
	mod_delayed_work(system_dfl_wq, &stall->work, nsecs_to_jiffies(due) + 1);
}

static void stall_work(struct work_struct *work)
{
	struct uvmem_vm *vm = container_of(to_delayed_work(work), struct uvmem_vm, stall.work);
	struct uvmem_stall *stall = &vm->stall;

	guard(spinlock)(&stall->lock);
	stall->due_ns = 0;
	stall_arm(stall, stall_settle(vm));
}

static void stall_change(struct uvmem_vm *vm, int by)
{
	struct uvmem_stall *stall = &vm->stall;
	u64 now;

	guard(spinlock)(&stall->lock);
	now = stall_settle(vm);
	stall->waiting += by;
	stall->full = stall->waiting && !any_runs(vm->kvm, stall->waiting);
	stall_arm(stall, now);
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
	stall_settle(vm);
	*ret_some_ns = vm->stall.some_ns;
	*ret_full_ns = vm->stall.full_ns;
}

int uvmem_stall_set_trigger(struct uvmem_vm *vm, const struct uvmem_stall_trigger *trigger)
{
	struct uvmem_stall *stall = &vm->stall;
	u64 now;

	if (trigger->kind >= UVMEM_STALL_NR_KINDS)
		return -EINVAL;
	if (trigger->threshold_us ?
	    trigger->window_us < UVMEM_STALL_WINDOW_MIN_US ||
	    trigger->window_us > UVMEM_STALL_WINDOW_MAX_US ||
	    trigger->threshold_us > trigger->window_us : trigger->window_us)
		return -EINVAL;
	BUILD_BUG_ON(UVMEM_STALL_WINDOW_MAX_US * NSEC_PER_USEC > UVMEM_STALL_WINDOW_MAX);

	guard(spinlock)(&stall->lock);
	now = stall_settle(vm);
	uvmem_stall_window_set(&stall->window[trigger->kind], trigger->threshold_us * NSEC_PER_USEC,
			       trigger->window_us * NSEC_PER_USEC, now);
	stall_arm(stall, now);
	return 0;
}

void uvmem_stall_init(struct uvmem_vm *vm)
{
	spin_lock_init(&vm->stall.lock);
	INIT_DELAYED_WORK(&vm->stall.work, stall_work);
}

void uvmem_stall_end_vm(struct uvmem_vm *vm)
{
	unsigned int kind;

	scoped_guard(spinlock, &vm->stall.lock)
		for (kind = 0; kind < UVMEM_STALL_NR_KINDS; kind++)
			uvmem_stall_window_set(&vm->stall.window[kind], 0, 0, 0);
	cancel_delayed_work_sync(&vm->stall.work);
}
