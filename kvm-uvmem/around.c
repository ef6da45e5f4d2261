// SPDX-License-Identifier: GPL-2.0-only
/*
 * around.c - which pages come in with the one that the guest touches
 *
 * Purpose
 *	The guest touched a page that was paged out, or one for the first time: its
 *	neighbours that are in the same case are likely to be next, and a batch costs
 *	little more than a page. They get frames that nobody needs now, wait for
 *	nobody, and nothing is lost if this fails: the caller goes for the page itself.
 *
 *	Of pages that were paged out, how many is learnt for each 2 MiB (fault_window.h).
 *	chunk->brought has those that came in so and that the guest has not touched
 *	since: it has no mapping of them before it does, so that its fault is seen.
 *
 * Notes on locking
 *	chunk->lock protects the window and what was brought.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>

#include "move.h"

static unsigned int fault_around_pages = 1;
module_param(fault_around_pages, uint, 0644);
MODULE_PARM_DESC(fault_around_pages,
		 "Paged-out pages that come in with the one a guest touches, at least: a power of 2 up to 512 (default 1: only that one)");

static unsigned int fault_around_max = 32;
module_param(fault_around_max, uint, 0644);
MODULE_PARM_DESC(fault_around_max,
		 "The same, at most, where the guest uses them: a power of 2 up to 512 (default 32; 1: never more than fault_around_pages)");

static unsigned int fill_around_pages = 16;
module_param(fill_around_pages, uint, 0644);
MODULE_PARM_DESC(fill_around_pages,
		 "Untouched pages that get frames with the one a guest touches first: a power of 2 up to 512 (default 16)");

static unsigned int to_window(unsigned int pages)
{
	return rounddown_pow_of_two(clamp(pages, 1U, UVMEM_CHUNK_PAGES));
}

static bool in_use(const struct uvmem_chunk *chunk, unsigned int off)
{
	return uvmem_ent_state(chunk->ent[off]) == UVMEM_PAGE_IN && !test_bit(off, chunk->brought);
}

/* The most that the parameters allow; nobody comes with a page that is in another state. */
static unsigned int most(enum uvmem_page_state state)
{
	if (state == UVMEM_PAGE_ABSENT)
		return READ_ONCE(fill_around_pages);
	if (UVMEM_FROM_OUT & BIT(state))
		return max(READ_ONCE(fault_around_pages), READ_ONCE(fault_around_max));
	return 1;
}

/* For a page that was paged out, as its chunk has learnt. */
static unsigned int learnt_window(struct uvmem_chunk *chunk, unsigned int off)
{
	unsigned int least = to_window(READ_ONCE(fault_around_pages));
	unsigned int max = to_window(READ_ONCE(fault_around_max));
	bool neighbour;

	if (max <= least)
		return least;
	guard(spinlock_irq)(&chunk->lock);
	neighbour = (off && in_use(chunk, off - 1)) ||
		    (off + 1 < UVMEM_CHUNK_PAGES && in_use(chunk, off + 1));
	return max(least, uvmem_fault_window_next(&chunk->window, neighbour, max));
}

bool uvmem_page_in_around(struct uvmem_vm *vm, const struct kvm_memory_slot *slot, gfn_t gfn,
			  enum uvmem_page_state state)
{
	struct uvmem_move move = { .cause = UVMEM_CAUSE_GUEST_FAULT, .nowait = true };
	unsigned int window, need, off = uvmem_chunk_offset(gfn);
	struct uvmem_chunk *chunk;
	struct uvmem_batch *b;
	gfn_t first, end;

	if (most(state) < 2)
		return false;
	chunk = uvmem_chunk_get(vm, gfn);
	if (IS_ERR(chunk))
		return false;
	window = state == UVMEM_PAGE_ABSENT ? to_window(READ_ONCE(fill_around_pages)) :
					      learnt_window(chunk, off);
	first = max(ALIGN_DOWN(gfn, window), slot->base_gfn);
	end = min(ALIGN_DOWN(gfn, window) + window, slot->base_gfn + slot->npages);
	if (end - first < 2 || uvmem_frame_room(vm) < 2 * window)
		return false;
	b = uvmem_batch_alloc(vm, end - first);
	if (!b)
		return false;

	b->purpose = UVMEM_TO_FRAME;
	b->from = state == UVMEM_PAGE_ABSENT ? BIT(UVMEM_PAGE_ABSENT) : UVMEM_FROM_OUT;
	b->move = &move;
	b->chunk = chunk;
	b->gfn = first;
	b->off = uvmem_chunk_offset(first);
	b->nr = end - first;
	b->touched = gfn - first + 1;
	b->hva = __gfn_to_hva_memslot(slot, first);
	if (uvmem_batch_has_work(b, &need) && !uvmem_batch_run(b, need) && move.moved > 1)
		atomic64_add(move.moved - 1, &vm->stats.fault_around);
	uvmem_batch_free(b);
	return true;
}

void uvmem_around_brought(struct uvmem_chunk *chunk, unsigned int off)
{
	lockdep_assert_held(&chunk->lock);
	__set_bit(off, chunk->brought);
	uvmem_fault_window_brought(&chunk->window, 1);
}

void uvmem_around_touched(struct uvmem_chunk *chunk, unsigned int off)
{
	unsigned int nr;

	if (!test_bit(off, chunk->brought) && !READ_ONCE(chunk->contig))
		return;
	guard(spinlock_irq)(&chunk->lock);
	if (chunk->contig) {
		/* One mapping for all of the chunk: there will be no other fault. */
		nr = bitmap_weight(chunk->brought, UVMEM_CHUNK_PAGES);
		bitmap_zero(chunk->brought, UVMEM_CHUNK_PAGES);
	} else {
		nr = __test_and_clear_bit(off, chunk->brought);
	}
	uvmem_fault_window_used(&chunk->window, nr);
	atomic64_add(nr, &chunk->vm->stats.fault_around_used);
}
