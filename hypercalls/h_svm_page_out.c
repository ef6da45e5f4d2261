// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_page_out.c - a secure page leaves secure memory, sealed
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result h_svm_page_out(struct uvmem_vm *vm,
					       const struct uvmem_hc *hc, long *ret)
{
	struct uvmem_move move = {
		.cause = UVMEM_CAUSE_HYPERCALL,
		.ignore_age = true,
	};
	gfn_t gfn;
	u64 nr;
	s64 done;
	long code;

	code = uvmem_hc_page_args(vm, hc, 0, &gfn, &nr);
	if (code)
		return uvmem_hc_code(code, ret);

	/* Pages that are not in secure memory, SHARED ones among them, count as done. */
	done = uvmem_page_out_range(vm, gfn, nr, &move);
	return uvmem_hc_end(UVMEM_H_PAGE, uvmem_hc_range_errno(done, nr, &move), ret);
}
