// SPDX-License-Identifier: GPL-2.0-only
/*
 * move.c - ranges of pages, cut into batches
 *
 * A range is cut where chunk, memslot or VMA end, so that a batch has one of
 * each. Locks are dropped between batches; a batch is the most that a vCPU, a
 * signal or a writer of mmap_lock ever waits for.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "move.h"
#include "reclaim.h"
#include "stall.h"

/* ---- ranges ---------------------------------------------------------------------------- */

struct kvm_memory_slot *uvmem_user_slot(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot = gfn_to_memslot(kvm, gfn);

	if (!slot || slot->id >= KVM_USER_MEM_SLOTS || (slot->flags & KVM_MEMSLOT_INVALID))
		return NULL;
	return slot;
}

bool uvmem_next_slot_range(struct uvmem_vm *vm, gfn_t gfn, gfn_t *ret_gfn, u64 *ret_nr)
{
	struct kvm_memslot_iter iter;
	bool found = false;
	int idx;

	if (gfn >= UVMEM_MAX_GFN)
		return false;
	idx = srcu_read_lock(&vm->kvm->srcu);
	kvm_for_each_memslot_in_gfn_range(&iter, kvm_memslots(vm->kvm), gfn, UVMEM_MAX_GFN) {
		struct kvm_memory_slot *slot = iter.slot;

		if (slot->id >= KVM_USER_MEM_SLOTS || (slot->flags & KVM_MEMSLOT_INVALID))
			continue;
		*ret_gfn = max(gfn, slot->base_gfn);
		*ret_nr = slot->base_gfn + slot->npages - *ret_gfn;
		found = true;
		break;
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return found;
}

bool uvmem_range_in_slots(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	bool ret = uvmem_range_valid(gfn, nr);
	int idx;

	idx = srcu_read_lock(&vm->kvm->srcu);
	while (ret && nr) {
		struct kvm_memory_slot *slot = uvmem_user_slot(vm->kvm, gfn);
		u64 n;

		ret = slot && !(slot->flags & KVM_MEM_READONLY);
		if (!ret)
			break;
		n = min(nr, slot->base_gfn + slot->npages - gfn);
		gfn += n;
		nr -= n;
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return ret;
}

/*
 * A whole chunk that is all alike and has nothing behind it: one word to change.
 * 0: done; -EAGAIN: it is not like that, go the long way; -EINTR.
 */
static int move_uniform(struct uvmem_vm *vm, gfn_t gfn, unsigned long hva, u64 ent,
			enum uvmem_purpose purpose)
{
	u64 index = uvmem_chunk_index(gfn), marked = ent | UVMEM_ENT_TRANSIT;
	struct vm_area_struct *vma;
	bool empty;
	int to;

	to = uvmem_page_next(uvmem_ent_state(ent),
			     purpose == UVMEM_TO_SECURE ? UVMEM_EV_SECURE_EMPTY :
			     uvmem_give_event(purpose));
	if (to < 0 || (ent & UVMEM_ENT_TRANSIT))
		return -EAGAIN;
	if (purpose != UVMEM_TO_SECURE)
		return uvmem_uniform_change(vm, index, ent,
					    uvmem_ent_make(ent, to, 0, 0)) ? 0 : -EAGAIN;

	if (mmap_read_lock_killable(vm->mm))
		return -EINTR;
	if (!uvmem_uniform_change(vm, index, ent, marked)) {
		mmap_read_unlock(vm->mm);
		return -EAGAIN;
	}
	uvmem_point(UVMEM_AT_UNIFORM_MARKED);
	/*
	 * A guest fault that read the word before the mark may be about to map
	 * what the VMM has: the zap makes it stale, or removes what it mapped,
	 * and then the page is there to be seen. So what is empty after it stays
	 * empty for the guest; what the VMM puts there later is ignored.
	 */
	kvm_zap_gfn_range(vm->kvm, gfn, gfn + UVMEM_CHUNK_PAGES);
	vma = vma_lookup(vm->mm, hva);
	empty = vma && uvmem_vma_fits(vma) && vma->vm_end - hva >= PMD_SIZE &&
		uvmem_peek(vm->mm, hva) == UVMEM_PEEK_NO_TABLE &&
		uvmem_peek(vm->mm, hva + PMD_SIZE - 1) == UVMEM_PEEK_NO_TABLE;
	uvmem_uniform_change(vm, index, marked,
			     empty ? uvmem_ent_make(ent, to, 0, 0) : ent);
	mmap_read_unlock(vm->mm);
	uvmem_transit_wake(vm, gfn);
	return empty ? 0 : -EAGAIN;
}

/* One step of a range: at most to the end of a chunk or of a hole. > 0: pages dealt with. */
static s64 move_step(struct uvmem_batch *b, gfn_t gfn, u64 nr)
{
	struct uvmem_vm *vm = b->vm;
	struct kvm_memory_slot *slot = uvmem_user_slot(vm->kvm, gfn);
	struct uvmem_chunk *chunk;
	unsigned int need;
	gfn_t next = 0;
	u64 uniform, unused;
	int ret;

	if (!slot) {
		if (uvmem_next_slot_range(vm, gfn, &next, &unused) && next > gfn)
			nr = min(nr, next - gfn);
		else if (next == gfn)
			nr = 1;		/* a slot that is just being removed */
		uvmem_batch_skip(b, UVMEM_REASON_STATE, nr);
		return nr;
	}
	nr = min3(nr, slot->base_gfn + slot->npages - gfn,
		  (u64)(UVMEM_CHUNK_PAGES - uvmem_chunk_offset(gfn)));
	if (slot->flags & KVM_MEM_READONLY) {
		uvmem_batch_skip(b, UVMEM_REASON_NOT_ANON, nr);
		return nr;
	}

	b->gfn = gfn;
	b->off = uvmem_chunk_offset(gfn);
	b->nr = nr;
	b->hva = __gfn_to_hva_memslot(slot, gfn);

	chunk = uvmem_chunk_peek(vm, gfn, &uniform);
	if (!chunk && b->purpose != UVMEM_TO_FRAME && b->purpose != UVMEM_TO_SEALED &&
	    b->purpose != UVMEM_TO_WRITTEN && nr == UVMEM_CHUNK_PAGES) {
		ret = move_uniform(vm, gfn, b->hva, uniform, b->purpose);
		if (!ret)
			b->move->moved += nr;
		if (ret != -EAGAIN)
			return ret ?: (s64)nr;
	}
	if (!chunk) {
		chunk = uvmem_chunk_get(vm, gfn);
		if (IS_ERR(chunk))
			return PTR_ERR(chunk);
	}
	b->chunk = chunk;
	if (!uvmem_batch_has_work(b, &need)) {
		uvmem_batch_skip(b, UVMEM_REASON_STATE, nr);
		return nr;
	}

	ret = uvmem_batch_run(b, need);
	return ret ?: (s64)b->nr;
}

static s64 move_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, enum uvmem_purpose purpose,
		      struct uvmem_move *move)
{
	struct uvmem_batch *b;
	s64 done = 0, step = 0;
	int idx;

	if (!uvmem_range_valid(gfn, nr))
		return -EINVAL;
	b = uvmem_batch_alloc(vm, min(nr, UVMEM_BATCH));
	if (!b)
		return -ENOMEM;
	b->purpose = purpose;
	b->from = UVMEM_FROM_OUT;
	b->zero = move->zero;
	b->move = move;

	while (done < nr) {
		if (READ_ONCE(vm->ended)) {
			step = -ESRCH;
			break;
		}
		if (done && (signal_pending(current) || need_resched()))
			break;
		idx = srcu_read_lock(&vm->kvm->srcu);
		step = move_step(b, gfn + done, nr - done);
		srcu_read_unlock(&vm->kvm->srcu, idx);
		if (step < 0)
			break;
		done += step;
	}
	uvmem_batch_free(b);
	return done ?: step;
}

s64 uvmem_secure_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	s64 done = move_range(vm, gfn, nr, UVMEM_TO_SECURE, move);

	uvmem_point(UVMEM_AT_SECURE_MOVED);
	/* Those that were secure before did not pass through the pipeline. */
	if (done > 0 && move->zero && uvmem_zero_secure(vm, gfn, done))
		return -EFAULT;
	return done;
}

s64 uvmem_page_in_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	return move_range(vm, gfn, nr, UVMEM_TO_FRAME, move);
}

s64 uvmem_page_out_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	return move_range(vm, gfn, nr, UVMEM_TO_SEALED, move);
}

s64 uvmem_write_out_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	return move_range(vm, gfn, nr, UVMEM_TO_WRITTEN, move);
}

/* In plaintext again; what is sealed has to be unsealed first. */
static s64 give_back_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, enum uvmem_purpose purpose,
			   struct uvmem_move *move)
{
	struct uvmem_move in = { .cause = move->cause };
	unsigned int i;
	s64 done;

	done = move_range(vm, gfn, nr, UVMEM_TO_FRAME, &in);
	if (done < 0)
		return done;
	for (i = 0; i < UVMEM_NR_REASONS; i++)
		if (i != UVMEM_REASON_STATE)
			move->skipped[i] += in.skipped[i];
	/* A page that was lost can be given back for all that: there is nothing in it. */
	if (in.err && in.err != -EIO && !move->err) {
		move->err = in.err;
		move->err_gfn = in.err_gfn;
	}
	uvmem_point(UVMEM_AT_GIVE_UNSEALED);
	return move_range(vm, gfn, done, purpose, move);
}

s64 uvmem_share_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr, struct uvmem_move *move)
{
	s64 done = give_back_range(vm, gfn, nr, UVMEM_TO_SHARED, move);

	uvmem_point(UVMEM_AT_SHARE_MOVED);
	/* Those that were in no frame kept what the VMM has there. */
	if (done > 0 && move->zero && uvmem_zero_shared(vm, gfn, done))
		return -EFAULT;
	return done;
}

/* Did all of them move that could? Others than those of these reasons may the next time. */
static bool moved_all(const struct uvmem_move *move)
{
	unsigned int i;

	for (i = 0; i < UVMEM_NR_REASONS; i++)
		if (i != UVMEM_REASON_STATE && i != UVMEM_REASON_NOT_ANON && move->skipped[i])
			return false;
	return true;
}

s64 uvmem_abort_all(struct uvmem_vm *vm)
{
	struct uvmem_move move = { .cause = UVMEM_CAUSE_HYPERCALL };
	gfn_t gfn = 0;
	u64 nr;

	while (uvmem_next_slot_range(vm, gfn, &gfn, &nr)) {
		s64 done = give_back_range(vm, gfn, nr, UVMEM_TO_NORMAL, &move);

		if (done < 0)
			return done;
		if (!moved_all(&move))
			return -EBUSY;
		if (done < nr)
			return -EAGAIN;
		gfn += done;
	}
	return 0;
}

int uvmem_reset_all(struct uvmem_vm *vm)
{
	struct uvmem_move move = { .cause = UVMEM_CAUSE_TEARDOWN };
	unsigned int tries = 0;
	gfn_t gfn = 0;
	u64 nr;

	/* Of a page whose memslot is gone nobody knows where the VMM has it. */
	if (atomic_long_read(&vm->detached))
		return -EBUSY;
	while (uvmem_next_slot_range(vm, gfn, &gfn, &nr)) {
		s64 done = move_range(vm, gfn, nr, UVMEM_TO_RESET, &move);

		if (done < 0)
			return done;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (moved_all(&move)) {
			gfn += done;
			continue;
		}
		/* Somebody holds them, for a moment it is hoped. */
		if (++tries > UVMEM_RESET_RETRIES)
			return move.skipped[UVMEM_REASON_NO_MEMORY] ? -ENOMEM : -EBUSY;
		memset(move.skipped, 0, sizeof(move.skipped));
		fsleep(USEC_PER_MSEC);
	}
	return 0;
}

/* ---- one page, for an access -------------------------------------------------------------- */

/* There is no frame for an access: from the VM itself, else from others. */
static bool make_room(struct uvmem_vm *vm, bool stalled)
{
	bool begun = !stalled && uvmem_stall_begin(vm);
	bool room = uvmem_reclaim_own(vm) || uvmem_watermark_wait(vm);

	uvmem_stall_end(vm, begun);
	return room;
}

static int page_in_one(struct uvmem_vm *vm, gfn_t gfn, enum uvmem_cause cause, bool stalled)
{
	struct uvmem_move move = { .cause = cause };
	unsigned int try;

	for (try = 0; try < UVMEM_MOVE_RETRIES; try++) {
		struct uvmem_batch_one one;
		struct kvm_memory_slot *slot;
		u64 ent = uvmem_gfn_read(vm, gfn);
		int ret;

		if (uvmem_vm_stopped(vm))
			return -EAGAIN;
		if (ent & UVMEM_ENT_TRANSIT)
			return uvmem_transit_wait(vm, gfn) ? -EAGAIN : 0;
		switch (uvmem_ent_state(ent)) {
		case UVMEM_PAGE_ABSENT:
		case UVMEM_PAGE_OUT:
		case UVMEM_PAGE_POOL:
		case UVMEM_PAGE_ZERO:
			break;
		case UVMEM_PAGE_LOST:
			uvmem_vm_stop(vm, UVMEM_STOP_LOST, gfn);
			return -EAGAIN;
		default:
			return 0;
		}

		slot = uvmem_user_slot(vm->kvm, gfn);
		if (!slot)
			return -EAGAIN;
		if (!try && cause == UVMEM_CAUSE_GUEST_FAULT &&
		    uvmem_page_in_around(vm, slot, gfn, uvmem_ent_state(ent)))
			continue;
		uvmem_batch_init_one(&one, vm);
		one.b.purpose = UVMEM_TO_FRAME;
		one.b.from = UVMEM_FROM_ANY;
		one.b.touched = cause == UVMEM_CAUSE_GUEST_FAULT;
		one.b.move = &move;
		one.b.gfn = gfn;
		one.b.off = uvmem_chunk_offset(gfn);
		one.b.nr = 1;
		one.b.hva = __gfn_to_hva_memslot(slot, gfn);
		one.b.chunk = uvmem_chunk_get(vm, gfn);
		if (IS_ERR(one.b.chunk)) {
			if (PTR_ERR(one.b.chunk) != -ENOMEM)
				return -EAGAIN;
			/* As for want of a frame: an access of KVM has nobody to tell. */
			if (!make_room(vm, stalled)) {
				uvmem_vm_stop(vm, UVMEM_STOP_NO_MEMORY, gfn);
				return -EAGAIN;
			}
			continue;
		}

		memset(move.skipped, 0, sizeof(move.skipped));
		ret = uvmem_batch_run(&one.b, 1);
		uvmem_batch_release_one(&one);
		if (ret)
			return -EAGAIN;
		if (move.moved)
			return 0;
		if (move.skipped[UVMEM_REASON_NOT_ANON]) {
			uvmem_vm_stop(vm, UVMEM_STOP_NOT_ANON, gfn);
			return -EAGAIN;
		}
		if ((move.skipped[UVMEM_REASON_NO_FRAME] || move.skipped[UVMEM_REASON_NO_MEMORY]) &&
		    !make_room(vm, stalled)) {
			uvmem_vm_stop(vm, UVMEM_STOP_NO_MEMORY, gfn);
			return -EAGAIN;
		}
	}
	return -EAGAIN;
}

int uvmem_page_in_one(struct uvmem_vm *vm, gfn_t gfn, enum uvmem_cause cause)
{
	u64 ent = uvmem_gfn_read(vm, gfn);
	/* A page that was never touched is not waited for, unless frames are short. */
	bool stalled = ((ent & UVMEM_ENT_TRANSIT) || uvmem_ent_state(ent) != UVMEM_PAGE_ABSENT) &&
		       uvmem_stall_begin(vm);
	int ret = page_in_one(vm, gfn, cause, stalled);

	uvmem_stall_end(vm, stalled);
	return ret;
}
