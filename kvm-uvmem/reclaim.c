// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim.c - which pages of a VM to page out
 *
 * Purpose
 *	Chooses, by what age.c knows; moveout.c moves. What was accessed since the
 *	last pass is found out, for each 2 MiB, right before pages are taken from it: a
 *	page that came to life again stays. That also keeps what the move destroys,
 *	the accessed bits of pages that stay.
 *
 * Two ways to choose
 *	UVMEM_VM_RECLAIM has the whole VM to choose from, oldest first: the counts of
 *	vm->idle say how far down it has to go, so each page is looked at twice at
 *	most: once for all that are older, and once for some that are not.
 *	The fault path, and watermark.c, look at a few chunks and take the oldest
 *	pages of these which were not accessed since one last came by: a clock that
 *	knows ages. It is bounded, and works if nobody ages the VM.
 *
 * Notes on locking
 *	Nothing is held here, and no order to be kept: pages are chosen by hints,
 *	and who moves them looks again.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "age.h"
#include "move.h"
#include "reclaim.h"
#include "trace.h"

#define IDLE_INDEXES	(UVMEM_IDLE_BUCKETS + 1)
#define WINDOW_CHUNKS	4	/* that the fault path chooses from */
#define WINDOWS_MAX	32	/* that it looks at before it takes pages that are in use */

static unsigned long reserve_pages;
module_param(reserve_pages, ulong, 0644);
MODULE_PARM_DESC(reserve_pages,
		 "Pages of normal memory that are left for others when there is no swap for what is paged out (0: 1/64 of RAM)");

bool uvmem_have_memory(void)
{
	unsigned long reserve = READ_ONCE(reserve_pages) ?: totalram_pages() / 64;

	return get_nr_swap_pages() > 0 || si_mem_available() > (long)min(reserve, LONG_MAX);
}

/* Or in the sealed pool? */
static bool have_sink(void)
{
	return uvmem_blob_room() || uvmem_have_memory();
}

/* Who reclaims, for how much, and what came of it. */
struct take {
	struct uvmem_vm *vm;
	u64 target;
	bool killable;		/* only a fatal signal ends it */
	bool modest;		/* leaves the reserve of normal memory alone */
	u64 scanned;
	u64 young;
	struct uvmem_move move;
};

/* Pages that moved or, as nothing is gained by that, were tried in vain. */
static u64 dealt_with(const struct take *take)
{
	return take->move.moved + take->move.skipped[UVMEM_REASON_NO_GAIN];
}

/* Pages of @chunk that can be taken and whose index is in [lo, hi). */
static unsigned int find_idle(const struct uvmem_chunk *chunk, unsigned int lo, unsigned int hi,
			      unsigned long *found)
{
	unsigned int i, nr = 0;

	bitmap_zero(found, UVMEM_CHUNK_PAGES);
	for (i = 0; i < UVMEM_CHUNK_PAGES; i++) {
		u64 ent = READ_ONCE(chunk->ent[i]);
		unsigned int index;

		if (uvmem_ent_state(ent) != UVMEM_PAGE_IN || (ent & UVMEM_ENT_TRANSIT))
			continue;
		index = uvmem_idle_index(chunk, i);
		if (index < lo || index >= hi)
			continue;
		__set_bit(i, found);
		nr++;
	}
	return nr;
}

/* Page out what is in @want, not more than is wanted. -errno: no use to go on. */
static int take_pages(struct take *take, struct uvmem_chunk *chunk, const unsigned long *want)
{
	gfn_t first = chunk->index << UVMEM_CHUNK_SHIFT;
	unsigned int start, end;

	for_each_set_bitrange(start, end, want, UVMEM_CHUNK_PAGES) {
		s64 done;

		if (dealt_with(take) >= take->target)
			return 0;
		take->move.pool_only = take->modest && !take->move.no_ciphertext &&
				       !uvmem_have_memory();
		done = uvmem_page_out_range(take->vm, first + start,
					    min(end - start, take->target - dealt_with(take)),
					    &take->move);
		if (done < 0)
			return done;
		WRITE_ONCE(take->vm->reclaim_next, first + start + done);
		if (take->killable ? fatal_signal_pending(current) : signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* ---- the whole VM, oldest first ----------------------------------------------------------- */

/* As find_idle(), but for those that are known not to be worth it. */
static unsigned int find_worthy(const struct take *take, const struct uvmem_chunk *chunk,
				unsigned int lo, unsigned int hi, unsigned long *found)
{
	unsigned int nr = find_idle(chunk, lo, hi, found);

	if (!take->move.no_ciphertext || !nr)
		return nr;
	bitmap_andnot(found, found, chunk->no_gain, UVMEM_CHUNK_PAGES);
	return bitmap_weight(found, UVMEM_CHUNK_PAGES);
}

/* From [start, end), pages whose index is in [lo, hi). -errno: no use to go on. */
static int sweep(struct take *take, gfn_t start, gfn_t end, unsigned int lo, unsigned int hi)
{
	DECLARE_BITMAP(found, UVMEM_CHUNK_PAGES);
	struct uvmem_chunk *chunk;
	gfn_t gfn = start;

	while (dealt_with(take) < take->target &&
	       (chunk = uvmem_next_resident_chunk(take->vm, &gfn)) && gfn < end) {
		unsigned int nr = find_worthy(take, chunk, lo, hi, found), left;
		int ret;

		WRITE_ONCE(take->vm->reclaim_hand, gfn);
		gfn = (gfn_t)(chunk->index + 1) << UVMEM_CHUNK_SHIFT;
		if (!nr)
			continue;
		uvmem_chunk_age(chunk, 0, UVMEM_CHUNK_PAGES, NULL, &take->scanned, &take->young);
		left = find_worthy(take, chunk, lo, hi, found);
		/* Others may have come in. */
		if (left < nr)
			take->move.skipped[UVMEM_REASON_YOUNG] += nr - left;
		ret = take_pages(take, chunk, found);
		if (ret)
			return ret;
		if (!take->move.no_ciphertext && !have_sink())
			return -ENOSPC;
	}
	return 0;
}

/* Not those whose index is below @lowest. */
static int take_oldest(struct take *take, unsigned int lowest)
{
	struct uvmem_vm *vm = take->vm;
	unsigned int lo, hi = IDLE_INDEXES;
	gfn_t hand;
	u64 sum;
	int ret;

	while (dealt_with(take) < take->target && hi > lowest) {
		/* The index down to which pages have to go. */
		sum = 0;
		scoped_guard(spinlock_irq, &vm->idle.lock)
			for (lo = hi; lo > lowest && sum < take->target - dealt_with(take); ) {
				sum += vm->idle.nr[--lo];
				if (take->move.no_ciphertext)
					sum -= vm->idle.no_gain[lo];
			}
		if (!sum)
			break;

		hand = ALIGN_DOWN(READ_ONCE(vm->reclaim_hand), UVMEM_CHUNK_PAGES);
		ret = lo + 1 < hi ? sweep(take, 0, UVMEM_MAX_GFN, lo + 1, hi) : 0;
		/* Of those that are all alike, not always the first. */
		ret = ret ?: sweep(take, hand, UVMEM_MAX_GFN, lo, lo + 1);
		ret = ret ?: sweep(take, 0, hand, lo, lo + 1);
		if (ret)
			return ret;
		hi = lo;
	}
	return 0;
}

static void take_account(struct take *take, u64 cpu)
{
	struct uvmem_stats *stats = &take->vm->stats;

	atomic64_add(take->scanned, &stats->reclaim_scanned);
	atomic64_add(take->move.moved, &stats->reclaim_moved);
	atomic64_add(current->se.sum_exec_runtime - cpu, &stats->reclaim_ns);
}

/*
 * What did not find room in the sealed pool may now. Not for every page that leaves it: what does
 * not compress is tried again, too.
 */
static void recall_no_gain(struct uvmem_vm *vm)
{
	if (!READ_ONCE(vm->no_gain_full) || !uvmem_blob_room() ||
	    uvmem_blob_used() > uvmem_blob_low())
		return;
	WRITE_ONCE(vm->no_gain_full, false);
	uvmem_forget_no_gain(vm);
}

int uvmem_vm_reclaim(struct uvmem_vm *vm, struct uvmem_reclaim *reclaim)
{
	struct take take = {
		.vm = vm,
		.target = reclaim->nr_pages,
		.modest = true,
		.move = {
			.cause = UVMEM_CAUSE_RECLAIM, .nowait = true,
			.no_ciphertext = reclaim->flags & UVMEM_RECLAIM_NO_CIPHERTEXT,
		},
	};
	u64 least = READ_ONCE(vm->limits.min), frames = atomic_long_read(&vm->frames);
	u64 cpu = current->se.sum_exec_runtime;
	int ret;

	if (take.move.no_ciphertext)
		recall_no_gain(vm);
	else if (!have_sink())
		return -ENOSPC;
	take.target = min(take.target, frames > least ? frames - least : 0);
	/* The pass that found a page young is none that it was idle for: age.c. */
	ret = take_oldest(&take, reclaim->min_idle ? reclaim->min_idle + 1 : 0);
	take_account(&take, cpu);
	if (take.young)
		kvm_flush_remote_tlbs(vm->kvm);
	if (ret && !take.move.moved)
		return ret;

	reclaim->scanned = take.scanned;
	reclaim->moved = take.move.moved;
	reclaim->zero = take.move.same_filled;
	reclaim->pooled = take.move.pooled;
	static_assert(sizeof(reclaim->skipped) >= sizeof(take.move.skipped));
	memcpy(reclaim->skipped, take.move.skipped, sizeof(take.move.skipped));
	return 0;
}

/* ---- some, for want of a frame --------------------------------------------------------------- */

/*
 * Looks may follow each other faster than the guest comes by again: what was idle at one
 * look only is younger than anything that was at two. The guest's time is not ours,
 * and nobody else may be aging the VM.
 */
static unsigned int window_index(const struct uvmem_chunk *chunk, unsigned int off)
{
	return 2 * uvmem_idle_index(chunk, off) + test_bit(off, chunk->idle_once);
}

/* Those that came in just now would not go: others that are less idle would, in their place. */
static void drop_fresh(const struct uvmem_chunk *chunk, unsigned long *want)
{
	unsigned long now = jiffies;
	unsigned int i;

	for_each_set_bit(i, want, UVMEM_CHUNK_PAGES)
		if (uvmem_residency_left(READ_ONCE(chunk->ent[i]), now) > 0)
			__clear_bit(i, want);
}

/* These were looked at, and idle; the others, if they were meanwhile, say so themselves. */
static void note_idle(struct uvmem_chunk *chunk, const unsigned long *idle)
{
	guard(spinlock_irq)(&chunk->lock);
	bitmap_or(chunk->idle_once, chunk->idle_once, idle, UVMEM_CHUNK_PAGES);
}

/*
 * The oldest of a few chunks from the hand on. Unless @any, only those that were not accessed
 * since the last look. @again: without giving the guest time in between. False: the
 * hand has come to the end.
 */
static noinline_for_stack bool take_window(struct take *take, bool any, bool again)
{
	unsigned long want[WINDOW_CHUNKS][BITS_TO_LONGS(UVMEM_CHUNK_PAGES)];
	struct uvmem_chunk *chunks[WINDOW_CHUNKS];
	unsigned int count[2 * IDLE_INDEXES] = {}, c, i, lo, nr, sum = 0;
	gfn_t gfn = READ_ONCE(take->vm->reclaim_hand), next;
	DECLARE_BITMAP(now, UVMEM_CHUNK_PAGES);
	bool more;

	for (nr = 0; nr < WINDOW_CHUNKS; nr++) {
		struct uvmem_chunk *chunk = uvmem_next_resident_chunk(take->vm, &gfn);

		if (!chunk)
			break;
		gfn = (gfn_t)(chunk->index + 1) << UVMEM_CHUNK_SHIFT;
		chunks[nr] = chunk;
		uvmem_chunk_age(chunk, 0, UVMEM_CHUNK_PAGES, now, &take->scanned, &take->young);
		find_idle(chunk, 0, IDLE_INDEXES, want[nr]);
		if (!any)
			bitmap_andnot(want[nr], want[nr], now, UVMEM_CHUNK_PAGES);
		if (!take->move.ignore_age)
			drop_fresh(chunk, want[nr]);
		for_each_set_bit(i, want[nr], UVMEM_CHUNK_PAGES)
			count[window_index(chunk, i)]++;
	}

	for (lo = 2 * IDLE_INDEXES; lo && sum < take->target; )
		sum += count[--lo];
	for (c = 0; c < nr; c++) {
		bitmap_copy(now, want[c], UVMEM_CHUNK_PAGES);
		for_each_set_bit(i, now, UVMEM_CHUNK_PAGES)
			if (window_index(chunks[c], i) < lo)
				__clear_bit(i, want[c]);
		if (!again)
			note_idle(chunks[c], now);
	}
	/* Of those that are all alike, not always the first. */
	next = READ_ONCE(take->vm->reclaim_next);
	for (c = 0; c < 2 * nr && take->move.moved < take->target; c++) {
		struct uvmem_chunk *chunk = chunks[c % nr];
		gfn_t first = chunk->index << UVMEM_CHUNK_SHIFT;
		unsigned int split = next <= first ? 0 : min(next - first, UVMEM_CHUNK_PAGES);

		bitmap_copy(now, want[c % nr], UVMEM_CHUNK_PAGES);
		if (c < nr)
			bitmap_clear(now, 0, split);
		else
			bitmap_clear(now, split, UVMEM_CHUNK_PAGES - split);
		/* What is left of a window is older than most, or will be in the next one. */
		if (take_pages(take, chunk, now))
			break;
	}
	/* A window that nothing is behind is the last one: the next look is no second one at it. */
	more = nr == WINDOW_CHUNKS && uvmem_next_resident_chunk(take->vm, &gfn);
	WRITE_ONCE(take->vm->reclaim_hand, more ? gfn : 0);
	return more;
}

/* Does anybody move a page of @vm? */
static bool any_in_transit(struct uvmem_vm *vm)
{
	struct uvmem_chunk *chunk;
	unsigned long index;
	void *cur;

	xa_for_each(&vm->chunks, index, cur) {
		chunk = cur;
		if (xa_is_value(cur) ? xa_to_value(cur) & UVMEM_ENT_TRANSIT :
				       READ_ONCE(chunk->nr_transit))
			return true;
	}
	return false;
}

/*
 * Pages that are idle and were resident for the minimum first, then any: a guest
 * that needs all its frames at once is slow, but it goes on. Twice around for
 * either: the hand may be anywhere, and what is young is not at the next look. True if
 * it was once around, at least, to no avail.
 */
static void take_some(struct take *take, bool insist)
{
	unsigned int windows = 0, wraps = 0;
	u64 moved, cpu = current->se.sum_exec_runtime;

	while (take->move.moved < take->target && wraps < 4 && !fatal_signal_pending(current)) {
		bool any = wraps >= 2 || windows++ >= WINDOWS_MAX;

		take->move.ignore_age = any && insist;
		moved = take->move.moved;
		wraps += !take_window(take, any, wraps || any);
		/* Go on with those that are idle. */
		if (take->move.moved > moved)
			windows = wraps = 0;
		/* One access needs no more than one frame. */
		if (insist && take->move.moved)
			break;
		cond_resched();
	}
	take_account(take, cpu);
}

bool uvmem_reclaim_own(struct uvmem_vm *vm)
{
	struct take take = {
		.vm = vm,
		.target = UVMEM_RECLAIM_STEP,
		.killable = true,
		.move = { .cause = UVMEM_CAUSE_RECLAIM, .nowait = true },
	};

	take_some(&take, true);
	return take.move.moved || take.move.skipped[UVMEM_REASON_BUSY] ||
	       fatal_signal_pending(current) || any_in_transit(vm);
}

u64 uvmem_reclaim_some(struct uvmem_vm *vm, u64 nr)
{
	struct take take = {
		.vm = vm,
		.target = nr,
		.killable = true,
		.modest = true,
		.move = { .cause = UVMEM_CAUSE_RECLAIM, .nowait = true, .trylock = true },
	};

	if (have_sink())
		take_some(&take, false);
	return take.move.moved;
}

void uvmem_reclaim_to_max(struct uvmem_vm *vm)
{
	unsigned int try;

	for (try = 0; try < UVMEM_MOVE_RETRIES; try++) {
		u64 max = READ_ONCE(vm->limits.max), frames = atomic_long_read(&vm->frames);
		struct take take = {
			.vm = vm,
			.move = { .cause = UVMEM_CAUSE_RECLAIM },
		};
		u64 cpu = current->se.sum_exec_runtime;

		if (!max || frames <= max || signal_pending(current))
			break;
		take.target = frames - max;
		/* The limit is the point, not who came in just now. */
		take.move.ignore_age = try;
		take_oldest(&take, 0);
		take_account(&take, cpu);
	}
}
