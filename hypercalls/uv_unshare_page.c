// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_unshare_page.c - the guest takes shared pages back, zeroed
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result uv_unshare_page(struct uvmem_vm *vm,
						const struct uvmem_hc *hc, long *ret)
{
	const struct uvmem_hc_walk walk = {
		.direction = UVMEM_HC_SECURE,
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
