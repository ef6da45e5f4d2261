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
/* A look at a page's state costs about this fraction of a move. */
#define LOOKS_PER_PAGE	16

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

/* Where does the call go on? */
static void step_begin(struct uvmem_vm *vm, const struct uvmem_hc *hc,
		       const struct uvmem_hc_walk *walk, struct uvmem_hc_cursor *at)
{
	struct uvmem_hc_progress *p = &vm->hc;
	u64 opposite;

	mutex_lock(&vm->lock);
	p->seq[walk->direction]++;
	opposite = p->seq[!walk->direction];
	if (same_call(&p->cursor, hc) && p->cursor.opposite == opposite) {
		*at = p->cursor;
	} else {
		*at = (struct uvmem_hc_cursor) {
			.nr = hc->nr,
			.arg = { hc->arg[0], hc->arg[1], hc->arg[2] },
			.vcpu_id = hc->vcpu_id,
			.opposite = opposite,
		};
		new_pass(at, walk->gfn);
	}
	mutex_unlock(&vm->lock);
}

/* To be continued. Another long call's cursor gives way: it has to begin anew, no more. */
static int step_again(struct uvmem_vm *vm, const struct uvmem_hc_cursor *at)
{
	mutex_lock(&vm->lock);
	vm->hc.cursor = *at;
	mutex_unlock(&vm->lock);
	return -EAGAIN;
}

static int step_over(struct uvmem_vm *vm, const struct uvmem_hc *hc, int err)
{
	mutex_lock(&vm->lock);
	if (same_call(&vm->hc.cursor, hc))
		vm->hc.cursor.nr = 0;
	mutex_unlock(&vm->lock);
	return err;
}

void uvmem_hc_settle(struct uvmem_vm *vm, const struct uvmem_hc *hc)
{
	struct uvmem_hc_cursor *at = &vm->hc.cursor;

	/* A vCPU sees its own last write; that of another does not concern it. */
	if (!READ_ONCE(at->nr))
		return;
	mutex_lock(&vm->lock);
	if (at->vcpu_id == hc->vcpu_id && !same_call(at, hc))
		at->nr = 0;
	mutex_unlock(&vm->lock);
}

void uvmem_hc_count(struct uvmem_vm *vm, enum uvmem_hc_direction direction)
{
	mutex_lock(&vm->lock);
	vm->hc.seq[direction]++;
	mutex_unlock(&vm->lock);
}

void uvmem_hc_forget(struct uvmem_vm *vm)
{
	mutex_lock(&vm->lock);
	vm->hc.cursor.nr = 0;
	/* Steps that are being made now must not be believed, either. */
	vm->hc.seq[UVMEM_HC_SECURE]++;
	vm->hc.seq[UVMEM_HC_SHARE]++;
	mutex_unlock(&vm->lock);
}

/* ---- walk --------------------------------------------------------------------------- */

/*
 * The next pages to work on, from at->next on; what lies before them is dealt
 * with. False: none before @end. *budget is what this step may still look at.
 */
static bool next_piece(struct uvmem_vm *vm, const struct uvmem_hc_walk *walk,
		       struct uvmem_hc_cursor *at, gfn_t end, u64 *budget,
		       gfn_t *ret_gfn, u64 *ret_nr)
{
	u64 looks = *budget * LOOKS_PER_PAGE, nr;
	gfn_t gfn = at->next;

	while (gfn < end && uvmem_next_slot_range(vm, gfn, &gfn, &nr) && gfn < end) {
		gfn_t last;

		nr = min(nr, end - gfn);
		if (!uvmem_range_in_slots(vm, gfn, nr)) {
			/* ROM, or a slot that went away just now. */
			gfn += nr;
			continue;
		}
		if (!walk->only_shared) {
			at->next = gfn;
			*ret_gfn = gfn;
			*ret_nr = min(nr, *budget);
			return true;
		}

		last = gfn + nr;
		while (gfn < last && looks &&
		       uvmem_gfn_state(vm, gfn, NULL) != UVMEM_PAGE_SHARED) {
			gfn++;
			looks--;
		}
		at->next = gfn;
		*budget = looks / LOOKS_PER_PAGE;
		if (gfn == last)
			continue;
		*ret_gfn = gfn;
		*ret_nr = 0;
		while (gfn < last && *ret_nr < *budget &&
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
	u64 budget = UVMEM_HC_STEP_PAGES, nr;
	struct uvmem_hc_cursor at;

	step_begin(vm, hc, walk, &at);
	if (ret_gfn)
		*ret_gfn = at.next;

	while (next_piece(vm, walk, &at, end, &budget, &gfn, &nr)) {
		struct uvmem_move move = {
			.cause = UVMEM_CAUSE_HYPERCALL,
			.zero = walk->zero,
		};
		u32 reasons;
		s64 done;

		if (!nr)	/* the budget is used up */
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
		if (move.err)
			return step_over(vm, hc, move.err);

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
		budget -= min_t(u64, budget, done);
		if ((u64)done < nr || !budget || signal_pending(current))
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
