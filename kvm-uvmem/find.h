/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * find.h - where the pages of a VM are that are in certain states; find.c
 */
#ifndef UVMEM_FIND_H
#define UVMEM_FIND_H

#include "uvmem.h"

/* UVMEM_VM_FIND; the VM is held. @found has room for args->nr ranges. */
void uvmem_find_pages(struct uvmem_vm *vm, struct uvmem_find *args, struct uvmem_found *found);

#endif
