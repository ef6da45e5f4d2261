/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stall_window.h - how much of the last so many ms was stalled, and is that too much?
 *
 * Sixteen slots of equal length are a window. It ends now, so of the slot that it begins
 * in a part only counts: as if what was stalled in it were spread evenly. All times are
 * ns of one clock that does not go back.
 *
 * Pure: also built natively for the unit tests.
 */
#ifndef UVMEM_STALL_WINDOW_H
#define UVMEM_STALL_WINDOW_H

#include <linux/types.h>

#define UVMEM_STALL_SLOTS	16
#define UVMEM_STALL_WINDOW_MAX	60000000000ULL	/* keeps products within 64 bits */

struct uvmem_stall_window {
	__u64 threshold;	/* 0: nobody wants to know */
	__u64 slot_len;
	__u64 slot;		/* number of the newest one */
	__u64 not_before;	/* it was told, and will not be told again before */
	__u64 stalled[UVMEM_STALL_SLOTS + 1];	/* by number modulo that */
};

/* Begin anew, at @now. @threshold 0: it is over; else @threshold <= @window <= the maximum. */
void uvmem_stall_window_set(struct uvmem_stall_window *w, __u64 threshold, __u64 window, __u64 now);
/* It was stalled from @from until @to, which is now. */
void uvmem_stall_window_add(struct uvmem_stall_window *w, __u64 from, __u64 to);
/* Is it to be told at @now? At most once per window. *@ret_stalled: of the last window. */
_Bool uvmem_stall_window_fires(struct uvmem_stall_window *w, __u64 now, __u64 *ret_stalled);
/* It is stalled from @now on: after how long is it time to ask, at the earliest? Not 0. */
__u64 uvmem_stall_window_due(struct uvmem_stall_window *w, __u64 now);

#endif
