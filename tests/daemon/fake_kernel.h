/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_kernel.h - a kernel of simulated guests, that can be made to fail
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "kernel.h"
#include "../unit/sim_guest.h"

#define FAKE_VMS	4
/* Where VMMs have their guests' memory. */
#define FAKE_HVA	0x100000000ULL
/* That a pass takes, as uvmemd makes them by default. */
#define FAKE_PASS_MS	10000

/**
 * struct fake_vm - one VM
 * @there: it runs
 * @id: of it
 * @pid: of its VMM
 * @ageing: page that a pass has come to
 * @sim: its pages
 * @limits: as last set
 * @reclaimed: pages, by all calls
 * @fail_*: what opening it, or asking what it is, returns instead of working, 0: nothing
 * @around_used: pages that came in with others, and were touched then
 * @stayed: pages that were tried and left, since there is no swap for their ciphertext
 * @swapped: of what is out, pages that the VMM has in swap
 * @fetched: the same, back in
 * @written_out: pages that went from the sealed pool to make room, as it counts them
 */
struct fake_vm {
	bool there;
	int fail_open, fail_info;
	uint64_t id;
	int pid;
	uint64_t scanned;
	struct sim_guest sim;
	struct kernel_limits limits;
	bool limits_set;
	uint64_t reclaimed;
	uint64_t stayed;
	uint64_t around_used;
	uint64_t fetched;
	uint64_t written_out;
	bool swapped[SIM_PAGES];
};

/**
 * struct fake_kernel - the kernel
 * @kernel: to be given away
 * @fail_*: what the calls return instead of working, 0: nothing
 * @pool_most: a higher limit of the pool is refused; 0: none is
 * @sealed_pool_limit: bytes, as last set
 * @pooled: what is out is in the sealed pool, a page in 1 KiB, of which as much goes to waste
 * @calls: of reclaim
 */
struct fake_kernel {
	struct kernel kernel;
	struct uvmem_info info;
	uint64_t pool_limit;
	uint64_t pool_most;
	uint64_t sealed_pool_limit;
	bool pooled;
	struct fake_vm vms[FAKE_VMS];
	int fail_list, fail_open, fail_info, fail_pool, fail_age, fail_reclaim, fail_stats,
		fail_find, fail_range;
	unsigned int calls;
	unsigned int open_files;
};

void fake_kernel_init(struct fake_kernel *fake);

#endif
