// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_share_page.c - the guest shares pages with the VMM, zeroed
 */
#include "hypercalls.h"

long uvmem_hc_share_args(struct uvmem_vm *vm, const struct uvmem_hc *hc)
{
	unsigned long gfn = hc->arg[0], nr = hc->arg[1];

	if (READ_ONCE(vm->state) != UVMEM_VM_SECURE)
		return U_INVALID;
	if (!uvmem_range_valid(gfn, 1) || !uvmem_range_in_slots(vm, gfn, 1))
		return U_PARAMETER;
	if (!uvmem_range_valid(gfn, nr) || !uvmem_range_in_slots(vm, gfn, nr))
		return U_P2;
	return U_SUCCESS;
}

enum kvm_uvmem_hypercall_result uv_share_page(struct uvmem_vm *vm,
					      const struct uvmem_hc *hc, long *ret)
{
	const struct uvmem_hc_walk walk = {
		.direction = UVMEM_HC_SHARE,
		.zero = true,
		.tries = UVMEM_HC_TRIES,
		.tries_memory = UVMEM_HC_TRIES,
		.gfn = hc->arg[0],
		.nr = hc->arg[1],
	};
	long code = uvmem_hc_share_args(vm, hc);

	if (code)
		return uvmem_hc_code(code, ret);
	return uvmem_hc_end(UVMEM_H_SHARE, uvmem_hc_walk(vm, hc, &walk, NULL), ret);
}
