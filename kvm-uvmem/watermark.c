// SPDX-License-Identifier: GPL-2.0-only
/*
 * watermark.c - the pool stays usable with nobody to look after it
 *
 * Purpose
 *	When a frame is given out and the pool is above its high watermark, a worker pages
 *	out the coldest pages of VMs until it is below the low one. A daemon that does its
 *	work keeps the pool below the high watermark all the time; without one guests
 *	live on, though without any knowledge of who deserves what.
 *
 * Whose pages
 *	Always those of the VM that is furthest above its limits.low; when none is,
 *	of the one that is furthest above its limits.min; below that nothing is
 *	taken. A VM that gives nothing is left alone until the next sweep; there is one
 *	as long as the last one took anything, for what kept a VM from giving (its
 *	mmap_lock held, its pages just moved) is mostly over by then.
 *
 * Who waits
 *	A guest whose VM has nothing to give for the frame that it needs, for a second at
 *	most, which may be prolonged as long as pages go.
 *
 * Notes on locking
 *	The worker holds one VM at a time, never waits for a mark or an mmap_lock (which
 *	a VMM can hold for as long as it likes), and nothing of it is needed by
 *	who waits for it: a vCPU holds its kvm->srcu, and no mark, when it does.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "reclaim.h"

#define STEP		64U	/* pages from one VM before the next one is looked for */
#define BACKOFF		HZ	/* that the worker is not begun again after it could do nothing */

static unsigned int watermark_high = 95;
module_param(watermark_high, uint, 0644);
MODULE_PARM_DESC(watermark_high,
		 "Per cent of the pool above which the kernel reclaims by itself (default 95; 100: never)");

static unsigned int watermark_low = 90;
module_param(watermark_low, uint, 0644);
MODULE_PARM_DESC(watermark_low,
		 "Per cent of the pool at which it stops (default 90)");

static struct workqueue_struct *workqueue;
static DECLARE_WAIT_QUEUE_HEAD(waiters);
static u64 sweep;		/* of the worker; only it writes */
static unsigned long not_before;	/* jiffies, if not 0 */

/* Pages in the pool at @percent of its limit. */
static u64 mark(unsigned int percent)
{
	return mul_u64_u32_div(uvmem_frame_limit(), min(percent, 100U), 100);
}

/* Pages of one VM. Returns how many went. */
static u64 take_from(struct uvmem_vm *vm, u64 nr)
{
	u64 moved;

	if (uvmem_vm_hold(vm))
		return 0;
	moved = uvmem_reclaim_some(vm, nr);
	uvmem_vm_release(vm);
	return moved;
}

/* Down to the low watermark, or until nobody has more to give. Has any page gone? */
static bool take_once(void)
{
	bool any = false;
	struct uvmem_vm *vm;
	u64 used, low, excess;

	sweep++;
	while ((used = uvmem_frame_used()) > (low = mark(min(watermark_low, watermark_high)))) {
		u64 nr = min(used - low, STEP), moved;

		vm = uvmem_vm_victim(sweep, &excess);
		if (!vm)
			break;
		moved = take_from(vm, min(nr, excess));
		if (!moved)
			WRITE_ONCE(vm->tired, sweep);
		any |= moved;
		uvmem_vm_put(vm);
		if (moved)
			wake_up_all(&waiters);
		cond_resched();
	}
	return any;
}

static void work_fn(struct work_struct *work)
{
	bool any = false;

	while (take_once())
		any = true;
	WRITE_ONCE(not_before, any ? 0 : (jiffies + BACKOFF) | 1);
	wake_up_all(&waiters);
}
static DECLARE_WORK(work, work_fn);

static bool enabled(void)
{
	return READ_ONCE(watermark_high) < 100;
}

void uvmem_watermark_check(u64 used)
{
	unsigned long wait = READ_ONCE(not_before);

	if (!enabled() || used <= mark(watermark_high) || (wait && time_before(jiffies, wait)))
		return;
	queue_work(workqueue, &work);
}

bool uvmem_watermark_wait(struct uvmem_vm *vm)
{
	long left;

	/* Its own limit is nobody else's business, nor does more room in the pool help. */
	if (!enabled() || uvmem_frame_at_max(vm))
		return false;
	queue_work(workqueue, &work);
	left = wait_event_killable_timeout(waiters, uvmem_frame_room(vm) || !work_busy(&work), HZ);
	return left < 0 || uvmem_frame_room(vm);
}

int uvmem_watermark_init(void)
{
	workqueue = alloc_workqueue("kvm-uvmem", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	return workqueue ? 0 : -ENOMEM;
}

void uvmem_watermark_exit(void)
{
	destroy_workqueue(workqueue);
}
