// SPDX-License-Identifier: GPL-2.0-only
/*
 * batch.c - what is common to batches of pages on their way in and out
 *
 * Which pages of a batch the purpose fits, their transit marks, what the VMM has
 * behind them, accounting, and retries: what migrate_vma could not have is
 * faulted in (it may be on swap) and tried again, UVMEM_MOVE_RETRIES times.
 * The life of a batch is told in move.h; movein.c and moveout.c move it.
 */
#include <linux/cpu.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "move.h"
#include "trace.h"

static unsigned int min_residency_ms = 10;
module_param(min_residency_ms, uint, 0644);
MODULE_PARM_DESC(min_residency_ms,
		 "A page stays in its frame at least this long before it is paged out again, at most 1000 (default 10)");

/* ---- batches -------------------------------------------------------------------- */

static size_t batch_size(unsigned int room)
{
	struct uvmem_batch *b;

	return sizeof(*b) + room * (sizeof(*b->src) + sizeof(*b->dst) + sizeof(*b->frames) +
				    sizeof(*b->pages) + sizeof(*b->frame_of) +
				    sizeof(*b->seals)) +
	       BITS_TO_LONGS(room) * sizeof(*b->todo);
}

/*
 * The node to have memory from: that of the CPU which wants the page. The daemon and
 * kernel threads run anywhere; they take the one where the VMM's threads were last.
 */
static int batch_nid(struct uvmem_vm *vm)
{
	if (current->mm == vm->mm && READ_ONCE(vm->nid) != numa_node_id())
		WRITE_ONCE(vm->nid, numa_node_id());
	return READ_ONCE(vm->nid);
}

static void batch_layout(struct uvmem_batch *b, struct uvmem_vm *vm, unsigned int room)
{
	b->vm = vm;
	b->room = room;
	b->nid = batch_nid(vm);
	b->short_of = UVMEM_REASON_NO_MEMORY;
	b->src = (void *)(b + 1);
	b->dst = b->src + room;
	b->frames = (void *)(b->dst + room);
	b->pages = b->frames + room;
	b->frame_of = b->pages + room;
	b->seals = (void *)(b->frame_of + room);
	b->todo = (void *)(b->seals + room);
}

struct uvmem_batch *uvmem_batch_alloc(struct uvmem_vm *vm, unsigned int room)
{
	struct uvmem_batch *b = kvzalloc(batch_size(room), GFP_KERNEL_ACCOUNT);

	if (b)
		batch_layout(b, vm, room);
	return b;
}

void uvmem_batch_init_one(struct uvmem_batch_one *one, struct uvmem_vm *vm)
{
	BUILD_BUG_ON(sizeof(one->room) < sizeof(*one->b.src) + sizeof(*one->b.dst) +
		     sizeof(*one->b.frames) + sizeof(*one->b.pages) + sizeof(*one->b.frame_of) +
		     sizeof(*one->b.seals) + sizeof(*one->b.todo));
	memset(one, 0, sizeof(*one));
	batch_layout(&one->b, vm, 1);
}

static bool batch_is_in(const struct uvmem_batch *b)
{
	return b->purpose == UVMEM_TO_SECURE || b->purpose == UVMEM_TO_FRAME;
}

void uvmem_batch_drop_spares(struct uvmem_batch *b)
{
	b->block = NULL;
	while (b->nr_frames)
		uvmem_frame_free(b->vm, b->frames[--b->nr_frames]);
	if (b->huge && batch_is_in(b))
		uvmem_handle_free_huge(b->huge);
	else if (b->huge)
		folio_put(page_folio(b->huge));
	b->huge = NULL;
	while (b->nr_pages) {
		struct page *page = b->pages[--b->nr_pages];

		if (batch_is_in(b))
			uvmem_handle_free(page);
		else
			__free_page(page);
	}
}

void uvmem_batch_release_one(struct uvmem_batch_one *one)
{
	uvmem_batch_drop_spares(&one->b);
}

void uvmem_batch_free(struct uvmem_batch *b)
{
	if (!b)
		return;
	uvmem_batch_drop_spares(b);
	kvfree(b);
}

/* The first error of a move is what its caller hears of. */
void uvmem_batch_error(const struct uvmem_batch *b, unsigned int i, int err)
{
	if (b->move->err)
		return;
	b->move->err = err;
	b->move->err_gfn = b->gfn + i;
}

void uvmem_batch_skip(struct uvmem_batch *b, enum uvmem_reason reason, u64 nr)
{
	b->move->skipped[reason] += nr;
	if (reason != UVMEM_REASON_STATE)
		atomic64_add(nr, &b->vm->stats.skipped[reason]);
}

long uvmem_residency_left(u64 ent, unsigned long at)
{
	unsigned int ms = min(READ_ONCE(min_residency_ms), 1000U);
	unsigned long now = jiffies;
	/* By now: the stamp is too short to tell a later one from one that is very old. */
	u16 age = (u16)now - uvmem_ent_stamp(ent);

	return (long)msecs_to_jiffies(ms) - age + (long)(now - at);
}

/* Does the purpose move a page with this word? Else *@ret_reason says why not. */
static bool batch_wants(const struct uvmem_batch *b, u64 ent, enum uvmem_reason *ret_reason)
{
	enum uvmem_page_state state = uvmem_ent_state(ent);

	*ret_reason = UVMEM_REASON_STATE;
	switch (b->purpose) {
	case UVMEM_TO_SECURE:
		return state == UVMEM_PAGE_NORMAL || state == UVMEM_PAGE_SHARED;
	case UVMEM_TO_FRAME:
		return b->from & BIT(state);
	case UVMEM_TO_SEALED:
		if (state != UVMEM_PAGE_IN)
			return false;
		*ret_reason = UVMEM_REASON_YOUNG;
		/* As of then: for pages that are old enough only now, there is no room. */
		return b->move->ignore_age || uvmem_residency_left(ent, b->asked) <= 0;
	case UVMEM_TO_RESET:
		return state == UVMEM_PAGE_IN || state == UVMEM_PAGE_ZERO ||
		       state == UVMEM_PAGE_POOL;
	case UVMEM_TO_WRITTEN:
		return state == UVMEM_PAGE_POOL;
	default:
		/* It was unsealed for this, and went out again since: not done, come again. */
		if (state == UVMEM_PAGE_OUT || state == UVMEM_PAGE_POOL)
			*ret_reason = UVMEM_REASON_RACED;
		return state == UVMEM_PAGE_IN || state == UVMEM_PAGE_ZERO ||
		       (state == UVMEM_PAGE_POOL && b->purpose == UVMEM_TO_SEALED_TOUCH);
	}
}

/*
 * Pages that change hands without being moved, because nothing of theirs is in
 * secure memory: the state is all there is to change.
 */
static bool batch_change_in_place(struct uvmem_batch *b, unsigned int off)
{
	u64 ent = b->chunk->ent[off];

	lockdep_assert_held(&b->chunk->lock);
	if (!uvmem_gives(b->purpose))
		return false;

	switch (uvmem_ent_state(ent)) {
	case UVMEM_PAGE_NORMAL:
	case UVMEM_PAGE_SHARED:
	case UVMEM_PAGE_ABSENT:
	case UVMEM_PAGE_LOST:
	case UVMEM_PAGE_OUT:
		return !uvmem_page_event(b->chunk, off, uvmem_give_event(b->purpose), 0, 0);
	default:
		return false;
	}
}

/* A guest that asks for a page back that the host dropped must hear of it. */
static bool batch_note_lost(const struct uvmem_batch *b, unsigned int i, u64 ent)
{
	if (!batch_is_in(b) || uvmem_ent_state(ent) != UVMEM_PAGE_LOST)
		return false;
	uvmem_batch_error(b, i, uvmem_page_next(UVMEM_PAGE_LOST, UVMEM_EV_UNSEAL));
	return true;
}

/*
 * Set the transit marks of those pages in b->todo that the purpose fits, in
 * ascending order; b->todo is what was marked. Returns how many.
 */
unsigned int uvmem_batch_mark(struct uvmem_batch *b)
{
	unsigned int i, marked = 0, in_place = 0;

	spin_lock_irq(&b->chunk->lock);
	for_each_set_bit(i, b->todo, b->nr) {
		unsigned int off = b->off + i;
		enum uvmem_reason reason;

		while (b->chunk->ent[off] & UVMEM_ENT_TRANSIT) {
			int ret = -EBUSY;

			spin_unlock_irq(&b->chunk->lock);
			if (!b->move->nowait)
				ret = uvmem_transit_wait(b->vm, b->gfn + i);
			spin_lock_irq(&b->chunk->lock);
			if (ret)
				break;
		}
		reason = UVMEM_REASON_BUSY;
		if (b->chunk->ent[off] & UVMEM_ENT_TRANSIT) {
			uvmem_batch_skip(b, reason, 1);
		} else if (batch_change_in_place(b, off)) {
			in_place++;
		} else if (batch_wants(b, b->chunk->ent[off], &reason) &&
			   uvmem_transit_trymark(b->chunk, off)) {
			marked++;
			continue;
		} else {
			batch_note_lost(b, i, b->chunk->ent[off]);
			uvmem_batch_skip(b, reason, 1);
		}
		__clear_bit(i, b->todo);
	}
	spin_unlock_irq(&b->chunk->lock);

	b->move->moved += in_place;
	return marked;
}

void uvmem_batch_unmark_one(struct uvmem_batch *b, unsigned int i)
{
	spin_lock_irq(&b->chunk->lock);
	uvmem_transit_unmark(b->chunk, b->off + i);
	spin_unlock_irq(&b->chunk->lock);
	__clear_bit(i, b->todo);
	uvmem_transit_wake(b->vm, b->gfn + i);
}

void uvmem_batch_unmark(struct uvmem_batch *b)
{
	unsigned int i;

	spin_lock_irq(&b->chunk->lock);
	for_each_set_bit(i, b->todo, b->nr)
		uvmem_transit_unmark(b->chunk, b->off + i);
	spin_unlock_irq(&b->chunk->lock);
	bitmap_zero(b->todo, b->nr);
	uvmem_transit_wake(b->vm, b->gfn);
}

/* One batch is over: counters, histogram, trace. */
void uvmem_batch_account(struct uvmem_batch *b, bool in, unsigned int moved)
{
	struct uvmem_stats *stats = &b->vm->stats;
	enum uvmem_cause cause = b->move->cause;
	u64 ns = ktime_get_ns() - b->start_ns;

	b->move->moved += moved;
	if (in) {
		atomic64_add(moved, &stats->page_in[cause]);
		uvmem_hist_add(stats->page_in_ns[cause], ns);
	} else {
		atomic64_add(moved, &stats->page_out[cause]);
		uvmem_hist_add(stats->page_out_ns[cause], ns);
	}
	if (b->purpose == UVMEM_TO_SECURE)
		atomic64_add(moved, &stats->unshared);
	else if (b->purpose == UVMEM_TO_SHARED)
		atomic64_add(moved, &stats->shared);
	trace_uvmem_move_batch(b->vm->id, in, b->gfn, b->nr, moved, cause, ns);
}

/*
 * Is there anything for the batch to do in the chunk, and how many pages may
 * need a new place? Saves marks and locks when a range is gone through again.
 */
bool uvmem_batch_has_work(struct uvmem_batch *b, unsigned int *ret_need)
{
	unsigned int i, need = 0;
	bool work = false;

	b->asked = jiffies;
	for (i = 0; i < b->nr; i++) {
		u64 ent = READ_ONCE(b->chunk->ent[b->off + i]);
		enum uvmem_reason reason;

		if ((ent & UVMEM_ENT_TRANSIT) || batch_wants(b, ent, &reason)) {
			work = true;
			need++;
		} else if (reason != UVMEM_REASON_STATE || batch_note_lost(b, i, ent)) {
			work = true;	/* to be counted */
		} else if (uvmem_gives(b->purpose)) {
			work |= uvmem_page_next(uvmem_ent_state(ent),
						uvmem_give_event(b->purpose)) >= 0;
		}
	}
	*ret_need = need;
	return work;
}

/* ---- the VMM's memory -------------------------------------------------------------- */

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
	if (batch_is_in(b))
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
	return batch_is_in(b) && b->vma->vm_flags & VM_MERGEABLE &&
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
		else if (batch_is_in(b))
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
		held = !batch_is_in(b) || batch_populate(b, retry);
		bitmap_copy(b->todo, retry, b->nr);
		/* A reference or lock that goes away by itself, or else by the last try. */
		if (held) {
			mmap_read_unlock(mm);
			if (batch_is_in(b) && try == UVMEM_MOVE_RETRIES - 1)
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
