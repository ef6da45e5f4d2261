/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * range.h - arithmetic on ranges of gfns; nothing here can overflow
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_RANGE_H
#define UVMEM_RANGE_H

#include <linux/types.h>

#define UVMEM_PAGE_SHIFT	12
#define UVMEM_CHUNK_SHIFT	9		/* 512 gfns: 2 MiB of guest memory */
#define UVMEM_CHUNK_PAGES	(1U << UVMEM_CHUNK_SHIFT)
/* Guest-physical addresses have at most 52 bits. */
#define UVMEM_MAX_GFN		(1ULL << (52 - UVMEM_PAGE_SHIFT))

/* [gfn, gfn + nr) is not empty and lies below UVMEM_MAX_GFN */
static inline _Bool uvmem_range_valid(__u64 gfn, __u64 nr)
{
	return nr && gfn < UVMEM_MAX_GFN && nr <= UVMEM_MAX_GFN - gfn;
}

static inline __u64 uvmem_chunk_index(__u64 gfn)
{
	return gfn >> UVMEM_CHUNK_SHIFT;
}

static inline unsigned int uvmem_chunk_offset(__u64 gfn)
{
	return (unsigned int)(gfn & (UVMEM_CHUNK_PAGES - 1));
}

/* How many pages of [gfn, gfn + nr) lie in the chunk of gfn. */
static inline unsigned int uvmem_range_in_chunk(__u64 gfn, __u64 nr)
{
	unsigned int room = UVMEM_CHUNK_PAGES - uvmem_chunk_offset(gfn);

	return nr < room ? (unsigned int)nr : room;
}

#endif
