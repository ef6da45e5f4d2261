/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stall.h - for how long vCPUs waited for their VM's memory; stall.c
 */
#ifndef UVMEM_STALL_H
#define UVMEM_STALL_H

#include "uvmem.h"

/* The running vCPU begins to wait. False: it is none of @vm's, nothing is counted. */
bool uvmem_stall_begin(struct uvmem_vm *vm);
/* @begun: what uvmem_stall_begin() said. */
void uvmem_stall_end(struct uvmem_vm *vm, bool begun);
/* With what is going on right now. */
void uvmem_stall_read(struct uvmem_vm *vm, u64 *ret_some_ns, u64 *ret_full_ns);

#endif
