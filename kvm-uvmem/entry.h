/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entry.h - the word that the gfn table keeps per guest page
 *
 *	bits  0-3	enum uvmem_page_state
 *	bit   4		in transit: somebody moves the page; its owner alone may
 *			change the word, all others wait
 *	bit   5		a memslot has the gfn now
 *	bits  8-23	stamp: IN: time of page-in (jiffies, low 16 bits),
 *			ZERO: the byte that fills the page; POOL: bytes of its blob
 *	bits 24-63	payload: IN: pfn of the secure frame (its page_private() is
 *			the pfn of the handle); ZERO, POOL: pfn of the handle
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_ENTRY_H
#define UVMEM_ENTRY_H

#include <linux/types.h>
#include "state.h"

#define UVMEM_ENT_STATE_MASK	0xfULL
#define UVMEM_ENT_TRANSIT	(1ULL << 4)
#define UVMEM_ENT_SLOT		(1ULL << 5)
#define UVMEM_ENT_STAMP_SHIFT	8
#define UVMEM_ENT_STAMP_MASK	(0xffffULL << UVMEM_ENT_STAMP_SHIFT)
#define UVMEM_ENT_PAYLOAD_SHIFT	24

static inline enum uvmem_page_state uvmem_ent_state(__u64 ent)
{
	return (enum uvmem_page_state)(ent & UVMEM_ENT_STATE_MASK);
}

/* The VMM's page is the guest's page, and is going to be. */
static inline _Bool uvmem_ent_is_plain(__u64 ent)
{
	return !uvmem_page_is_secure(uvmem_ent_state(ent)) && !(ent & UVMEM_ENT_TRANSIT);
}

static inline __u64 uvmem_ent_payload(__u64 ent)
{
	return ent >> UVMEM_ENT_PAYLOAD_SHIFT;
}

static inline __u16 uvmem_ent_stamp(__u64 ent)
{
	return (__u16)(ent >> UVMEM_ENT_STAMP_SHIFT);
}

static inline __u64 uvmem_ent_make(__u64 flags, enum uvmem_page_state state,
				   __u16 stamp, __u64 payload)
{
	return (flags & (UVMEM_ENT_TRANSIT | UVMEM_ENT_SLOT)) | state |
	       ((__u64)stamp << UVMEM_ENT_STAMP_SHIFT) |
	       (payload << UVMEM_ENT_PAYLOAD_SHIFT);
}

#endif
