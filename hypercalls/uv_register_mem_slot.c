// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_register_mem_slot.c - host to ultravisor: a VM has this range of memory
 */
#include "hypercalls.h"

long uv_register_mem_slot(struct uvmem_vm *vm, u64 gpa, u64 size, u64 flags,
			  u64 slotid)
{
	const u64 page_mask = (1ULL << UVMEM_PAGE_SHIFT) - 1;
	gfn_t gfn = gpa >> UVMEM_PAGE_SHIFT;
	u64 nr = size >> UVMEM_PAGE_SHIFT;

	if (!uvmem_uv_vm_valid(vm))
		return U_PARAMETER;
	if (!vm->uv->register_mem_slot)
		return U_FUNCTION;
	if (gpa & page_mask || !uvmem_range_valid(gfn, 1))
		return U_P2;
	if (size & page_mask || !uvmem_range_valid(gfn, nr))
		return U_P3;
	if (flags)
		return U_P4;
	if (slotid >= KVM_USER_MEM_SLOTS)
		return U_P5;
	/* -EEXIST, a slot that is registered, is U_P5; -EINVAL, an overlap, U_P2. */
	return uvmem_h_from_errno(UVMEM_H_UV_SLOT,
				  vm->uv->register_mem_slot(vm, gfn, nr, (u16)slotid));
}
