// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many pages to bring in with the one that the guest touches
 *
 * Pure: also built natively for the unit tests.
 */
#include "fault_window.h"

/* What was brought longer ago than this many pages counts half, and half again ... */
#define LATELY	64

unsigned int uvmem_fault_window_next(struct uvmem_fault_window *w, _Bool neighbour,
				     unsigned int max)
{
	unsigned int pages = w->pages;

	if (pages <= 1) {
		w->brought = 0;
		w->used = 0;
		pages = neighbour ? 2 : 1;
	} else if (4 * w->used < w->brought) {
		pages /= 2;
	} else if (neighbour && 2 * w->used >= w->brought) {
		pages *= 2;
	}
	w->pages = pages < max ? pages : max;
	return w->pages;
}

void uvmem_fault_window_brought(struct uvmem_fault_window *w, unsigned int nr)
{
	w->brought += nr;
	if (w->brought > LATELY) {
		w->brought /= 2;
		w->used /= 2;
	}
}

void uvmem_fault_window_used(struct uvmem_fault_window *w, unsigned int nr)
{
	w->used += nr;
	/* They may have been brought before all that is counted. */
	if (w->used > w->brought)
		w->used = w->brought;
}
