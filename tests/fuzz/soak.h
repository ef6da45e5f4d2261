/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * soak.h - what the VMMs of the soak test and the process that starts and kills them
 * tell each other
 */
#ifndef SOAK_H
#define SOAK_H

#include "random.h"
#include "vm.h"

#define MAX_GUESTS	8
#define NR_VCPUS	2

enum action {
	ACT_TOUCH,
	ACT_READV,
	ACT_PAGE_OUT,
	ACT_PAGE_IN,
	ACT_SHARE,		/* and back: by the guest, see share_turn() */
	ACT_MADVISE,
	ACT_PROTECT,
	ACT_FORK,
	ACT_REMAP,		/* memory that nobody needs goes, other comes */
	ACT_SLOT,
	ACT_COMPACT,
	ACT_SEALED_POOL,	/* another limit, for all */
	ACT_RECLAIM,
	ACT_CHECK,		/* all of the VMM rest, sums hold */
	ACT_CHECK_ALL,		/* by the parent: all VMMs rest, the host's sums hold */
	NR_ACTIONS,
};

/* Of all VMMs, dead ones included: memory that all of them share. */
struct soak_shared {
	u64 actions[NR_ACTIONS];
	u64 rounds;		/* over an area of a guest, verified and written */
	u64 handed;		/* of these, after the other vCPU's */
	u64 out, in;		/* pages */
	u64 pooled;		/* of those out, into the sealed pool */
	u64 opened;		/* and out of it again; both by VMs that were looked at */
	u64 markers;		/* seen by the host, which is one too many */
	bool finish;
	u64 rounds_of[MAX_GUESTS][NR_VCPUS];
	/* The parent wants all to rest, for the n-th time; those who do; they may go on. */
	u64 freeze;
	u64 frozen[MAX_GUESTS];
	u64 thaw;
};
extern struct soak_shared *shared;

#define count(what, n)	__atomic_fetch_add(&(what), (n), __ATOMIC_RELAXED)

/* Be the @index-th VMM until shared->finish, or until killed. Ends the process. */
void __attribute__((noreturn)) soak_vmm(int index, u64 seed);

#endif
