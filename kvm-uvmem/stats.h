/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.h - what is counted per VM; published by stats.c in KVM's binary layout
 */
#ifndef UVMEM_STATS_H
#define UVMEM_STATS_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/kvm_uvmem.h>

/* Bucket 0: 0 ns; bucket i: [2^(i-1), 2^i) ns; the last one is open. */
#define UVMEM_HIST_BUCKETS	32

struct uvmem_stats {
	/* pages moved, by enum uvmem_cause */
	atomic64_t page_in[UVMEM_NR_CAUSES];
	atomic64_t page_out[UVMEM_NR_CAUSES];
	/* pages not moved, by enum uvmem_reason */
	atomic64_t skipped[UVMEM_NR_REASONS];
	/* time of one batch from the transit marks to their end */
	atomic64_t page_in_ns[UVMEM_NR_CAUSES][UVMEM_HIST_BUCKETS];
	atomic64_t page_out_ns[UVMEM_NR_CAUSES][UVMEM_HIST_BUCKETS];
	atomic64_t sealed, unsealed;		/* pages through the cipher */
	atomic64_t same_filled;			/* pages that left without storage */
	atomic64_t pool_stored, pool_loaded;	/* pages into the sealed pool, and opened */
	atomic64_t pool_incompressible, pool_full; /* pages that it did not take */
	atomic64_t pool_written_out;		/* pages that made room in it for others */
	atomic64_t integrity_failures;
	atomic64_t shared, unshared;		/* pages, by the guest */
	atomic64_t fault_around;		/* pages that came in beside the one touched */
	atomic64_t fault_around_used;		/* of those that had been out: touched later */
	atomic64_t retries;			/* moves tried again */
	atomic64_t transit_waits;
	atomic64_t dropped;			/* secure pages lost to the host */
	atomic64_t refault;			/* pages that the guest touched after they had left */
	atomic64_t refault_ms[UVMEM_HIST_BUCKETS]; /* how long after, as for ns */
	atomic64_t age_scanned, age_young;	/* pages, by UVMEM_VM_AGE */
	atomic64_t age_ns;			/* CPU time */
	atomic64_t reclaim_scanned, reclaim_moved; /* pages, by whoever reclaims by age */
	atomic64_t reclaim_ns;			/* CPU time */
};

/* Count @ns in a histogram of UVMEM_HIST_BUCKETS. */
static inline void uvmem_hist_add(atomic64_t *hist, u64 ns)
{
	atomic64_inc(&hist[min(fls64(ns), UVMEM_HIST_BUCKETS - 1)]);
}

#endif
