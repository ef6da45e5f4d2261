/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * age.h - how long pages have been idle; age.c
 */
#ifndef UVMEM_AGE_H
#define UVMEM_AGE_H

#include "uvmem.h"

void uvmem_idle_enter(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_idle_leave(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_idle_used(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_note_refault(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_note_no_gain(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_forget_no_gain(struct uvmem_vm *vm);
u64 uvmem_no_gain_pages(struct uvmem_vm *vm);
unsigned int uvmem_idle_index(const struct uvmem_chunk *chunk, unsigned int off);
void uvmem_idle_histogram(struct uvmem_vm *vm, u64 *ret_idle, u64 *ret_passes);
void uvmem_chunk_age(struct uvmem_chunk *chunk, unsigned int off, unsigned int nr,
		     unsigned long *ret_now, u64 *ret_scanned, u64 *ret_young);
struct uvmem_chunk *uvmem_next_resident_chunk(struct uvmem_vm *vm, gfn_t *gfn);
int uvmem_vm_age(struct uvmem_vm *vm, struct uvmem_age *age);

#endif
