// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much of the last so many ms was stalled
 *
 * Pure: also built natively for the unit tests.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "stall_window.h"

#define NR	(UVMEM_STALL_SLOTS + 1)

void uvmem_stall_window_set(struct uvmem_stall_window *w, __u64 threshold, __u64 window, __u64 now)
{
	memset(w, 0, sizeof(*w));
	if (!threshold)
		return;
	w->threshold = threshold;
	/* Up: a threshold that is the whole window can be reached. */
	w->slot_len = (window + UVMEM_STALL_SLOTS - 1) / UVMEM_STALL_SLOTS;
	w->slot = now / w->slot_len;
}

/* The slot of @now is the newest one; those that are left behind are empty again. */
static void advance(struct uvmem_stall_window *w, __u64 now)
{
	__u64 slot = now / w->slot_len;

	if (slot - w->slot >= NR && slot > w->slot) {
		memset(w->stalled, 0, sizeof(w->stalled));
		w->slot = slot;
	}
	while (w->slot < slot)
		w->stalled[++w->slot % NR] = 0;
}

void uvmem_stall_window_add(struct uvmem_stall_window *w, __u64 from, __u64 to)
{
	__u64 oldest, slot;

	if (!w->threshold)
		return;
	advance(w, to);
	oldest = w->slot < UVMEM_STALL_SLOTS ? 0 : w->slot - UVMEM_STALL_SLOTS;
	for (slot = w->slot; ; slot--) {
		__u64 begin = slot * w->slot_len, end = begin + w->slot_len;

		if (end > to)
			end = to;
		if (begin < from)
			begin = from;
		if (begin < end)
			w->stalled[slot % NR] += end - begin;
		if (slot == oldest || begin == from)
			break;
	}
}

static __u64 stalled_until(struct uvmem_stall_window *w, __u64 now)
{
	__u64 sum = 0, left;
	unsigned int i;

	advance(w, now);
	for (i = 0; i < NR; i++)
		sum += w->stalled[i];
	/* The oldest one comes after the newest one. */
	left = (w->slot + 1) * w->slot_len - now;
	i = (w->slot + 1) % NR;
	return sum - w->stalled[i] + w->stalled[i] * left / w->slot_len;
}

_Bool uvmem_stall_window_fires(struct uvmem_stall_window *w, __u64 now, __u64 *ret_stalled)
{
	if (!w->threshold)
		return 0;
	*ret_stalled = stalled_until(w, now);
	if (*ret_stalled < w->threshold || now < w->not_before)
		return 0;
	w->not_before = now + UVMEM_STALL_SLOTS * w->slot_len;
	return 1;
}

__u64 uvmem_stall_window_due(struct uvmem_stall_window *w, __u64 now)
{
	__u64 stalled = stalled_until(w, now), due = 1;

	if (stalled < w->threshold)
		due = w->threshold - stalled;
	if (w->not_before > now && w->not_before - now > due)
		due = w->not_before - now;
	return due;
}
