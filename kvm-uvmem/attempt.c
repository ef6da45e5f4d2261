// SPDX-License-Identifier: GPL-2.0-only
/*
 * attempt.c - the attempts to move a batch
 *
 * mmap_lock, what the VMM has behind the pages, and retries: what migrate_vma could
 * not have is faulted in (it may be on swap) and tried again, UVMEM_MOVE_RETRIES
 * times. movein.c and moveout.c do what there is to an attempt.
 */
#include <linux/cpu.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "move.h"

static long drain_this_cpu(void *unused)
{
	unsigned long none;

	return migrate_device_range(&none, 0, 0);
}

/*
 * A page that was marked as accessed or cold waits in a batch of that CPU, with a
 * reference, until the batch is full: for ever, maybe. The core's
 * lru_add_drain_all() is not for modules, and migrate_vma calls it only for pages
 * that are new. But each migration empties the batches of its own CPU first, even
 * one of no pages.
 */
static void drain_all_cpus(void)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, drain_this_cpu, NULL);
	cpus_read_unlock();
}

/* Does a fault give the VMM a page that can be moved, in place of @peek at page @i? */
static bool batch_needs_fault(const struct uvmem_batch *b, unsigned int i, enum uvmem_peek peek)
{
	enum uvmem_page_state state;
	bool transit;

	switch (peek) {
	case UVMEM_PEEK_SWAP:
	case UVMEM_PEEK_MERGED:
	case UVMEM_PEEK_MARKER:
		return true;
	case UVMEM_PEEK_HANDLE:
	case UVMEM_PEEK_HUGE_HANDLE:
		/* The page's own if it came in just now; else the VMM has moved another's here. */
		state = uvmem_gfn_state(b->vm, b->gfn + i, &transit);
		if (transit || state == UVMEM_PAGE_IN || state == UVMEM_PAGE_ZERO ||
		    state == UVMEM_PAGE_POOL)
			return false;
		fallthrough;
	case UVMEM_PEEK_FOREIGN:
		/* As any access brings it back; to prefetch is no reason to take it away. */
		return b->move->cause != UVMEM_CAUSE_PREFETCH && !b->move->nowait;
	default:
		return false;
	}
}

/*
 * Fault in those pages of @retry for which that helps: what KSM merged with others
 * becomes the VMM's own by it. What cannot be faulted in is counted, and not tried again.
 * True: some are in place, nobody has a pin, and still they cannot be had.
 */
static bool batch_populate(struct uvmem_batch *b, unsigned long *retry)
{
	struct mm_struct *mm = b->vm->mm;
	bool readable = b->vma->vm_flags & VM_READ;
	bool held = false;
	unsigned int i;

	mmap_assert_locked(mm);
	for_each_set_bit(i, retry, b->nr) {
		unsigned long addr = b->hva + ((unsigned long)i << PAGE_SHIFT);
		enum uvmem_peek peek = uvmem_peek(mm, addr);
		bool unlocked = false;
		int ret;

		held |= peek == UVMEM_PEEK_PRESENT || peek == UVMEM_PEEK_HUGE;
		/* If the VMM may not read it, who wants it waits, as for a page that is pinned. */
		if (!readable || !batch_needs_fault(b, i, peek))
			continue;
		ret = fixup_user_fault(mm, addr, peek == UVMEM_PEEK_MERGED ?
				       FAULT_FLAG_UNSHARE : 0, &unlocked);
		if (ret && ret != -EINTR) {
			uvmem_batch_skip(b, ret == -ENOMEM ? UVMEM_REASON_NO_MEMORY :
					 UVMEM_REASON_NOT_ANON, 1);
			__clear_bit(i, retry);
		}
	}
	return held;
}

struct migrate_vma uvmem_batch_args(struct uvmem_batch *b, unsigned long select)
{
	/* A huge page is worth asking for only if all of it may move. */
	if (uvmem_batch_is_huge(b) && bitmap_full(b->todo, b->nr))
		select |= MIGRATE_VMA_SELECT_COMPOUND;

	return (struct migrate_vma) {
		.vma = b->vma,
		.src = b->src,
		.dst = b->dst,
		.start = b->hva,
		.end = b->hva + ((unsigned long)b->nr << PAGE_SHIFT),
		.pgmap_owner = uvmem_pgmap_owner(),
		.flags = select,
		.fault_page = b->fault_page,
	};
}

/* How many pages of the batch, from its first on, lie in b->vma, or in the hole in front of it. */
static unsigned int batch_nr_alike(const struct uvmem_batch *b)
{
	unsigned long end;

	if (!b->vma)
		return b->nr;
	end = b->vma->vm_start > b->hva ? b->vma->vm_start : b->vma->vm_end;
	return min(b->nr, (end - b->hva) >> PAGE_SHIFT);
}

/* Nothing secure can be behind these pages: only states to change, if that is asked for. */
static void batch_skip_unfit(struct uvmem_batch *b)
{
	unsigned int nr = bitmap_weight(b->todo, b->nr);

	if (uvmem_gives(b->purpose)) {
		uvmem_batch_mark(b);
		nr = bitmap_weight(b->todo, b->nr);
		uvmem_batch_unmark(b);
	}
	uvmem_batch_skip(b, UVMEM_REASON_NOT_ANON, nr);
}

static void batch_prepare(struct uvmem_batch *b, unsigned int need)
{
	if (uvmem_batch_is_in(b))
		uvmem_batch_in_prepare(b, need);
	else
		uvmem_batch_out_prepare(b, need);
}

static bool batch_lock(const struct uvmem_batch *b)
{
	struct mm_struct *mm = b->vm->mm;

	return b->move->trylock ? mmap_read_trylock(mm) : !mmap_read_lock_killable(mm);
}

/* Who must not wait does not move pages in. */
static bool batch_lock_exclusive(struct uvmem_batch *b)
{
	b->exclusive = !mmap_write_lock_killable(b->vm->mm);
	return b->exclusive;
}

void uvmem_batch_share_lock(struct uvmem_batch *b)
{
	if (b->exclusive)
		mmap_write_downgrade(b->vm->mm);
	b->exclusive = false;
}

/*
 * Pages that KSM merged must not even be collected. It puts the merged page into the page table
 * first, and takes down where later, with no lock held in between. migrate_vma takes
 * what it finds in the table, but puts it back to where KSM took down: of a page merged
 * just now, a migration entry would stay for ever, with nothing behind it. Only a writer of
 * mmap_lock keeps KSM from merging.
 */
static bool batch_meets_ksm(const struct uvmem_batch *b)
{
#ifdef CONFIG_KSM
	/* Those it has never looked at are the rule. */
	return uvmem_batch_is_in(b) && b->vma->vm_flags & VM_MERGEABLE &&
	       READ_ONCE(b->vma->vm_mm->ksm_rmap_items);
#else
	return false;
#endif
}

/* No page of the batch is merged, and none will be until the lock is shared. */
static bool batch_unmerge(const struct uvmem_batch *b)
{
	struct mm_struct *mm = b->vm->mm;
	unsigned int i;

	mmap_assert_write_locked(mm);
	for (i = 0; i < b->nr; i++) {
		unsigned long addr = b->hva + ((unsigned long)i << PAGE_SHIFT);

		if (uvmem_peek(mm, addr) == UVMEM_PEEK_MERGED &&
		    fixup_user_fault(mm, addr, FAULT_FLAG_UNSHARE, NULL))
			return false;
	}
	return true;
}

static int batch_not_locked(struct uvmem_batch *b)
{
	if (!b->move->trylock)
		return -EINTR;
	uvmem_batch_skip(b, UVMEM_REASON_BUSY, bitmap_weight(b->todo, b->nr));
	return 0;
}

/* Nothing was tried. */
static void batch_put_off(struct uvmem_batch *b, unsigned long *retry)
{
	if (retry)
		bitmap_copy(retry, b->todo, b->nr);
	else
		uvmem_batch_skip(b, UVMEM_REASON_BUSY, bitmap_weight(b->todo, b->nr));
}

/* Move the batch, with retries. b->nr may shrink to what the VMA has. -EINTR: fatal signal. */
int uvmem_batch_run(struct uvmem_batch *b, unsigned int need)
{
	struct mm_struct *mm = b->vm->mm;
	DECLARE_BITMAP(retry, UVMEM_BATCH);
	unsigned int try;
	bool held;

	bitmap_fill(b->todo, b->nr);
	b->pool = b->purpose == UVMEM_TO_SEALED && b->move->cause == UVMEM_CAUSE_RECLAIM &&
		  uvmem_blob_room();
	if (b->move->pool_only && !b->pool) {
		uvmem_batch_skip(b, UVMEM_REASON_NO_MEMORY, b->nr);
		return 0;
	}
	batch_prepare(b, need);
	if (!batch_lock(b))
		return batch_not_locked(b);

	/* What the sealed pool does not take goes the other way. */
	for (try = !b->pool; ; try++) {
		unsigned long *again = try < UVMEM_MOVE_RETRIES ? retry : NULL;

		/* fixup_user_fault() may have let go of mmap_lock: look anew each time. */
		b->vma = find_vma(mm, b->hva);
		b->nr = batch_nr_alike(b);
		if (!b->vma || b->vma->vm_start > b->hva || !uvmem_vma_fits(b->vma)) {
			batch_skip_unfit(b);
			break;
		}

		if (!b->exclusive && batch_meets_ksm(b)) {
			mmap_read_unlock(mm);
			if (!batch_lock_exclusive(b))
				return -EINTR;
			try--;
			continue;
		}

		bitmap_zero(retry, UVMEM_BATCH);
		if (b->exclusive && !batch_unmerge(b))
			batch_put_off(b, again);
		else if (uvmem_batch_is_in(b))
			uvmem_batch_in(b, again);
		else
			uvmem_batch_out(b, again);
		uvmem_batch_share_lock(b);
		if (bitmap_empty(retry, b->nr) || fatal_signal_pending(current))
			break;

		if (b->pool) {
			b->pool = false;
			if (b->move->pool_only) {
				uvmem_batch_skip(b, UVMEM_REASON_NO_MEMORY,
						 bitmap_weight(retry, b->nr));
				break;
			}
		} else {
			atomic64_inc(&b->vm->stats.retries);
		}
		held = !uvmem_batch_is_in(b) || batch_populate(b, retry);
		bitmap_copy(b->todo, retry, b->nr);
		/* A reference or lock that goes away by itself, or else by the last try. */
		if (held) {
			mmap_read_unlock(mm);
			if (uvmem_batch_is_in(b) && try == UVMEM_MOVE_RETRIES - 1)
				drain_all_cpus();
			else
				cond_resched();
		}
		/* What was taken for a page that did not move is used up. */
		batch_prepare(b, bitmap_weight(b->todo, b->nr));
		if (held && !batch_lock(b))
			return batch_not_locked(b);
	}
	uvmem_batch_share_lock(b);
	mmap_read_unlock(mm);
	return 0;
}
