// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_page_in.c - host to ultravisor: verify and decrypt a page in its secure frame
 */
#include "hypercalls.h"

long uv_page_in(struct uvmem_vm *vm, struct page *frame, u64 gpa, u64 flags,
		u64 order, const struct uvmem_seal *seal)
{
	gfn_t gfn = gpa >> UVMEM_PAGE_SHIFT;

	if (!uvmem_uv_vm_valid(vm))
		return U_PARAMETER;
	if (!vm->uv->page_in)
		return U_FUNCTION;
	if (!frame)
		return U_P2;
	if (gpa & ((1ULL << UVMEM_PAGE_SHIFT) - 1) || !uvmem_range_valid(gfn, 1) || !seal)
		return U_P3;
	if (flags)
		return U_P4;
	if (order != UVMEM_ORDER_4K)
		return U_P5;
	return uvmem_h_from_errno(UVMEM_H_UV_PAGE, vm->uv->page_in(vm, gfn, frame, seal));
}
