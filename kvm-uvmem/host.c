// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c - what the host does to handles: touch them, drop them
 *
 * Notes on locking
 *	Both entry points start from a handle and follow its zone_device_data, the
 *	address of a word of the gfn table, under RCU: NULL or UVMEM_HUSK say
 *	that no VM cares any more. Before anything is believed, chunk->lock is
 *	taken and zone_device_data read again, or vm->active is entered.
 *
 *	uvmem_handle_dropped() runs in atomic context, often under a page-table
 *	lock. The frame of a dropped handle may still be mapped by the guest (the
 *	last reference can go long after the invalidation of the VMM's mapping),
 *	so it is put aside: the drop work zaps the gfns first and frees then. And
 *	somebody may be looking at it who has its page in transit, but does not hold
 *	the handle (moveout.c): he does so under RCU.
 */
#include <linux/highmem.h>
#include <linux/memremap.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "move.h"
#include "trace.h"

/* zone_device_data of a handle whose VM has ended while it was in a page table. */
#define UVMEM_HUSK	((void *)1UL)

void uvmem_handle_make_husk(struct page *handle)
{
	/* Counted page by page, though one mark is enough for a large one. */
	WRITE_ONCE(page_folio(handle)->page.zone_device_data, UVMEM_HUSK);
	uvmem_pgmap_add_husks(1);
}

/* The word that the handle stands for, or NULL. RCU read side. */
static u64 *handle_word(struct page *handle)
{
	void *word = READ_ONCE(handle->zone_device_data);

	return word == UVMEM_HUSK ? NULL : word;
}

/* ---- large handles ------------------------------------------------------------------- */

/*
 * A large handle stands for a whole chunk: its head's zone_device_data is the
 * chunk's first word, its tails have none (the core keeps the folio's data
 * there). When it comes apart each part stands for the page that it always did.
 */
void uvmem_handle_split(struct folio *head, struct folio *tail)
{
	struct uvmem_chunk *chunk;
	u64 *word;

	guard(rcu)();
	word = handle_word(&head->page);
	if (!word) {
		WRITE_ONCE(tail->page.zone_device_data, READ_ONCE(head->page.zone_device_data));
		return;
	}

	chunk = uvmem_chunk_of(word);
	word += folio_pfn(tail) - folio_pfn(head);
	guard(spinlock_irqsave)(&chunk->lock);
	/* If the VM is ending, uvmem_gfn_destroy() may have passed this word already. */
	if (!handle_word(&head->page) || uvmem_ent_state(*word) == UVMEM_PAGE_NONE)
		WRITE_ONCE(tail->page.zone_device_data, UVMEM_HUSK);
	else
		WRITE_ONCE(tail->page.zone_device_data, word);
}

/* ---- the last reference is gone ------------------------------------------------------ */

/* The page of @word lost its handle. The frame, if it has one, is put aside. */
static void drop_word(struct uvmem_chunk *chunk, u64 *word)
{
	struct uvmem_vm *vm = chunk->vm;
	u64 ent = *word;
	struct page *frame;

	lockdep_assert_held(&chunk->lock);
	if (uvmem_page_event(chunk, word - chunk->ent, UVMEM_EV_DROP, 0, 0))
		return;
	atomic64_inc(&vm->stats.dropped);
	uvmem_blob_orphan(chunk, word - chunk->ent);
	if (uvmem_ent_state(ent) != UVMEM_PAGE_IN)
		return;

	frame = pfn_to_page(uvmem_ent_payload(ent));
	spin_lock(&vm->drop_lock);
	/* The word forgets the frame; the frame remembers the gfn. */
	set_page_private(frame, (chunk->index << UVMEM_CHUNK_SHIFT) + (word - chunk->ent));
	list_add_tail(&frame->lru, &vm->dropped);
	spin_unlock(&vm->drop_lock);
	if (!READ_ONCE(vm->ended))
		queue_work(system_dfl_wq, &vm->drop_work);
}

/* @handle is the head if the folio is large. */
void uvmem_handle_dropped(struct page *handle)
{
	unsigned int i, nr = folio_nr_pages(page_folio(handle));
	struct uvmem_chunk *chunk;
	unsigned long flags;
	u64 *word;

	rcu_read_lock();
	word = handle_word(handle);
	if (word) {
		chunk = uvmem_chunk_of(word);
		spin_lock_irqsave(&chunk->lock, flags);
		/* Unless the VM ended between our two looks. */
		if (handle_word(handle))
			for (i = 0; i < nr; i++)
				drop_word(chunk, word + i);
		spin_unlock_irqrestore(&chunk->lock, flags);
	}
	rcu_read_unlock();

	if (READ_ONCE(handle->zone_device_data) == UVMEM_HUSK)
		uvmem_pgmap_add_husks(-(long)nr);
	WRITE_ONCE(handle->zone_device_data, NULL);
}

static void take_dropped(struct uvmem_vm *vm, struct list_head *frames)
{
	spin_lock_irq(&vm->drop_lock);
	list_splice_tail_init(&vm->dropped, frames);
	spin_unlock_irq(&vm->drop_lock);
}

void uvmem_host_free_dropped(struct uvmem_vm *vm)
{
	LIST_HEAD(frames);

	take_dropped(vm, &frames);
	uvmem_frame_free_list(vm, &frames);
}

void uvmem_host_drop_work(struct uvmem_vm *vm)
{
	LIST_HEAD(frames);
	struct page *frame;
	gfn_t first = ~0ULL, last = 0;
	int idx;

	/* If the VM is ending, uvmem_vm_destroy() frees them. */
	if (!uvmem_vm_enter(vm))
		return;
	uvmem_point(UVMEM_AT_DROP_ENTERED);
	uvmem_blob_free_orphans(vm);
	take_dropped(vm, &frames);
	list_for_each_entry(frame, &frames, lru) {
		first = min_t(gfn_t, first, page_private(frame));
		last = max_t(gfn_t, last, page_private(frame));
	}
	if (!list_empty(&frames)) {
		/*
		 * The words say LOST since before the frames came here: a fault
		 * that read one earlier finds mmu_invalidate_seq changed.
		 */
		idx = srcu_read_lock(&vm->kvm->srcu);
		kvm_zap_gfn_range(vm->kvm, first, last + 1);
		srcu_read_unlock(&vm->kvm->srcu, idx);
		uvmem_point(UVMEM_AT_DROP_ZAPPED);
		synchronize_rcu();
		uvmem_frame_free_list(vm, &frames);
	}
	uvmem_vm_leave(vm);
}

/* ---- the host touches one ----------------------------------------------------------------- */

/*
 * A large handle by a huge entry has to move as a whole: the core does not split
 * one that the fault itself holds a reference on.
 */
static unsigned int fault_nr(struct vm_fault *vmf)
{
	return vmf->pte ? 1 : folio_nr_pages(page_folio(vmf->page));
}

static unsigned long fault_start(struct vm_fault *vmf)
{
	return ALIGN_DOWN(vmf->address, (unsigned long)fault_nr(vmf) << PAGE_SHIFT);
}

/* A normal page, or a huge one, for what was touched. */
static struct page *fault_alloc(struct vm_fault *vmf, gfp_t gfp)
{
	struct folio *folio;

	if (fault_nr(vmf) == 1)
		return alloc_page(GFP_HIGHUSER_MOVABLE | gfp);
	folio = folio_alloc(GFP_TRANSHUGE | gfp, UVMEM_CHUNK_SHIFT);
	return folio ? folio_page(folio, 0) : NULL;
}

/* A handle whose VM has ended: the content is gone, the host gets zeroes. */
static vm_fault_t touch_husk(struct vm_fault *vmf)
{
	unsigned int nr = fault_nr(vmf);
	struct migrate_vma args = {
		.vma = vmf->vma,
		.start = fault_start(vmf),
		.end = fault_start(vmf) + ((unsigned long)nr << PAGE_SHIFT),
		.pgmap_owner = uvmem_pgmap_owner(),
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = vmf->page,
	};
	unsigned long *pfns __free(kvfree) = NULL;
	struct page *page;

	pfns = kvcalloc(2 * nr, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return VM_FAULT_OOM;
	page = fault_alloc(vmf, __GFP_ZERO);
	if (!page)
		return VM_FAULT_OOM;
	args.src = pfns;
	args.dst = pfns + nr;
	if (nr > 1)
		args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
	if (migrate_vma_setup(&args)) {
		folio_put(page_folio(page));
		return VM_FAULT_SIGBUS;
	}
	if ((args.src[0] & MIGRATE_PFN_MIGRATE) &&
	    !!(args.src[0] & MIGRATE_PFN_COMPOUND) == (nr > 1)) {
		lock_page(page);
		args.dst[0] = migrate_pfn(page_to_pfn(page));
		if (nr > 1)
			args.dst[0] |= MIGRATE_PFN_COMPOUND;
		page = NULL;
	}
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	if (page)
		folio_put(page_folio(page));
	/* If it did not move this time, the access faults again. */
	return 0;
}

/* Let the guest have its page for the minimum residency before the host gets it. */
static void wait_residency(struct uvmem_vm *vm, u64 ent)
{
	long left = uvmem_residency_left(ent, jiffies);

	if (left > 0 && uvmem_ent_state(ent) == UVMEM_PAGE_IN)
		schedule_timeout_killable(left);
}

static vm_fault_t touch_page(struct vm_fault *vmf, struct uvmem_vm *vm, u64 *word)
{
	struct uvmem_chunk *chunk = uvmem_chunk_of(word);
	struct uvmem_move move = { .cause = UVMEM_CAUSE_HOST_TOUCH };
	unsigned int nr = fault_nr(vmf);
	u64 ent = READ_ONCE(*word);
	struct uvmem_batch *b;
	int idx;

	trace_uvmem_host_touch(vm->id, (chunk->index << UVMEM_CHUNK_SHIFT) + (word - chunk->ent),
			       uvmem_ent_state(ent));
	if (vm->flags & UVMEM_ARM_HOST_TOUCH_SIGBUS)
		return VM_FAULT_SIGBUS;

	wait_residency(vm, ent);
	if (fatal_signal_pending(current))
		return 0;

	b = uvmem_batch_alloc(vm, nr);
	if (!b)
		return VM_FAULT_OOM;
	b->purpose = UVMEM_TO_SEALED_TOUCH;
	b->move = &move;
	b->chunk = chunk;
	b->off = nr == 1 ? word - chunk->ent : 0;
	b->gfn = (chunk->index << UVMEM_CHUNK_SHIFT) + b->off;
	b->nr = nr;
	b->vma = vmf->vma;
	b->hva = fault_start(vmf);
	b->fault_page = vmf->page;
	bitmap_fill(b->todo, nr);
	if (nr > 1) {
		b->huge = fault_alloc(vmf, 0);
		/* The core would have to split it, which it cannot do here. */
		if (!b->huge) {
			uvmem_batch_free(b);
			return VM_FAULT_OOM;
		}
	}

	uvmem_batch_out_prepare(b, nr == 1 ? 1 : 0);
	idx = srcu_read_lock(&vm->kvm->srcu);
	uvmem_batch_out(b, NULL);
	srcu_read_unlock(&vm->kvm->srcu, idx);
	uvmem_batch_free(b);

	if (move.skipped[UVMEM_REASON_NO_MEMORY])
		return VM_FAULT_OOM;
	/* What was kept of it is spoilt: the guest is stopped, and there is nothing to show. */
	if (move.err == -EBADMSG)
		return VM_FAULT_SIGBUS;
	/* As for any memory that has failed. */
	if (move.err == -EHWPOISON)
		return VM_FAULT_HWPOISON;
	/* Moved, or in somebody else's hands: the access faults again if need be. */
	return 0;
}

/* The word of the page at the address that was touched. */
static u64 *fault_word(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);
	u64 *word = handle_word(&folio->page);

	if (!word || !folio_test_large(folio))
		return word;
	/* By a huge entry the address says which part it is, else the page does. */
	return word + (vmf->pte ? folio_page_idx(folio, vmf->page) :
				  (vmf->address & ~PMD_MASK) >> PAGE_SHIFT);
}

/*
 * pgmap's migrate_to_ram: mmap_lock is held for read, vmf->page is locked and
 * referenced. What it leads to cannot be freed while the reference is held, but
 * the VM may be about to end.
 */
vm_fault_t uvmem_host_touch(struct vm_fault *vmf)
{
	struct uvmem_vm *vm = NULL;
	vm_fault_t ret;
	u64 *word;

	rcu_read_lock();
	word = fault_word(vmf);
	if (word) {
		vm = uvmem_chunk_of(word)->vm;
		if (!uvmem_vm_enter(vm))
			vm = NULL;
	}
	rcu_read_unlock();

	if (!word)
		return touch_husk(vmf);
	if (!vm) {
		/* Ending: soon a husk. Let the access fault again until it is. */
		schedule_timeout_uninterruptible(1);
		return 0;
	}
	uvmem_point(UVMEM_AT_TOUCH_ENTERED);
	/*
	 * With vm->active held words do not go away; but the handle may have been
	 * committed to nothing since (its page went out in another mapping).
	 */
	ret = fault_word(vmf) == word ? touch_page(vmf, vm, word) : 0;
	uvmem_vm_leave(vm);
	return ret;
}
