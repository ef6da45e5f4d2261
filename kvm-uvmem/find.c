// SPDX-License-Identifier: GPL-2.0-only
/*
 * find.c - where the pages of a VM are that are in certain states
 *
 * Purpose
 *	What pages out is ciphertext in the VMM's memory, and only the gfn table and the memslots
 *	know at which addresses. User space asks for these to have the host's swap
 *	take them, and for the pages that left last to have them back before
 *	the guest wants them.
 *
 * Notes on locking
 *	Words are read without chunk->lock, and the VMM's page table without its locks: what is told may be out of date by
 *	the time that it is told, and all that is done with it bears that. kvm->srcu is held for
 *	a chunk at a time, so that whoever changes memslots does not wait for all of a scan.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "find.h"
#include "move.h"

struct finder {
	struct uvmem_vm *vm;
	u32 states;
	bool in_memory;			/* only pages that the VMM has in memory */
	u64 matched;			/* in memory or not */
	bool by_time;			/* only pages that left at most max_away ago */
	unsigned long max_away;		/* jiffies */
	struct uvmem_found *found;
	u32 nr, room;
};

/* Of these chunk->when[] has the time of their leaving. */
#define HAS_LEFT	(BIT(UVMEM_PAGE_OUT) | BIT(UVMEM_PAGE_ZERO) | BIT(UVMEM_PAGE_POOL))

static bool fits(const struct finder *f, const struct uvmem_chunk *chunk, unsigned int off,
		 u64 ent)
{
	u32 state = BIT(uvmem_ent_state(ent));

	if ((ent & UVMEM_ENT_TRANSIT) || !(state & f->states))
		return false;
	if (!f->by_time)
		return true;
	return chunk && (state & HAS_LEFT) &&
	       (u32)jiffies - READ_ONCE(chunk->when[off]) <= f->max_away;
}

static bool in_memory(struct mm_struct *mm, unsigned long hva)
{
	switch (uvmem_peek(mm, hva)) {
	case UVMEM_PEEK_PRESENT:
	case UVMEM_PEEK_HUGE:
	case UVMEM_PEEK_PINNED:
	case UVMEM_PEEK_MERGED:
		return true;
	default:
		return false;
	}
}

/* One more page; false: it would begin a range for which there is no room. */
static bool add(struct finder *f, gfn_t gfn, unsigned long hva)
{
	struct uvmem_found *last = f->nr ? &f->found[f->nr - 1] : NULL;

	if (last && last->gfn + last->nr_pages == gfn &&
	    last->hva + (last->nr_pages << PAGE_SHIFT) == hva) {
		last->nr_pages++;
		return true;
	}
	if (f->nr == f->room)
		return false;
	f->found[f->nr++] = (struct uvmem_found) { .gfn = gfn, .hva = hva, .nr_pages = 1 };
	return true;
}

/* Look at the pages of [*gfn, end), which lie in one chunk; *@gfn goes on. False: no room for *@gfn. */
static bool find_in_chunk(struct finder *f, struct uvmem_chunk *chunk, u64 uniform,
			  gfn_t *gfn, gfn_t end)
{
	struct kvm *kvm = f->vm->kvm;
	struct kvm_memory_slot *slot = NULL;
	bool room = true;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	for (; *gfn < end; ++*gfn) {
		unsigned int off = uvmem_chunk_offset(*gfn);
		u64 ent = chunk ? READ_ONCE(chunk->ent[off]) : uniform;
		unsigned long hva;

		if (!fits(f, chunk, off, ent))
			continue;
		if (!slot || *gfn - slot->base_gfn >= slot->npages)
			slot = uvmem_user_slot(kvm, *gfn);
		/* Its memslot is gone for now: the VMM has it nowhere. */
		if (!slot)
			continue;
		hva = __gfn_to_hva_memslot(slot, *gfn);
		if (!f->in_memory || in_memory(f->vm->mm, hva))
			room = add(f, *gfn, hva);
		if (!room)
			break;
		f->matched++;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return room;
}

/* Pages of @cur, a slot of the xarray, need not be looked at one by one. */
static bool none_fits(const struct finder *f, void *cur)
{
	return xa_is_value(cur) && !fits(f, NULL, 0, xa_to_value(cur));
}

/* UVMEM_VM_FIND; the VM is held. @found has room for args->nr. */
void uvmem_find_pages(struct uvmem_vm *vm, struct uvmem_find *args, struct uvmem_found *found)
{
	struct finder f = {
		.vm = vm, .states = args->states, .found = found, .room = args->nr,
		.in_memory = args->flags & UVMEM_FIND_IN_MEMORY,
		.by_time = args->max_away_ms,
		.max_away = msecs_to_jiffies(args->max_away_ms),
	};
	u64 left = args->max_scan ?: U64_MAX, scanned = 0;
	gfn_t gfn = args->gfn;
	bool more = gfn < UVMEM_MAX_GFN;
	unsigned long index;
	void *cur;

	args->gfn = UVMEM_FIND_END;
	if (more) {
		xa_for_each_start(&vm->chunks, index, cur, uvmem_chunk_index(gfn)) {
			gfn_t first = (gfn_t)index << UVMEM_CHUNK_SHIFT, begin;

			gfn = max(gfn, first);
			if (!left || signal_pending(current) || READ_ONCE(vm->ended)) {
				args->gfn = gfn;
				break;
			}
			cond_resched();
			if (none_fits(&f, cur))
				continue;
			begin = gfn;
			more = find_in_chunk(&f, xa_is_value(cur) ? NULL : cur,
					     xa_is_value(cur) ? xa_to_value(cur) : 0, &gfn,
					     min(first + UVMEM_CHUNK_PAGES, gfn + min(left, (u64)UVMEM_CHUNK_PAGES)));
			scanned += gfn - begin;
			left -= gfn - begin;
			if (!more || (gfn & (UVMEM_CHUNK_PAGES - 1))) {
				args->gfn = gfn;
				break;
			}
		}
	}
	args->nr = f.nr;
	args->scanned = scanned;
	args->matched = f.matched;
}
