/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reclaim.h - which pages of a VM to page out; reclaim.c
 */
#ifndef UVMEM_RECLAIM_H
#define UVMEM_RECLAIM_H

#include "uvmem.h"

/* UVMEM_VM_RECLAIM; the VM is held. */
int uvmem_vm_reclaim(struct uvmem_vm *vm, struct uvmem_reclaim *reclaim);
/*
 * A guest or kernel access finds no frame: page out some of the VM's own. True: some were
 * freed, or somebody else is at it, it is worth another try.
 */
bool uvmem_reclaim_own(struct uvmem_vm *vm);

/* About @nr of the coldest pages of @vm, which is held; returns how many went. Waits for nobody. */
u64 uvmem_reclaim_some(struct uvmem_vm *vm, u64 nr);
/* Page out until @vm has its limits.max; the VM is held. Ends early on a signal. */
void uvmem_reclaim_to_max(struct uvmem_vm *vm);

/* Is there a place for more ciphertext in VMMs' memory? A hint. */
bool uvmem_have_memory(void);

/* watermark.c */
int uvmem_watermark_init(void);
void uvmem_watermark_exit(void);
/* @used frames are given out: is it time for the worker? Atomic. */
void uvmem_watermark_check(u64 used);
/* @vm needs a frame and has nothing to give for it: have others give. False: no use to try again. */
bool uvmem_watermark_wait(struct uvmem_vm *vm);

#endif
