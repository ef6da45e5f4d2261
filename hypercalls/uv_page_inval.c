// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_page_inval.c - host to ultravisor: the VMM's page of a shared gfn went away
 */
#include "hypercalls.h"

long uv_page_inval(struct uvmem_vm *vm, u64 gpa, u64 order)
{
	gfn_t gfn = gpa >> UVMEM_PAGE_SHIFT;

	if (!uvmem_uv_vm_valid(vm))
		return U_PARAMETER;
	if (!vm->uv->page_inval)
		return U_FUNCTION;
	if (gpa & ((1ULL << UVMEM_PAGE_SHIFT) - 1) || !uvmem_range_valid(gfn, 1))
		return U_P2;
	if (order != UVMEM_ORDER_4K)
		return U_P3;
	/* -EINVAL, a secure page, is U_P2. */
	return uvmem_h_from_errno(UVMEM_H_UV_SLOT, vm->uv->page_inval(vm, gfn));
}
