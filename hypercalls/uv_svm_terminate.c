// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_svm_terminate.c - host to ultravisor: wipe the key, the VM is no secure one any more
 */
#include "hypercalls.h"

long uv_svm_terminate(struct uvmem_vm *vm)
{
	if (!vm || !vm->uv)
		return U_PARAMETER;
	if (!vm->uv->terminate)
		return U_FUNCTION;
	/* INIT too: that is how H_SVM_INIT_ABORT ends. */
	if (uvmem_hc_may_page(vm))
		return U_INVALID;
	vm->uv->terminate(vm);
	return U_SUCCESS;
}
