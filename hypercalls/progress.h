/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * progress.h - where long hypercalls go on; part of struct uvmem_vm
 *
 * A long call is made again and again by the vCPU, with the same registers, until
 * it is done. The cursor says how far it got: all pages before .next are as the
 * call wants them. A call in the opposite direction winds it back to its own
 * range; else a vCPU that gave up a call (say, by kexec) and makes the same one
 * much later would be told a success that is none. A vCPU that finds no cursor free
 * does without one: each of its steps begins anew and passes over what is done.
 */
#ifndef UVMEM_HC_PROGRESS_H
#define UVMEM_HC_PROGRESS_H

#include <linux/types.h>

enum uvmem_hc_direction {
	UVMEM_HC_SECURE,
	UVMEM_HC_SHARE,
};

struct uvmem_hc_cursor {
	__u64 nr;			/* number of the call, 0: none goes on */
	__u64 arg[3];
	__u32 vcpu_id;
	__u32 tries;			/* passes that moved nothing */
	enum uvmem_hc_direction direction;
	__u64 first;			/* gfn of the call */
	__u64 next;			/* gfn to go on with */
	__u64 rewind;			/* gfn to go back to if it is below .next */
	__u64 left;			/* first gfn of this pass that did not move, or ~0 */
	__u32 reasons;			/* why they did not, bits of enum uvmem_reason */
	__u32 moved;			/* this pass moved something */
};

/* vCPUs that can be in the middle of a long call, each with its cursor. */
#define UVMEM_HC_CURSORS	8

struct uvmem_hc_progress {
	struct uvmem_hc_cursor cursors[UVMEM_HC_CURSORS];
	__u32 nr_cursors;		/* in use */
	/* vm->lock protects the above */

	/* Mean something in INIT only. A guest whose vCPUs disagree here has itself to blame. */
	__u32 map_esm;		/* INIT was begun by KVM_HC_MAP_GPA_RANGE, which will finish it */
	__s32 esm_err;		/* why UV_ESM is being aborted, or 0 */
};

#endif
