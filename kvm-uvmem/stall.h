/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stall.h - for how long vCPUs waited for their VM's memory; stall.c
 */
#ifndef UVMEM_STALL_H
#define UVMEM_STALL_H

#include "uvmem.h"

void uvmem_stall_init(struct uvmem_vm *vm);
/* No vCPU runs any more, and nobody can set a trigger: none will fire. */
void uvmem_stall_end_vm(struct uvmem_vm *vm);
/* UVMEM_VM_SET_STALL_TRIGGER, of which all but the size is what the caller gave. The VM is held. */
int uvmem_stall_set_trigger(struct uvmem_vm *vm, const struct uvmem_stall_trigger *trigger);
/* The running vCPU begins to wait. False: it is none of @vm's, nothing is counted. */
bool uvmem_stall_begin(struct uvmem_vm *vm);
/* @begun: what uvmem_stall_begin() said. */
void uvmem_stall_end(struct uvmem_vm *vm, bool begun);
/* With what is going on right now. */
void uvmem_stall_read(struct uvmem_vm *vm, u64 *ret_some_ns, u64 *ret_full_ns);

#endif
