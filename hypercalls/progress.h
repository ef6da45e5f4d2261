/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress.h - where long hypercalls go on; part of struct uvmem_vm
 *
 * A long call is made again and again by the vCPU, with the same registers, until
 * it is done. The cursor says how far it got. It is a hint with a proof: all pages
 * before .next are as the call wants them, as long as no call in the opposite
 * direction came by, which .opposite tells. Without it (another vCPU's long call
 * took it over) the call begins anew and skips what is done.
 */
#ifndef UVMEM_HC_PROGRESS_H
#define UVMEM_HC_PROGRESS_H

#include <linux/types.h>

enum uvmem_hc_direction {
	UVMEM_HC_SECURE,
	UVMEM_HC_SHARE,
	UVMEM_HC_NR_DIRECTIONS,
};

struct uvmem_hc_cursor {
	__u64 nr;			/* number of the call, 0: none goes on */
	__u64 arg[3];
	__u32 vcpu_id;
	__u32 tries;			/* passes that moved nothing */
	__u64 opposite;			/* seq of the other direction when the call began */
	__u64 next;			/* gfn */
	__u64 left;			/* first gfn of this pass that did not move, or ~0 */
	__u32 reasons;			/* why they did not, bits of enum uvmem_reason */
	__u32 moved;			/* this pass moved something */
};

struct uvmem_hc_progress {
	struct uvmem_hc_cursor cursor;
	__u64 seq[UVMEM_HC_NR_DIRECTIONS];	/* steps made, by direction */
	/* vm->lock protects the above */

	/* Mean something in INIT only. A guest whose vCPUs disagree here has itself to blame. */
	__u32 map_esm;		/* INIT was begun by KVM_HC_MAP_GPA_RANGE, which will finish it */
	__s32 esm_err;		/* why UV_ESM is being aborted, or 0 */
};

#endif
