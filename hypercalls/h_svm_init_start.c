// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_svm_init_start.c - the VM begins to become secure
 */
#include "hypercalls.h"

enum kvm_uvmem_hypercall_result h_svm_init_start(struct uvmem_vm *vm,
						 const struct uvmem_hc *hc, long *ret)
{
	int err = uvmem_vm_init_start(vm);

	if (!err) {
		/* What an earlier, abandoned UV_ESM left behind is not for this life. */
		WRITE_ONCE(vm->hc.map_esm, false);
		WRITE_ONCE(vm->hc.esm_err, 0);
	}
	return uvmem_hc_end(UVMEM_H_START, err, ret);
}
