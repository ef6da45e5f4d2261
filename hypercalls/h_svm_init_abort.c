// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_init_abort.c - the VM stays a normal one
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result h_svm_init_abort(struct uvmem_vm *vm,
						 const struct uvmem_hc *hc, long *ret)
{
	int err = uvmem_vm_init_abort(vm);

	uvmem_hc_forget(vm);
	return uvmem_hc_end(UVMEM_H_ABORT, err, ret);
}
