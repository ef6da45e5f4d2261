// SPDX-License-Identifier: GPL-2.0-only
/*
 * zero.c - pages that change hands without their content
 *
 * What passes through a pipeline on its way to the guest or to the VMM is zeroed
 * there. This is for those that were there already.
 *
 * Another vCPU may ask for the opposite at the same time. So a page is zeroed only if
 * it is still what it is to be zeroed as, and that cannot change while it is: a shared
 * page that became secure meanwhile would have been paged out by the write, with
 * zeroes for its ciphertext, and the guest been stopped for what the VMM never did.
 */
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "uvmem.h"

static int zero_page(void *mem, void *unused)
{
	clear_page(mem);
	return 0;
}

/* As KVM's own writes: it may keep a log of dirty pages. */
static int zero_secure_page(struct uvmem_vm *vm, gfn_t gfn)
{
	int ret;

	/* One that was never touched reads as zero, and gets no frame for this. */
	if (uvmem_gfn_state(vm, gfn, NULL) == UVMEM_PAGE_ABSENT)
		return 0;
	ret = uvmem_access_page(vm, gfn, false, zero_page, NULL);
	if (ret == KVM_UVMEM_PASS)
		return 0;
	if (!ret)
		mark_page_dirty(vm->kvm, gfn);
	return ret;
}

/* With the word locked, no page fault can be served. -EFAULT: one would be needed. */
static int zero_user_page(unsigned long hva)
{
	return copy_to_user_nofault((void __user *)hva, page_address(ZERO_PAGE(hva)), PAGE_SIZE);
}

static int zero_shared_page(struct uvmem_vm *vm, gfn_t gfn)
{
	struct kvm_memory_slot *slot = uvmem_user_slot(vm->kvm, gfn);
	unsigned long hva;
	unsigned int try;

	/* What has no memslot is nobody's. */
	if (!slot || (slot->flags & KVM_MEM_READONLY))
		return 0;
	hva = __gfn_to_hva_memslot(slot, gfn);

	for (try = 0; try < UVMEM_ACCESS_RETRIES; try++) {
		struct uvmem_chunk *chunk;
		u64 ent = uvmem_word_lock(vm, gfn, &chunk);
		int ret = 0;

		if (uvmem_ent_state(ent) == UVMEM_PAGE_SHARED && !(ent & UVMEM_ENT_TRANSIT))
			ret = zero_user_page(hva);
		uvmem_word_unlock(vm, chunk);

		if (ent & UVMEM_ENT_TRANSIT) {
			if (uvmem_transit_wait(vm, gfn) == -EINTR)
				return -EFAULT;
			continue;
		}
		if (uvmem_ent_state(ent) != UVMEM_PAGE_SHARED)
			return 0;
		if (!ret) {
			mark_page_dirty(vm->kvm, gfn);
			return 0;
		}
		if (fault_in_safe_writeable((char __user *)hva, PAGE_SIZE) ||
		    fatal_signal_pending(current))
			return -EFAULT;
	}
	return -EFAULT;
}

static int zero_range(struct uvmem_vm *vm, gfn_t gfn, u64 nr,
		      int (*zero)(struct uvmem_vm *vm, gfn_t gfn))
{
	int idx, ret = 0;

	/* Its memory is reached by current's page tables. */
	if (current->mm != vm->mm)
		return -EFAULT;
	idx = srcu_read_lock(&vm->kvm->srcu);
	for (; nr && !ret; gfn++, nr--) {
		ret = zero(vm, gfn);
		cond_resched();
	}
	srcu_read_unlock(&vm->kvm->srcu, idx);
	return ret ? -EFAULT : 0;
}

int uvmem_zero_secure(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	return zero_range(vm, gfn, nr, zero_secure_page);
}

int uvmem_zero_shared(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	return zero_range(vm, gfn, nr, zero_shared_page);
}
