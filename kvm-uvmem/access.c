// SPDX-License-Identifier: GPL-2.0-only
/*
 * access.c - the kernel's own accesses to one page of the guest's memory
 *
 * Notes on locking
 *	All copy with the page's word locked: the frame of a page that is IN and not in
 *	transit cannot go meanwhile, nor can a plain page become secure. All waiting, and
 *	the faults of the VMM's memory, happen outside.
 */
#include <linux/kvm_host.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "age.h"
#include "uvmem.h"

/* Rounds of "page it in, look again" before an access gives up; each may sleep. */
#define ACCESS_RETRIES	64

int uvmem_access_page(struct uvmem_vm *vm, gfn_t gfn, bool atomic, uvmem_access_fn fn, void *arg)
{
	unsigned int try, off = uvmem_chunk_offset(gfn);

	for (try = 0; try < ACCESS_RETRIES; try++) {
		struct uvmem_chunk *chunk;
		unsigned long flags;
		u64 ent;
		int ret;

		chunk = uvmem_chunk_peek(vm, gfn, &ent);
		if (chunk) {
			spin_lock_irqsave(&chunk->lock, flags);
			ent = chunk->ent[off];
			if (uvmem_ent_state(ent) == UVMEM_PAGE_IN && !(ent & UVMEM_ENT_TRANSIT)) {
				struct page *frame = pfn_to_page(uvmem_ent_payload(ent));
				bool failed = uvmem_frame_failed(frame);

				ret = failed ? -EFAULT : fn(page_address(frame), arg);
				/* No accessed bit says so. */
				uvmem_idle_used(chunk, off);
				spin_unlock_irqrestore(&chunk->lock, flags);
				if (failed)
					uvmem_vm_stop(vm, UVMEM_STOP_HWPOISON, gfn);
				return ret;
			}
			spin_unlock_irqrestore(&chunk->lock, flags);
		}
		if (uvmem_ent_is_plain(ent))
			return KVM_UVMEM_PASS;
		if (atomic)
			return -EAGAIN;
		ret = uvmem_page_in_one(vm, gfn, UVMEM_CAUSE_KERNEL);
		if (uvmem_vm_stopped(vm) || fatal_signal_pending(current))
			return -EFAULT;
		if (ret && ret != -EAGAIN)
			return -EFAULT;
	}
	return -EFAULT;
}

int uvmem_change_plain(struct uvmem_vm *vm, gfn_t gfn, int offset, int len, uvmem_plain_fn fn,
		       void *arg)
{
	struct kvm_memory_slot *slot = uvmem_user_slot(vm->kvm, gfn);
	char __user *mem;
	unsigned int try;

	/* The VMM's memory is reached by current's page tables. */
	if (!slot || (slot->flags & KVM_MEM_READONLY) || current->mm != vm->mm)
		return KVM_UVMEM_PASS;
	mem = (char __user *)__gfn_to_hva_memslot(slot, gfn);

	for (try = 0; try < ACCESS_RETRIES; try++) {
		struct uvmem_chunk *chunk;
		u64 ent = uvmem_word_lock(vm, gfn, &chunk);
		int ret = -EAGAIN;

		/* With the word locked, no page fault can be served. */
		if (uvmem_ent_is_plain(ent)) {
			pagefault_disable();
			ret = fn(mem, arg);
			pagefault_enable();
		}
		uvmem_word_unlock(vm, chunk);

		if (ent & UVMEM_ENT_TRANSIT) {
			if (uvmem_transit_wait(vm, gfn) == -EINTR)
				return -EFAULT;
			continue;
		}
		if (ret != -EFAULT)
			return ret;
		if (fault_in_safe_writeable(mem + offset, len) || fatal_signal_pending(current))
			return -EFAULT;
	}
	return -EFAULT;
}
