// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_unshare_all_pages.c - the guest takes all shared pages back, zeroed
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result uv_unshare_all_pages(struct uvmem_vm *vm,
						     const struct uvmem_hc *hc, long *ret)
{
	/*
	 * A page is SHARED only because the guest said so. Pages that were never
	 * secure (NORMAL) are not the guest's to unshare.
	 */
	const struct uvmem_hc_walk walk = {
		.direction = UVMEM_HC_SECURE,
		.zero = true,
		.only_shared = true,
		.tries = UVMEM_HC_TRIES,
		.tries_memory = UVMEM_HC_TRIES,
		.gfn = 0,
		.nr = UVMEM_MAX_GFN,
	};

	if (READ_ONCE(vm->state) != UVMEM_VM_SECURE)
		return uvmem_hc_code(U_INVALID, ret);
	return uvmem_hc_end(UVMEM_H_SHARE, uvmem_hc_walk(vm, hc, &walk, NULL), ret);
}
