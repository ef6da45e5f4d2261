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

#include "uvmem.h"

static int zero_page(void *mem, void *unused)
{
	clear_page(mem);
	return 0;
}

static int zero_plain(void __user *mem, void *unused)
{
	return __copy_to_user_inatomic(mem, page_address(ZERO_PAGE(0)), PAGE_SIZE) ? -EFAULT : 0;
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

static int zero_shared_page(struct uvmem_vm *vm, gfn_t gfn)
{
	int ret;

	if (uvmem_gfn_state(vm, gfn, NULL) != UVMEM_PAGE_SHARED)
		return 0;
	ret = uvmem_change_plain(vm, gfn, 0, PAGE_SIZE, zero_plain, NULL);
	/* What has no memslot is nobody's, and what became secure meanwhile the guest's. */
	if (ret == KVM_UVMEM_PASS || ret == -EAGAIN)
		return 0;
	if (!ret)
		mark_page_dirty(vm->kvm, gfn);
	return ret;
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
