/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * point.h - places where a test can stop an operation
 *
 * Only in a module that is built with UVMEM_DEBUG_POINTS=1, or for a kernel that
 * injects faults: see Kbuild. In any other a point is nothing at all. What can be
 * done with them, and how: point.c.
 */
#ifndef UVMEM_POINT_H
#define UVMEM_POINT_H

/* An operation passes the points of its kind in this order. It can sleep at each. */
enum uvmem_point {
	UVMEM_AT_IN_PREPARED,		/* has frames and handles */
	UVMEM_AT_IN_MARKED,
	UVMEM_AT_IN_COLLECTED,		/* the VMM's pages are unmapped */
	UVMEM_AT_IN_FILLED,		/* frames have their content */
	UVMEM_AT_IN_MOVED,		/* handles are in the page table */
	UVMEM_AT_IN_COMMITTED,
	UVMEM_AT_IN_FINALIZED,		/* all but the marks is done */
	UVMEM_AT_OUT_PREPARED,
	UVMEM_AT_OUT_MARKED,
	UVMEM_AT_OUT_ZAPPED,		/* the guest has it no more */
	UVMEM_AT_OUT_COLLECTED,
	UVMEM_AT_OUT_SEALED,		/* or copied, if it is shared */
	UVMEM_AT_OUT_MOVED,
	UVMEM_AT_OUT_COMMITTED,
	UVMEM_AT_OUT_FINALIZED,
	UVMEM_AT_POOL_MADE,		/* a page's blob is there, its frame as well */
	UVMEM_AT_POOL_KEPT,		/* the frame is gone */
	UVMEM_AT_WRITE_HELD,		/* a VM whose pages make room for others is held */
	UVMEM_AT_OPEN_READ,		/* a blob is in a frame, and still there */
	UVMEM_AT_OPEN_DONE,		/* it is gone */
	UVMEM_AT_GIVE_UNSEALED,		/* to be shared, back in frames */
	UVMEM_AT_SHARE_MOVED,		/* not zeroed yet what was in none */
	UVMEM_AT_SECURE_MOVED,		/* the same, the other way */
	UVMEM_AT_UNIFORM_MARKED,
	UVMEM_AT_CHANGE_PLAIN,		/* by KVM, of a page that was plain a moment ago */
	UVMEM_AT_TOUCH_ENTERED,		/* holds the VM */
	UVMEM_AT_DROP_ENTERED,
	UVMEM_AT_DROP_ZAPPED,
	UVMEM_AT_SLOT_RESERVED,
	UVMEM_AT_ARM_KEYED,		/* there is a key and no VM */
	UVMEM_AT_ARM_ATTACHED,		/* and no file */
	UVMEM_AT_END_BEGUN,		/* others may hold the VM */
	UVMEM_AT_END_ALONE,		/* nobody does */
	UVMEM_AT_END_FREED,		/* no frame, key still there */
	UVMEM_NR_POINTS,
};

#ifdef UVMEM_DEBUG_POINTS
void uvmem_point(enum uvmem_point point);
void uvmem_point_init(void);
void uvmem_point_exit(void);
#else
static inline void uvmem_point(enum uvmem_point point) {}
static inline void uvmem_point_init(void) {}
static inline void uvmem_point_exit(void) {}
#endif

#endif
