/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fault_window.h - how many pages to bring in with the one that the guest touches
 *
 * A window of 2 MiB of guest memory: it grows where what came in with other pages is
 * used, and where a page that is touched is next to one that is; it shrinks where what
 * came in is left alone. At 1 there is no evidence, and it begins anew.
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_FAULT_WINDOW_H
#define UVMEM_FAULT_WINDOW_H

#include <linux/types.h>

struct uvmem_fault_window {
	__u16 pages;		/* a power of 2; 0 is 1: nobody has touched anything yet */
	__u16 brought;		/* came in with others lately */
	__u16 used;		/* of these: were touched */
};

/*
 * A page was touched that was out: the window for it, 1 to @max, a power of 2.
 * @neighbour: a page next to it is in use.
 */
unsigned int uvmem_fault_window_next(struct uvmem_fault_window *w, _Bool neighbour,
				     unsigned int max);
/* @nr pages came in with another one. */
void uvmem_fault_window_brought(struct uvmem_fault_window *w, unsigned int nr);
/* The guest touched @nr of these. */
void uvmem_fault_window_used(struct uvmem_fault_window *w, unsigned int nr);

#endif
