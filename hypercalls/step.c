// SPDX-License-Identifier: GPL-2.0-only
/*
 * step.c - ranges of any length, in steps
 *
 * A guest may ask for all of its memory with one call. No step looks at more than
 * UVMEM_HC_STEP_PAGES; after each the vCPU goes back to the instruction, where
 * interrupts and signals come in, and makes the call again. progress.h says how it
 * is known then where to go on.
 *
 * One run over the range is a pass. Pages that did not move in a pass (pinned, in
 * transit, no frame) are what the next one is for; a pass that moves nothing is a
 * try, and tries are bounded. vm->lock is held only to read and write the cursor.
 */
#ifdef __KERNEL__
#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#endif

#include "hypercalls.h"

#define NO_GFN		(~0ULL)
#define REASON(r)	(1U << UVMEM_REASON_##r)
#define REASONS_MEMORY	(REASON(NO_FRAME) | REASON(NO_MEMORY))
/* What a step may do is counted in looks at a page's state; a move costs so many. */
#define LOOKS_PER_MOVE	16

/* Reasons that leave something undone: all but "there was nothing to do". */
static u32 move_reasons(const struct uvmem_move *move)
{
	u32 reasons = 0;
	unsigned int i;

	for (i = 0; i < UVMEM_NR_REASONS; i++)
		if (i != UVMEM_REASON_STATE && move->skipped[i])
			reasons |= 1U << i;
	return reasons;
}

static int reasons_errno(u32 reasons)
{
	if (!reasons)
		return 0;
	if (reasons & REASON(NOT_ANON))
		return -EFAULT;
	if (reasons & REASONS_MEMORY)
		return -ENOMEM;
	return -EBUSY;
}

int uvmem_hc_range_errno(s64 done, u64 nr, const struct uvmem_move *move)
{
	if (done == -EINTR)
		return -EAGAIN;
	if (done < 0)
		return (int)done;
	if (move->err)
		return move->err;
	return (u64)done < nr ? -EAGAIN : reasons_errno(move_reasons(move));
}

/* ---- cursor ------------------------------------------------------------------------- */

static bool same_call(const struct uvmem_hc_cursor *at, const struct uvmem_hc *hc)
{
	return at->nr == hc->nr && at->vcpu_id == hc->vcpu_id &&
	       at->arg[0] == hc->arg[0] && at->arg[1] == hc->arg[1] &&
	       at->arg[2] == hc->arg[2];
}

static void new_pass(struct uvmem_hc_cursor *at, u64 gfn)
{
	at->next = gfn;
	at->left = NO_GFN;
	at->reasons = 0;
	at->moved = false;
}

/* The cursor of a vCPU, NULL: it has none. */
static struct uvmem_hc_cursor *cursor_of(struct uvmem_hc_progress *p, u32 vcpu_id)
{
	unsigned int i;

	for (i = 0; p->nr_cursors && i < UVMEM_HC_CURSORS; i++)
		if (p->cursors[i].nr && p->cursors[i].vcpu_id == vcpu_id)
			return &p->cursors[i];
	return NULL;
}

static void cursor_drop(struct uvmem_hc_progress *p, struct uvmem_hc_cursor *at)
{
	at->nr = 0;
	WRITE_ONCE(p->nr_cursors, p->nr_cursors - 1);
}

static struct uvmem_hc_cursor *cursor_new(struct uvmem_hc_progress *p)
{
	unsigned int i;

	for (i = 0; i < UVMEM_HC_CURSORS; i++) {
		if (p->cursors[i].nr)
			continue;
		WRITE_ONCE(p->nr_cursors, p->nr_cursors + 1);
		return &p->cursors[i];
	}
	return NULL;
}

/* [gfn, end) is about to change in @direction: who works in the other one looks again. */
static void rewind_others(struct uvmem_hc_progress *p, enum uvmem_hc_direction direction,
			  gfn_t gfn, gfn_t end)
{
	unsigned int i;

	for (i = 0; p->nr_cursors && i < UVMEM_HC_CURSORS; i++) {
		struct uvmem_hc_cursor *at = &p->cursors[i];

		if (at->nr && at->direction != direction && end > at->first)
			at->rewind = min_t(u64, at->rewind, gfn);
	}
}

static void rewind_self(struct uvmem_hc_cursor *at)
{
	if (at->rewind < at->next)
		at->next = at->rewind > at->first ? at->rewind : at->first;
	at->rewind = NO_GFN;
}

/*
 * Where does the call go on? The cursor is there from the first step on, so that
 * others can wind it back while the step is being made.
 */
static void step_begin(struct uvmem_vm *vm, const struct uvmem_hc *hc,
		       const struct uvmem_hc_walk *walk, struct uvmem_hc_cursor *at)
{
	struct uvmem_hc_progress *p = &vm->hc;
	struct uvmem_hc_cursor *slot;

	mutex_lock(&vm->lock);
	rewind_others(p, walk->direction, walk->gfn, walk->gfn + walk->nr);
	slot = cursor_of(p, hc->vcpu_id);
	if (slot && same_call(slot, hc)) {
		rewind_self(slot);
		*at = *slot;
	} else {
		*at = (struct uvmem_hc_cursor) {
			.nr = hc->nr,
			.arg = { hc->arg[0], hc->arg[1], hc->arg[2] },
			.vcpu_id = hc->vcpu_id,
			.direction = walk->direction,
			.first = walk->gfn,
			.rewind = NO_GFN,
		};
		new_pass(at, walk->gfn);
		if (!slot)
			slot = cursor_new(p);
		if (slot)
			*slot = *at;
	}
	mutex_unlock(&vm->lock);
}

/*
 * To be continued. No cursor is taken from another vCPU: those who have one finish
 * and make room, while if all took from all nobody might.
 */
static int step_again(struct uvmem_vm *vm, struct uvmem_hc_cursor *at)
{
	struct uvmem_hc_cursor *slot;

	mutex_lock(&vm->lock);
	slot = cursor_of(&vm->hc, at->vcpu_id);
	if (slot) {
		at->rewind = slot->rewind;
		*slot = *at;
	}
	mutex_unlock(&vm->lock);
	return -EAGAIN;
}

static int step_over(struct uvmem_vm *vm, const struct uvmem_hc *hc, int err)
{
	struct uvmem_hc_cursor *at;

	mutex_lock(&vm->lock);
	at = cursor_of(&vm->hc, hc->vcpu_id);
	if (at)
		cursor_drop(&vm->hc, at);
	mutex_unlock(&vm->lock);
	return err;
}

void uvmem_hc_settle(struct uvmem_vm *vm, const struct uvmem_hc *hc)
{
	struct uvmem_hc_cursor *at;

	/* A vCPU sees its own last write; those of others do not concern it. */
	if (!READ_ONCE(vm->hc.nr_cursors))
		return;
	mutex_lock(&vm->lock);
	at = cursor_of(&vm->hc, hc->vcpu_id);
	if (at && !same_call(at, hc))
		cursor_drop(&vm->hc, at);
	mutex_unlock(&vm->lock);
}

void uvmem_hc_changes(struct uvmem_vm *vm, enum uvmem_hc_direction direction,
		      gfn_t gfn, u64 nr)
{
	mutex_lock(&vm->lock);
	rewind_others(&vm->hc, direction, gfn, gfn + nr);
	mutex_unlock(&vm->lock);
}

/* ---- walk --------------------------------------------------------------------------- */

/*
 * The next pages to work on, from at->next on; what lies before them is dealt
 * with. False: none before @end. *looks is what this step may still do.
 */
static bool next_piece(struct uvmem_vm *vm, const struct uvmem_hc_walk *walk,
		       struct uvmem_hc_cursor *at, gfn_t end, u64 *looks,
		       gfn_t *ret_gfn, u64 *ret_nr)
{
	gfn_t gfn = at->next;
	u64 nr;

	while (gfn < end && uvmem_next_slot_range(vm, gfn, &gfn, &nr) && gfn < end) {
		gfn_t last;

		nr = min(nr, end - gfn);
		if (gfn >= walk->except && gfn < walk->except + walk->nr_except) {
			gfn += min(nr, walk->except + walk->nr_except - gfn);
			continue;
		}
		if (gfn < walk->except && walk->nr_except)
			nr = min(nr, walk->except - gfn);
		if (!uvmem_range_in_slots(vm, gfn, nr)) {
			/* ROM, or a slot that went away just now. */
			gfn += nr;
			continue;
		}
		if (!walk->only_shared) {
			at->next = gfn;
			*ret_gfn = gfn;
			*ret_nr = min(nr, *looks / LOOKS_PER_MOVE);
			return true;
		}

		last = gfn + nr;
		while (gfn < last && *looks &&
		       uvmem_gfn_state(vm, gfn, NULL) != UVMEM_PAGE_SHARED) {
			gfn++;
			(*looks)--;
		}
		at->next = gfn;
		if (gfn == last)
			continue;
		*ret_gfn = gfn;
		*ret_nr = 0;
		while (gfn < last && *ret_nr < *looks / LOOKS_PER_MOVE &&
		       uvmem_gfn_state(vm, gfn, NULL) == UVMEM_PAGE_SHARED) {
			gfn++;
			(*ret_nr)++;
		}
		return true;
	}
	return false;
}

int uvmem_hc_walk(struct uvmem_vm *vm, const struct uvmem_hc *hc,
		  const struct uvmem_hc_walk *walk, gfn_t *ret_gfn)
{
	gfn_t end = walk->gfn + walk->nr, gfn;
	u64 looks = UVMEM_HC_STEP_PAGES * LOOKS_PER_MOVE, nr;
	struct uvmem_hc_cursor at;

	step_begin(vm, hc, walk, &at);
	if (ret_gfn)
		*ret_gfn = at.next;

	while (next_piece(vm, walk, &at, end, &looks, &gfn, &nr)) {
		struct uvmem_move move = {
			.cause = UVMEM_CAUSE_HYPERCALL,
			.zero = walk->zero,
		};
		u32 reasons;
		s64 done;

		if (!nr)	/* the step is long enough */
			return step_again(vm, &at);
		if (walk->direction == UVMEM_HC_SECURE)
			done = uvmem_secure_range(vm, gfn, nr, &move);
		else
			done = uvmem_share_range(vm, gfn, nr, &move);
		if (done == -EAGAIN || done == -EINTR)
			return step_again(vm, &at);
		if (ret_gfn)
			*ret_gfn = gfn;
		if (done < 0)
			return step_over(vm, hc, (int)done);
		if (move.err) {
			if (ret_gfn)
				*ret_gfn = move.err_gfn;
			return step_over(vm, hc, move.err);
		}

		reasons = move_reasons(&move);
		if (reasons & REASON(NOT_ANON))
			return step_over(vm, hc, -EFAULT);
		if (reasons) {
			at.reasons |= reasons;
			at.left = min_t(u64, at.left, gfn);
		}
		if (move.moved)
			at.moved = true;
		at.next = gfn + done;
		/* What was done before costs little, so that a walk without cursor gets on. */
		looks -= min_t(u64, looks, done + move.moved * (LOOKS_PER_MOVE - 1));
		if ((u64)done < nr || !looks || signal_pending(current))
			return step_again(vm, &at);
	}

	if (!at.reasons)
		return step_over(vm, hc, 0);

	/* The pass is over, and something is left. */
	if (ret_gfn)
		*ret_gfn = at.left;
	if (!at.moved) {
		u32 tries = at.reasons & REASONS_MEMORY ? walk->tries_memory : walk->tries;

		if (++at.tries >= tries)
			return step_over(vm, hc, reasons_errno(at.reasons));
		usleep_range(1000, 2000);
	} else {
		at.tries = 0;
	}
	new_pass(&at, at.left);
	return step_again(vm, &at);
}
