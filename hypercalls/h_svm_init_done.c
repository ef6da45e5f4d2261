// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_init_done.c - the VM is secure
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result h_svm_init_done(struct uvmem_vm *vm,
						const struct uvmem_hc *hc, long *ret)
{
	return uvmem_hc_end(UVMEM_H_DONE, uvmem_vm_init_done(vm), ret);
}
