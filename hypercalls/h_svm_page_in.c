// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_page_in.c - a page becomes secure and comes into secure memory, or becomes shared
 */
#include "hypercalls.h"

long uvmem_hc_page_args(struct uvmem_vm *vm, const struct uvmem_hc *hc,
			unsigned long flags_mask, gfn_t *ret_gfn, u64 *ret_nr)
{
	unsigned long gpa = hc->arg[0], flags = hc->arg[1], order = hc->arg[2];
	int err = uvmem_hc_may_page(vm);
	gfn_t gfn = gpa >> UVMEM_PAGE_SHIFT;
	u64 nr;

	if (err)
		return uvmem_h_from_errno(UVMEM_H_PAGE, err);
	if (flags & ~flags_mask)
		return H_P2;
	if (order != UVMEM_ORDER_4K && order != UVMEM_ORDER_2M)
		return H_P3;
	nr = 1ULL << (order - UVMEM_PAGE_SHIFT);
	if (gpa & ((1UL << order) - 1) || !uvmem_range_valid(gfn, nr) ||
	    !uvmem_range_in_slots(vm, gfn, nr))
		return H_PARAMETER;

	*ret_gfn = gfn;
	*ret_nr = nr;
	return H_SUCCESS;
}

static int page_in(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	struct uvmem_move secure = { .cause = UVMEM_CAUSE_HYPERCALL };
	struct uvmem_move in = { .cause = UVMEM_CAUSE_HYPERCALL };
	int err;

	err = uvmem_hc_range_errno(uvmem_secure_range(vm, gfn, nr, &secure), nr, &secure);
	if (err)
		return err;
	return uvmem_hc_range_errno(uvmem_page_in_range(vm, gfn, nr, &in), nr, &in);
}

static int page_in_shared(struct uvmem_vm *vm, gfn_t gfn, u64 nr)
{
	/* As PEF does: what a secure page held is not given away with it. */
	struct uvmem_move move = { .cause = UVMEM_CAUSE_HYPERCALL, .zero = true };

	return uvmem_hc_range_errno(uvmem_share_range(vm, gfn, nr, &move), nr, &move);
}

enum kvm_uvmem_hypercall_result h_svm_page_in(struct uvmem_vm *vm,
					      const struct uvmem_hc *hc, long *ret)
{
	gfn_t gfn;
	u64 nr;
	long code;
	int err;

	code = uvmem_hc_page_args(vm, hc, H_PAGE_IN_SHARED, &gfn, &nr);
	if (code)
		return uvmem_hc_code(code, ret);

	if (hc->arg[1] & H_PAGE_IN_SHARED) {
		uvmem_hc_changes(vm, UVMEM_HC_SHARE, gfn, nr);
		err = page_in_shared(vm, gfn, nr);
	} else {
		uvmem_hc_changes(vm, UVMEM_HC_SECURE, gfn, nr);
		err = page_in(vm, gfn, nr);
	}
	return uvmem_hc_end(UVMEM_H_PAGE, err, ret);
}
