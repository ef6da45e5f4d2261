// SPDX-License-Identifier: GPL-2.0-only
/*
 * batch.c - what is common to batches of pages on their way in and out
 *
 * What one consists of, which of its pages the purpose fits, their transit marks, accounting.
 * The life of a batch is told in move.h; attempt.c tries to move it.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "move.h"
#include "trace.h"

static unsigned int min_residency_ms = 10;
module_param(min_residency_ms, uint, 0644);
MODULE_PARM_DESC(min_residency_ms,
		 "A page stays in its frame at least this long before it is paged out again, at most 1000 (default 10)");

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

void uvmem_batch_drop_spares(struct uvmem_batch *b)
{
	b->block = NULL;
	while (b->nr_frames)
		uvmem_frame_free(b->vm, b->frames[--b->nr_frames]);
	if (b->huge && uvmem_batch_is_in(b))
		uvmem_handle_free_huge(b->huge);
	else if (b->huge)
		folio_put(page_folio(b->huge));
	b->huge = NULL;
	while (b->nr_pages) {
		struct page *page = b->pages[--b->nr_pages];

		if (uvmem_batch_is_in(b))
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
	if (!uvmem_batch_is_in(b) || uvmem_ent_state(ent) != UVMEM_PAGE_LOST)
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
