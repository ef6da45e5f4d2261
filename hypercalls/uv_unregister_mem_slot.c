// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_unregister_mem_slot.c - host to ultravisor: a range of memory is gone
 */
#include "hypercalls.h"

long uv_unregister_mem_slot(struct uvmem_vm *vm, u64 slotid)
{
	if (!uvmem_uv_vm_valid(vm))
		return U_PARAMETER;
	if (!vm->uv->unregister_mem_slot)
		return U_FUNCTION;
	if (slotid >= KVM_USER_MEM_SLOTS)
		return U_P2;
	/* -ENOENT, a slot that is not registered, is U_P2. */
	return uvmem_h_from_errno(UVMEM_H_UV_SLOT,
				  vm->uv->unregister_mem_slot(vm, (u16)slotid));
}
