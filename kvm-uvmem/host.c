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
 *	so it is put aside: the drop work zaps the gfns first and frees then.
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
	void *data = UVMEM_HUSK;
	u64 *word;

	rcu_read_lock();
	word = handle_word(&head->page);
	if (!word) {
		data = READ_ONCE(head->page.zone_device_data);
		goto out;
	}
	chunk = uvmem_chunk_of(word);
	word += folio_pfn(tail) - folio_pfn(head);
	spin_lock(&chunk->lock);
	/* If the VM is ending, uvmem_gfn_destroy() may have passed this word already. */
	if (handle_word(&head->page) && uvmem_ent_state(*word) != UVMEM_PAGE_NONE)
		data = word;
	WRITE_ONCE(tail->page.zone_device_data, data);
	spin_unlock(&chunk->lock);
	rcu_read_unlock();
	return;
out:
	WRITE_ONCE(tail->page.zone_device_data, data);
	rcu_read_unlock();
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
	u64 *word;

	rcu_read_lock();
	word = handle_word(handle);
	if (word) {
		chunk = uvmem_chunk_of(word);
		spin_lock(&chunk->lock);
		/* Unless the VM ended between our two looks. */
		if (handle_word(handle))
			for (i = 0; i < nr; i++)
				drop_word(chunk, word + i);
		spin_unlock(&chunk->lock);
	}
	rcu_read_unlock();

	if (READ_ONCE(handle->zone_device_data) == UVMEM_HUSK)
		uvmem_pgmap_add_husks(-(long)nr);
	WRITE_ONCE(handle->zone_device_data, NULL);
}

static void take_dropped(struct uvmem_vm *vm, struct list_head *frames)
{
	spin_lock(&vm->drop_lock);
	list_splice_tail_init(&vm->dropped, frames);
	spin_unlock(&vm->drop_lock);
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
	take_dropped(vm, &frames);
	list_for_each_entry(frame, &frames, lru) {
		first = min(first, (gfn_t)page_private(frame));
		last = max(last, (gfn_t)page_private(frame));
	}
	if (!list_empty(&frames)) {
		/*
		 * The words say LOST since before the frames came here: a fault
		 * that read one earlier finds mmu_invalidate_seq changed.
		 */
		idx = srcu_read_lock(&vm->kvm->srcu);
		kvm_zap_gfn_range(vm->kvm, first, last + 1);
		srcu_read_unlock(&vm->kvm->srcu, idx);
		uvmem_frame_free_list(vm, &frames);
	}
	uvmem_vm_leave(vm);
}

/* ---- the host touches one ----------------------------------------------------------------- */

/* A handle whose VM has ended: the content is gone, the host gets zeroes. */
static vm_fault_t touch_husk(struct vm_fault *vmf)
{
	unsigned long src = 0, dst = 0;
	struct migrate_vma args = {
		.vma = vmf->vma,
		.src = &src,
		.dst = &dst,
		.start = vmf->address & PAGE_MASK,
		.end = (vmf->address & PAGE_MASK) + PAGE_SIZE,
		.pgmap_owner = uvmem_pgmap_owner(),
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = vmf->page,
	};
	struct page *page;

	page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!page)
		return VM_FAULT_OOM;
	if (migrate_vma_setup(&args)) {
		__free_page(page);
		return VM_FAULT_SIGBUS;
	}
	if (src & MIGRATE_PFN_MIGRATE) {
		lock_page(page);
		dst = migrate_pfn(page_to_pfn(page));
		page = NULL;
	}
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	if (page)
		__free_page(page);
	/* If it did not move this time, the access faults again. */
	return 0;
}

/* Let the guest have its page for the minimum residency before the host gets it. */
static void wait_residency(struct uvmem_vm *vm, u64 ent)
{
	long left = uvmem_residency_left(ent);

	if (left > 0 && uvmem_ent_state(ent) == UVMEM_PAGE_IN)
		schedule_timeout_killable(left);
}

static vm_fault_t touch_page(struct vm_fault *vmf, struct uvmem_vm *vm, u64 *word)
{
	struct uvmem_chunk *chunk = uvmem_chunk_of(word);
	struct uvmem_move move = { .cause = UVMEM_CAUSE_HOST_TOUCH };
	struct uvmem_batch_one one;
	struct uvmem_batch *b = &one.b;
	u64 ent = READ_ONCE(*word);
	int idx;

	trace_uvmem_host_touch(vm->id, (chunk->index << UVMEM_CHUNK_SHIFT) + (word - chunk->ent),
			       uvmem_ent_state(ent));
	if (vm->flags & UVMEM_ARM_HOST_TOUCH_SIGBUS)
		return VM_FAULT_SIGBUS;

	wait_residency(vm, ent);
	if (fatal_signal_pending(current))
		return 0;

	uvmem_batch_init_one(&one, vm);
	b->purpose = UVMEM_TO_SEALED_TOUCH;
	b->move = &move;
	b->chunk = chunk;
	b->off = word - chunk->ent;
	b->gfn = (chunk->index << UVMEM_CHUNK_SHIFT) + b->off;
	b->nr = 1;
	b->vma = vmf->vma;
	b->hva = vmf->address & PAGE_MASK;
	b->fault_page = vmf->page;
	__set_bit(0, b->todo);

	uvmem_batch_out_prepare(b, 1);
	idx = srcu_read_lock(&vm->kvm->srcu);
	uvmem_batch_out(b, NULL);
	srcu_read_unlock(&vm->kvm->srcu, idx);
	uvmem_batch_release_one(&one);

	if (move.skipped[UVMEM_REASON_NO_MEMORY])
		return VM_FAULT_OOM;
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
	/*
	 * With vm->active held words do not go away; but the handle may have been
	 * committed to nothing since (its page went out in another mapping).
	 */
	ret = fault_word(vmf) == word ? touch_page(vmf, vm, word) : 0;
	uvmem_vm_leave(vm);
	return ret;
}
