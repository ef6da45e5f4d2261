// SPDX-License-Identifier: GPL-2.0-only
/*
 * batch.c - what is common to batches of pages on their way in and out
 *
 * Which pages of a batch the purpose fits, their transit marks, what the VMM has
 * behind them, accounting, and retries: what migrate_vma could not have is
 * faulted in (it may be on swap) and tried again, UVMEM_MOVE_RETRIES times.
 * The life of a batch is told in move.h; movein.c and moveout.c move it.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/leafops.h>		/* wants the two above */
#include <linux/memremap.h>
#include <linux/moduleparam.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

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

static void batch_layout(struct uvmem_batch *b, struct uvmem_vm *vm, unsigned int room)
{
	b->vm = vm;
	b->room = room;
	b->nid = numa_node_id();
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

long uvmem_residency_left(u64 ent)
{
	unsigned int ms = min(READ_ONCE(min_residency_ms), 1000U);
	u16 age = (u16)jiffies - uvmem_ent_stamp(ent);

	return (long)msecs_to_jiffies(ms) - age;
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
		return state == UVMEM_PAGE_OUT ||
		       (b->fill && (state == UVMEM_PAGE_ABSENT || state == UVMEM_PAGE_ZERO));
	case UVMEM_TO_SEALED:
		if (state != UVMEM_PAGE_IN)
			return false;
		*ret_reason = UVMEM_REASON_YOUNG;
		return b->move->ignore_age || uvmem_residency_left(ent) <= 0;
	default:
		return state == UVMEM_PAGE_IN || state == UVMEM_PAGE_ZERO;
	}
}

/*
 * Pages that change hands without being moved, because nothing of theirs is in
 * secure memory: the state is all there is to change.
 */
static bool batch_change_in_place(struct uvmem_batch *b, unsigned int off)
{
	u64 ent = b->chunk->ent[off];
	enum uvmem_page_state state = uvmem_ent_state(ent);
	enum uvmem_page_event event;

	lockdep_assert_held(&b->chunk->lock);
	if (b->purpose == UVMEM_TO_SHARED)
		event = UVMEM_EV_SHARE;
	else if (b->purpose == UVMEM_TO_NORMAL)
		event = UVMEM_EV_ABORT;
	else
		return false;

	switch (state) {
	case UVMEM_PAGE_NORMAL:
	case UVMEM_PAGE_SHARED:
	case UVMEM_PAGE_ABSENT:
	case UVMEM_PAGE_LOST:
		return !uvmem_page_event(b->chunk, off, event, 0, 0);
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
bool uvmem_batch_has_work(const struct uvmem_batch *b, unsigned int *ret_need)
{
	unsigned int i, need = 0;
	bool work = false;

	for (i = 0; i < b->nr; i++) {
		u64 ent = READ_ONCE(b->chunk->ent[b->off + i]);
		enum uvmem_reason reason;

		if ((ent & UVMEM_ENT_TRANSIT) || batch_wants(b, ent, &reason)) {
			work = true;
			need++;
		} else if (reason != UVMEM_REASON_STATE || batch_note_lost(b, i, ent)) {
			work = true;	/* to be counted */
		} else if (b->purpose == UVMEM_TO_SHARED) {
			work |= uvmem_page_next(uvmem_ent_state(ent), UVMEM_EV_SHARE) >= 0;
		} else if (b->purpose == UVMEM_TO_NORMAL) {
			work |= uvmem_page_next(uvmem_ent_state(ent), UVMEM_EV_ABORT) >= 0;
		}
	}
	*ret_need = need;
	return work;
}

/* ---- the VMM's memory -------------------------------------------------------------- */

bool uvmem_vma_fits(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) && !is_vm_hugetlb_page(vma) &&
	       !(vma->vm_flags & (VM_SPECIAL | VM_SHARED));
}

static enum uvmem_peek peek_leaf(softleaf_t entry)
{
	if (softleaf_is_device_private(entry)) {
		struct dev_pagemap *pgmap = page_pgmap(softleaf_to_page(entry));

		return pgmap->owner == uvmem_pgmap_owner() ? UVMEM_PEEK_HANDLE :
							     UVMEM_PEEK_FOREIGN;
	}
	return softleaf_is_swap(entry) ? UVMEM_PEEK_SWAP : UVMEM_PEEK_BUSY;
}

/*
 * A look without locks: with interrupts off no table can be freed (as in KVM's
 * host_pfn_mapping_level()). A hint, except where the caller keeps it true.
 */
enum uvmem_peek uvmem_peek(struct mm_struct *mm, unsigned long addr)
{
	enum uvmem_peek peek = UVMEM_PEEK_NO_TABLE;
	unsigned long flags;
	struct page *page;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;
	pte_t pte;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, addr));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, addr));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, addr));
	if (pud_none(pud))
		goto out;
	peek = UVMEM_PEEK_BUSY;
	if (!pud_present(pud) || pud_leaf(pud))
		goto out;
	pmd = READ_ONCE(*pmd_offset(&pud, addr));
	peek = UVMEM_PEEK_NO_TABLE;
	if (pmd_none(pmd))
		goto out;
	if (!pmd_present(pmd)) {
		peek = peek_leaf(softleaf_from_pmd(pmd));
		if (peek == UVMEM_PEEK_HANDLE)
			peek = UVMEM_PEEK_HUGE_HANDLE;
		goto out;
	}
	peek = UVMEM_PEEK_PRESENT;
	if (pmd_leaf(pmd)) {
		peek = UVMEM_PEEK_HUGE;
		page = pmd_page(pmd);
		if (folio_maybe_dma_pinned(page_folio(page)))
			peek = UVMEM_PEEK_PINNED;
		goto out;
	}

	pte = ptep_get_lockless(pte_offset_kernel(&pmd, addr));
	if (pte_none(pte)) {
		peek = UVMEM_PEEK_NONE;
	} else if (!pte_present(pte)) {
		peek = peek_leaf(softleaf_from_pte(pte));
	} else if (is_zero_pfn(pte_pfn(pte))) {
		peek = UVMEM_PEEK_NONE;
	} else if (!pte_special(pte) && pfn_valid(pte_pfn(pte))) {
		page = pte_page(pte);
		if (folio_maybe_dma_pinned(page_folio(page)))
			peek = UVMEM_PEEK_PINNED;
	}
out:
	local_irq_restore(flags);
	return peek;
}

/* Bring back from swap what @retry asks for; others' device pages are let be. */
static void batch_populate(struct uvmem_batch *b, const unsigned long *retry)
{
	struct mm_struct *mm = b->vm->mm;
	unsigned int i;

	mmap_assert_locked(mm);
	for_each_set_bit(i, retry, b->nr) {
		unsigned long addr = b->hva + ((unsigned long)i << PAGE_SHIFT);
		bool unlocked = false;

		if (uvmem_peek(mm, addr) == UVMEM_PEEK_SWAP)
			fixup_user_fault(mm, addr, 0, &unlocked);
	}
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

	if (b->purpose == UVMEM_TO_SHARED || b->purpose == UVMEM_TO_NORMAL) {
		uvmem_batch_mark(b);
		nr = bitmap_weight(b->todo, b->nr);
		uvmem_batch_unmark(b);
	}
	uvmem_batch_skip(b, UVMEM_REASON_NOT_ANON, nr);
}

/* Move the batch, with retries. b->nr may shrink to what the VMA has. -EINTR: fatal signal. */
int uvmem_batch_run(struct uvmem_batch *b, unsigned int need)
{
	struct mm_struct *mm = b->vm->mm;
	DECLARE_BITMAP(retry, UVMEM_BATCH);
	unsigned int try;

	bitmap_fill(b->todo, b->nr);
	if (batch_is_in(b))
		uvmem_batch_in_prepare(b, need);
	else
		uvmem_batch_out_prepare(b, need);
	if (mmap_read_lock_killable(mm))
		return -EINTR;

	for (try = 1; ; try++) {
		unsigned long *again = try < UVMEM_MOVE_RETRIES ? retry : NULL;

		/* fixup_user_fault() may have let go of mmap_lock: look anew each time. */
		b->vma = find_vma(mm, b->hva);
		b->nr = batch_nr_alike(b);
		if (!b->vma || b->vma->vm_start > b->hva || !uvmem_vma_fits(b->vma)) {
			batch_skip_unfit(b);
			break;
		}

		bitmap_zero(retry, UVMEM_BATCH);
		if (batch_is_in(b))
			uvmem_batch_in(b, again);
		else
			uvmem_batch_out(b, again);
		if (bitmap_empty(retry, b->nr) || fatal_signal_pending(current))
			break;

		atomic64_inc(&b->vm->stats.retries);
		bitmap_copy(b->todo, retry, b->nr);
		if (batch_is_in(b)) {
			batch_populate(b, retry);
		} else {
			/* A reference or lock that goes away by itself. */
			mmap_read_unlock(mm);
			cond_resched();
			if (mmap_read_lock_killable(mm))
				return -EINTR;
		}
	}
	mmap_read_unlock(mm);
	return 0;
}
