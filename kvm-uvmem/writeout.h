/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * writeout.h - the oldest of the sealed pool make room for new ones; writeout.c
 */
#ifndef UVMEM_WRITEOUT_H
#define UVMEM_WRITEOUT_H

#include "uvmem.h"

void uvmem_writeout_exit(void);
/* Something wants room in the sealed pool, or took some: is it time to write out? Atomic. */
void uvmem_writeout_check(void);
/* The limit of the sealed pool is a new one. */
void uvmem_writeout_note_limit(void);

/* Page @off of @chunk is POOL from now on, or is not any more. chunk->lock is held. */
void uvmem_pooled_enter(struct uvmem_chunk *chunk, unsigned int off);
void uvmem_pooled_leave(struct uvmem_chunk *chunk);
/* The VM ends: nothing of @chunk is to be written out. chunk->lock is held. */
void uvmem_pooled_forget(struct uvmem_chunk *chunk);

#endif
