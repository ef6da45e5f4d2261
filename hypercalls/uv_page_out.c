// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_page_out.c - host to ultravisor: encrypt a secure page into a normal one
 */
#include "hypercalls.h"

long uv_page_out(struct uvmem_vm *vm, struct page *dest, u64 gpa, u64 flags,
		 u64 order, struct page *frame, struct uvmem_seal *ret_seal)
{
	gfn_t gfn = gpa >> UVMEM_PAGE_SHIFT;

	if (!uvmem_uv_vm_valid(vm))
		return U_PARAMETER;
	if (!vm->uv->page_out)
		return U_FUNCTION;
	if (!dest)
		return U_P2;
	if (gpa & ((1ULL << UVMEM_PAGE_SHIFT) - 1) || !uvmem_range_valid(gfn, 1))
		return U_P3;
	if (flags)
		return U_P4;
	if (order != UVMEM_ORDER_4K)
		return U_P5;
	if (uvmem_gfn_state(vm, gfn, NULL) == UVMEM_PAGE_SHARED)
		return U_SUCCESS;
	/* A gfn that no frame stands for. */
	if (!frame || !ret_seal)
		return U_P3;
	return uvmem_h_from_errno(UVMEM_H_UV_PAGE,
				  vm->uv->page_out(vm, gfn, frame, dest, ret_seal));
}
