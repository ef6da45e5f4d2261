// SPDX-License-Identifier: GPL-2.0-only
/*
 * frame.c - secure frames: where the plaintext of secure pages is
 *
 * Purpose
 *	Hands out single pages that no process ever maps, up to a limit for the
 *	host and one per VM, and scrubs them when they come back. Where the pages
 *	come from is the back end's business (frame.h): the page allocator, which is
 *	here, or RAM that was reserved at boot (carveout.c).
 *
 * Limits
 *	A frame is reserved first (atomic compare-and-exchange against the limit),
 *	allocated second: no race lets use exceed a limit. A limit lowered below
 *	what is in use takes nothing away, it only stops new frames. It cannot be
 *	more than what was reserved at boot.
 *
 * Memory that fails
 *	memory_failure() can do no more for a page of ours than to mark it PG_hwpoison.
 *	A frame that is marked is not read any more, nor written, for that may be a machine
 *	check in the kernel; when it is freed the page allocator keeps it to itself.
 *	Who wants its content looks first, by uvmem_frame_failed(); one that fails in between
 *	is a machine check after all.
 *
 * Notes on locking
 *	Atomics only. uvmem_frame_free() may be called under any spinlock.
 */
#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "frame.h"
#include "reclaim.h"

/* A full pool is announced again once this part of the limit was free in between. */
#define FRAME_REARM_SHIFT	5

static unsigned long frames_limit;
module_param(frames_limit, ulong, 0444);
MODULE_PARM_DESC(frames_limit,
		 "Pages of secure memory for all VMs when the module is loaded (0: half of RAM, or all of the carve-out)");

static atomic64_t pool_limit;
static atomic64_t pool_used;
static atomic64_t pool_peak;
static atomic_t pool_full;	/* POOL_FULL was sent for this crossing */

/* ---- back end: the page allocator ------------------------------------------- */

static struct page *frame_page_alloc(gfp_t gfp, int nid)
{
	/*
	 * Frames cannot be migrated: keep them out of movable blocks. They are
	 * the VMM's memory in all but mapping, so its cgroup pays. A guest is
	 * worth some reclaim, but not an OOM kill (of its own VMM, likely).
	 */
	gfp &= ~(__GFP_MOVABLE | __GFP_COMP);
	gfp |= __GFP_ACCOUNT | __GFP_NOWARN;
	if (gfpflags_allow_blocking(gfp) && !(gfp & (__GFP_NORETRY | __GFP_NOFAIL)))
		gfp |= __GFP_RETRY_MAYFAIL;

	return alloc_pages_node(nid, gfp, 0);
}

static void frame_page_free(struct page *page)
{
	__free_page(page);
}

static struct page *frame_page_alloc_block(int nid)
{
	struct page *block;

	block = alloc_pages_node(nid, GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_NORETRY |
				 __GFP_NOMEMALLOC, UVMEM_CHUNK_SHIFT);
	if (block)
		split_page(block, UVMEM_CHUNK_SHIFT);
	return block;
}

static const struct uvmem_frame_ops frame_page_ops = {
	.name		= "page allocator",
	.exhausted	= UVMEM_REASON_NO_MEMORY,
	.alloc		= frame_page_alloc,
	.alloc_block	= frame_page_alloc_block,
	.free		= frame_page_free,
};

static const struct uvmem_frame_ops *frame_ops;
static atomic64_t frames_most;	/* that it has */

/* ---- limits ------------------------------------------------------------------- */

static bool pool_reserve(unsigned int nr, u64 limit, u64 *ret_used)
{
	s64 old = atomic64_read(&pool_used);

	do {
		if (old + nr > limit)
			return false;
	} while (!atomic64_try_cmpxchg(&pool_used, &old, old + nr));

	*ret_used = old + nr;
	return true;
}

/* Of the two limits of its own that a VM can have, the lower one; U64_MAX: none. */
static u64 vm_max(const struct uvmem_vm *vm)
{
	return min(READ_ONCE(vm->limits.max) ?: U64_MAX, vm->max_frames ?: U64_MAX);
}

static bool vm_reserve(struct uvmem_vm *vm, unsigned int nr)
{
	u64 max = vm_max(vm);
	long old = atomic_long_read(&vm->frames);

	do {
		if (old + nr > max)
			return false;
	} while (!atomic_long_try_cmpxchg(&vm->frames, &old, old + nr));

	return true;
}

static void pool_note_room(u64 used, u64 limit)
{
	if (atomic_read(&pool_full) && used < limit &&
	    limit - used > limit >> FRAME_REARM_SHIFT)
		atomic_set(&pool_full, 0);
}

/* Use has reached the limit: tell it once per crossing. */
static void pool_note_full(u64 used, u64 limit)
{
	if (atomic_read(&pool_full) || atomic_xchg(&pool_full, 1))
		return;
	uvmem_event_emit(UVMEM_EVENT_POOL_FULL, 0, used, limit);
	/* Frames that were freed meanwhile did not see the flag. */
	pool_note_room(atomic64_read(&pool_used), atomic64_read(&pool_limit));
}

static void pool_note_peak(u64 used)
{
	s64 old = atomic64_read(&pool_peak);

	while (old < used && !atomic64_try_cmpxchg(&pool_peak, &old, used))
		;
}

static void vm_note_room(struct uvmem_vm *vm, u64 frames)
{
	u64 high = READ_ONCE(vm->limits.high);

	if (atomic_read(&vm->above_high) && (!high || frames < high - (high >> FRAME_REARM_SHIFT)))
		atomic_set(&vm->above_high, 0);
}

/* As pool_note_full(), for limits.high of one VM. */
static void vm_note_high(struct uvmem_vm *vm)
{
	u64 high = READ_ONCE(vm->limits.high), frames = atomic_long_read(&vm->frames);

	if (!high || frames <= high || atomic_read(&vm->above_high) ||
	    atomic_xchg(&vm->above_high, 1))
		return;
	uvmem_event_emit(UVMEM_EVENT_VM_HIGH, vm->id, frames, high);
	vm_note_room(vm, atomic_long_read(&vm->frames));
}

static void pool_release(struct uvmem_vm *vm, unsigned int nr)
{
	s64 used = atomic64_sub_return(nr, &pool_used);
	long frames = atomic_long_sub_return(nr, &vm->frames);

	WARN_ON_ONCE(used < 0);
	WARN_ON_ONCE(frames < 0);
	pool_note_room(used, atomic64_read(&pool_limit));
	vm_note_room(vm, frames);
}

/* Frames were given out. */
static void note_use(struct uvmem_vm *vm, u64 used, u64 limit)
{
	pool_note_peak(used);
	if (used >= limit)
		pool_note_full(used, limit);
	vm_note_high(vm);
	uvmem_watermark_check(used);
}

/* The VMM's cgroup pays, whoever asks (the daemon's prefetch, a kworker). */
static struct mem_cgroup *vmm_pays_begin(struct uvmem_vm *vm)
{
	if (current->mm == vm->mm)
		return NULL;
	return set_active_memcg(get_mem_cgroup_from_mm(vm->mm));
}

static void vmm_pays_end(struct uvmem_vm *vm, struct mem_cgroup *old_memcg)
{
	if (current->mm != vm->mm)
		mem_cgroup_put(set_active_memcg(old_memcg));
}

/* ---- the interface -------------------------------------------------------------- */

struct page *uvmem_frame_alloc(struct uvmem_vm *vm, gfp_t gfp, int nid,
			       enum uvmem_reason *ret_reason)
{
	u64 limit = atomic64_read(&pool_limit);
	struct mem_cgroup *old_memcg;
	struct page *page;
	u64 used;

	if (!vm_reserve(vm, 1)) {
		*ret_reason = UVMEM_REASON_NO_FRAME;
		return NULL;
	}
	if (!pool_reserve(1, limit, &used)) {
		atomic_long_dec(&vm->frames);
		pool_note_full(atomic64_read(&pool_used), limit);
		uvmem_watermark_check(atomic64_read(&pool_used));
		*ret_reason = UVMEM_REASON_NO_FRAME;
		return NULL;
	}

	old_memcg = vmm_pays_begin(vm);
	page = frame_ops->alloc(gfp, nid);
	vmm_pays_end(vm, old_memcg);
	if (!page) {
		pool_release(vm, 1);
		*ret_reason = frame_ops->exhausted;
		return NULL;
	}

	note_use(vm, used, limit);
	return page;
}

/*
 * 2 MiB of contiguous, aligned frames: the guest can map them by one huge entry.
 * Each is then a frame like any other. All or nothing, and no effort is made.
 */
bool uvmem_frame_alloc_block(struct uvmem_vm *vm, int nid, struct page **frames)
{
	u64 limit = atomic64_read(&pool_limit), used;
	struct mem_cgroup *old_memcg;
	struct page *block;
	unsigned int i;

	/* That a block does not fit does not mean that the pool is full. */
	if (!frame_ops->alloc_block || !vm_reserve(vm, UVMEM_CHUNK_PAGES))
		return false;
	if (!pool_reserve(UVMEM_CHUNK_PAGES, limit, &used)) {
		atomic_long_sub(UVMEM_CHUNK_PAGES, &vm->frames);
		return false;
	}

	old_memcg = vmm_pays_begin(vm);
	block = frame_ops->alloc_block(nid);
	vmm_pays_end(vm, old_memcg);
	if (!block) {
		pool_release(vm, UVMEM_CHUNK_PAGES);
		return false;
	}

	note_use(vm, used, limit);
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++)
		frames[i] = block + i;
	return true;
}

void uvmem_frame_free(struct uvmem_vm *vm, struct page *frame)
{
	uvmem_frame_free_scrubbed(vm, frame, false);
}

void uvmem_frame_free_scrubbed(struct uvmem_vm *vm, struct page *frame, bool scrubbed)
{
	/* Nobody after us may find the guest's data, nor the handle's number. */
	if (!scrubbed && !uvmem_frame_failed(frame))
		clear_highpage(frame);
	set_page_private(frame, 0);
	frame_ops->free(frame);
	pool_release(vm, 1);
}

void uvmem_frame_free_list(struct uvmem_vm *vm, struct list_head *frames)
{
	struct page *frame, *next;

	list_for_each_entry_safe(frame, next, frames, lru) {
		list_del(&frame->lru);
		uvmem_frame_free(vm, frame);
		cond_resched();
	}
}

u64 uvmem_frame_room(struct uvmem_vm *vm)
{
	s64 room = atomic64_read(&pool_limit) - atomic64_read(&pool_used);
	u64 max = vm_max(vm), frames = atomic_long_read(&vm->frames);

	return min_t(u64, max(room, 0), max > frames ? max - frames : 0);
}

bool uvmem_frame_at_max(struct uvmem_vm *vm)
{
	return (u64)atomic_long_read(&vm->frames) >= vm_max(vm);
}

void uvmem_frame_note_limits(struct uvmem_vm *vm)
{
	atomic_set(&vm->above_high, 0);
	vm_note_high(vm);
}

u64 uvmem_frame_limit(void)
{
	return atomic64_read(&pool_limit);
}

/* A frame that was lost meanwhile is not there to be promised. */
static void limit_to_most(void)
{
	s64 most = atomic64_read(&frames_most), old = atomic64_read(&pool_limit);

	while (old > most && !atomic64_try_cmpxchg(&pool_limit, &old, most))
		;
}

void uvmem_frame_lost(void)
{
	atomic64_dec(&frames_most);
	limit_to_most();
}

int uvmem_frame_set_limit(u64 frames)
{
	u64 used;

	if (!frames || frames > atomic64_read(&frames_most))
		return -EINVAL;

	atomic64_set(&pool_limit, frames);
	limit_to_most();
	used = atomic64_read(&pool_used);
	if (used >= frames)
		pool_note_full(used, frames);
	else
		pool_note_room(used, frames);
	return 0;
}

u64 uvmem_frame_used(void)
{
	return atomic64_read(&pool_used);
}

u64 uvmem_frame_peak(void)
{
	return atomic64_read(&pool_peak);
}

int uvmem_frame_init(void)
{
	u64 frames = max(totalram_pages() / 2, 1UL), most = S64_MAX;
	int ret;

	frame_ops = uvmem_carve_out_init(&most);
	if (IS_ERR(frame_ops))
		return PTR_ERR(frame_ops);
	if (frame_ops)
		frames = most;
	else
		frame_ops = &frame_page_ops;
	atomic64_set(&frames_most, most);

	ret = uvmem_frame_set_limit(frames_limit ?: frames);
	if (ret) {
		pr_err("frames_limit=%lu: at most %llu\n", frames_limit, most);
		uvmem_carve_out_exit();
	}
	return ret;
}

void uvmem_frame_exit(void)
{
	WARN_ON_ONCE(atomic64_read(&pool_used));
	uvmem_carve_out_exit();
}
