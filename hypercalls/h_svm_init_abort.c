// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_init_abort.c - the VM stays a normal one
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result h_svm_init_abort(struct uvmem_vm *vm,
						 const struct uvmem_hc *hc, long *ret)
{
	/* Of all that was secured nothing stays so; shared pages stay readable by the VMM. */
	uvmem_hc_changes(vm, UVMEM_HC_SHARE, 0, UVMEM_MAX_GFN);
	return uvmem_hc_end(UVMEM_H_ABORT, uvmem_vm_init_abort(vm), ret);
}
